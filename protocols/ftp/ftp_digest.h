/* SPDX-License-Identifier: ISC */
/*
 * ftp_digest.h - checksums by name: those of libcrypto, and CRC32, which it has not.
 */
#ifndef PROTOCOLS_FTP_FTP_DIGEST_H
#define PROTOCOLS_FTP_FTP_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/text.h"

/* In the order of their strength; the first is what HASH uses until OPTS says otherwise. */
enum ftp_digest_kind {
	FTP_DIGEST_SHA256,
	FTP_DIGEST_SHA512,
	FTP_DIGEST_SHA1,
	FTP_DIGEST_MD5,
	FTP_DIGEST_CRC32,
	FTP_DIGEST_KINDS
};

struct ftp_digest;

/* "SHA-256". */
const char *ftp_digest_name(enum ftp_digest_kind kind);
/* 0, or -EINVAL: there is no such name. */
int ftp_digest_find(const char *name, enum ftp_digest_kind *ret_kind) MUST_CHECK;

/* NULL: this build of libcrypto does not have it (MD5 under FIPS). */
struct ftp_digest *ftp_digest_new(enum ftp_digest_kind kind);
void ftp_digest_free(struct ftp_digest *d);
void ftp_digest_add(struct ftp_digest *d, const void *data, size_t len);
/* Puts the digest in hexadecimal; it is used up. */
void ftp_digest_put(struct ftp_digest *d, struct text *t);

#endif
