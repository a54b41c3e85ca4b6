/* SPDX-License-Identifier: ISC */
/* ftp_serve.h - lines become commands, one behind the other. */
#ifndef PROTOCOLS_FTP_FTP_SERVE_H
#define PROTOCOLS_FTP_FTP_SERVE_H

#include <stdbool.h>
#include <stdint.h>

struct ftp;

/* Serves what may be served of the lines that are here. False: replies ran out of room. */
bool ftp_serve_lines(struct ftp *f);

/* May the next line be served now, but for a command that lasts? */
bool ftp_serve_may(const struct ftp *f);
/*
 * The clock_ms() from which urgent commands no longer wait for the first reply of a transfer, since
 * worker hangs; CLOCK_NEVER when none has to.
 */
uint64_t ftp_serve_deadline(const struct ftp *f);
/* Does a command last: a transfer or a job? */
bool ftp_serve_is_busy(const struct ftp *f);

#endif
