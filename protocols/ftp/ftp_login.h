/* SPDX-License-Identifier: ISC */
/* ftp_login.h - from the greeting to a logged-in session. */
#ifndef PROTOCOLS_FTP_FTP_LOGIN_H
#define PROTOCOLS_FTP_FTP_LOGIN_H

struct ftp;

void ftp_login_greet(struct ftp *f);
/* The handshake is done. */
void ftp_login_secured(struct ftp *f);
/* auth_fd is readable. */
void ftp_login_verdict(struct ftp *f);

#endif
