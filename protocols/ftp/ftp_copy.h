/* SPDX-License-Identifier: ISC */
/* ftp_copy.h - copies on the server, by SITE. */
#ifndef PROTOCOLS_FTP_FTP_COPY_H
#define PROTOCOLS_FTP_FTP_COPY_H

struct ftp;

/* SITE CPFR and CPTO; f->path is the path. */
void ftp_copy_from(struct ftp *f);
void ftp_copy_to(struct ftp *f);

#endif
