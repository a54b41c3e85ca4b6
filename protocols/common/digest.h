/* SPDX-License-Identifier: ISC */
/*
 * digest.h - checksums by name: those of libcrypto, and CRC32, which it has not.
 */
#ifndef PROTOCOLS_COMMON_DIGEST_H
#define PROTOCOLS_COMMON_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/text.h"

/* In the order of their strength; the first is what HASH uses until OPTS says otherwise. */
enum digest_kind {
	DIGEST_SHA256,
	DIGEST_SHA512,
	DIGEST_SHA1,
	DIGEST_MD5,
	DIGEST_CRC32,
	DIGEST_KINDS
};

/* Bytes of the longest. */
#define DIGEST_BYTES_MAX 64

struct digest;

/* "SHA-256". */
const char *digest_name(enum digest_kind kind);
/* 0, or -EINVAL: there is no such name. */
int digest_find(const char *name, enum digest_kind *ret_kind) MUST_CHECK;

/* "sha256": as SFTP's check-file and sha256sum(1) call it. */
const char *digest_short_name(enum digest_kind kind);
/* The same for the len bytes of a short name. */
int digest_find_short(const char *name, size_t len, enum digest_kind *ret_kind) MUST_CHECK;

/* NULL: this build of libcrypto does not have it (MD5 under FIPS). */
struct digest *digest_new(enum digest_kind kind);
void digest_free(struct digest *d);
void digest_add(struct digest *d, const void *data, size_t len);
/* The digest; it is used up. Returns its length. */
size_t digest_bytes(struct digest *d, uint8_t room[DIGEST_BYTES_MAX]);
/* Puts the digest in hexadecimal; it is used up. */
void digest_put(struct digest *d, struct text *t);

#endif
