/* SPDX-License-Identifier: ISC */
/* ftp_reply.h - what the client hears. Text is made harmless: one line stays one line. */
#ifndef PROTOCOLS_FTP_FTP_REPLY_H
#define PROTOCOLS_FTP_FTP_REPLY_H

#include <stdbool.h>

#include "server/base/mem.h"

struct ftp;

/* Room for replies. A command is served only while at least FTP_REPLY_ROOM of it is free. */
#define FTP_OUT_MAX 32768u
#define FTP_REPLY_ROOM 24576u

/* A line to the client. */
void ftp_reply(struct ftp *f, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/*
 * In front of that, of a reply of several lines: the first, and the middle ones, which begin with a
 * blank.
 */
void ftp_reply_first(struct ftp *f, int code, const char *text);
void ftp_reply_more(struct ftp *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* What worker decided: the code that belongs to -errno, and why, or the words of our own table. */
void ftp_reply_error(struct ftp *f, int err, const char *why);
/* Puts the path that a command names, cleaned, into f->path. False: it has replied. */
bool ftp_take_path(struct ftp *f, const char *path);
int ftp_reply_code(int err);
const char *ftp_reply_words(int err);
/* May a command be served now? */
bool ftp_reply_has_room(const struct ftp *f);

#endif
