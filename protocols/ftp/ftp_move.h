/* SPDX-License-Identifier: ISC */
/* ftp_move.h - the bytes of a transfer, between the file and TLS. */
#ifndef PROTOCOLS_FTP_FTP_MOVE_H
#define PROTOCOLS_FTP_FTP_MOVE_H

#include <stdbool.h>

#include "server/base/mem.h"

struct ftp;

/* FTP_MOVING of a download, and of an upload: as much as a turn of the loop may take. */
void ftp_move_get(struct ftp *f);
void ftp_move_put(struct ftp *f);
/* Sends ftp->piece; last: with the end. True when all of it left and the next may be made. */
bool ftp_move_send(struct ftp *f, bool last);
/* Everything was given to TLS: says goodbye there, and lets the client have the last word. */
void ftp_move_end(struct ftp *f);
/* FTP_ENDING: until that has left. */
void ftp_move_ending(struct ftp *f);
/* Writes ftp->piece into the file. Returns 0 or -errno. */
int ftp_move_write(struct ftp *f) MUST_CHECK;

#endif
