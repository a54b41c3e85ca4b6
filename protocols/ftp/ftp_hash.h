/* SPDX-License-Identifier: ISC */
/* ftp_hash.h - checksums: what OPTS and FEAT want of them, and the loop. */
#ifndef PROTOCOLS_FTP_FTP_HASH_H
#define PROTOCOLS_FTP_FTP_HASH_H

#include "server/base/text.h"

struct ftp;

void ftp_hash_opts(struct ftp *f, const char *arg);
/* For FEAT. */
void ftp_hash_names(const struct ftp *f, struct text *t);
/* While job.reading: hashes as much as a turn of the loop may take. */
void ftp_hash_pump(struct ftp *f);

#endif
