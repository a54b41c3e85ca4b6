/* SPDX-License-Identifier: ISC */
/* ftp_control.h - the bytes of the control connection, in clear until AUTH and in TLS behind it. */
#ifndef PROTOCOLS_FTP_FTP_CONTROL_H
#define PROTOCOLS_FTP_FTP_CONTROL_H

#include <stdbool.h>

struct ftp;

/* Sends replies as far as the client takes them. False: the connection is gone. */
bool ftp_control_send(struct ftp *f);
/* Has everything left? */
bool ftp_control_is_empty(const struct ftp *f);
/* Reads what is there into the line buffer, or goes on with the handshake. */
void ftp_control_read(struct ftp *f);
/* The 234 has left in clear, or implicit TLS begins. */
void ftp_control_begin_tls(struct ftp *f);
short ftp_control_events(struct ftp *f);

#endif
