/* SPDX-License-Identifier: ISC */
/*
 * ftp_line.h - bytes of the control connection become command lines. A line ends with LF; a CR in
 * front of that is not part of it. Everything else is data, up to FTP_LINE_MAX bytes.
 */
#ifndef PROTOCOLS_FTP_FTP_LINE_H
#define PROTOCOLS_FTP_FTP_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* Two verbs and the longest path fit. */
#define FTP_LINE_MAX 8192u
/* So many bytes without an end of line are not a mistake. */
#define FTP_LINE_ENDLESS 65536u

enum ftp_line_kind {
	FTP_LINE_NONE,	  /* no whole line yet */
	FTP_LINE_COMMAND, /* a line, without its end */
	FTP_LINE_EMPTY,
	FTP_LINE_NUL,	/* it contains a 0 byte */
	FTP_LINE_LONG,	/* it was longer than FTP_LINE_MAX and is discarded as a whole */
	FTP_LINE_FLOOD, /* FTP_LINE_ENDLESS bytes without an end: give up */
};

struct ftp_line {
	char room[FTP_LINE_MAX];
	size_t len;	/* bytes in room */
	size_t taken;	/* of these, the line that ftp_line_next showed, with its end */
	size_t dropped; /* bytes of a long line that are gone already */
	size_t shown;	/* where that line begins, behind telnet commands */
	enum ftp_line_kind kind;
};

void ftp_line_init(struct ftp_line *l);

/* Where received bytes go, and how many may come (0: take a line first). */
char *ftp_line_space(struct ftp_line *l, size_t *ret_size);
void ftp_line_received(struct ftp_line *l, size_t len);

/*
 * Shows the first line without taking it: the same one is shown until ftp_line_done. *ret_line is
 * ended by a 0, may be changed, and has lost telnet commands at its beginning (IAC IP, IAC DM
 * before ABOR; RFC 959, section 4.1.3).
 */
enum ftp_line_kind ftp_line_next(struct ftp_line *l, char **ret_line);

/* Takes the line that was shown, and wipes it. */
void ftp_line_done(struct ftp_line *l);

/* Bytes that nobody took, beyond the line that is being shown. */
size_t ftp_line_left(const struct ftp_line *l);

/* Wipes everything: nothing said in clear lives on inside TLS. */
void ftp_line_wipe(struct ftp_line *l);

#endif
