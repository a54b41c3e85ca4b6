/* SPDX-License-Identifier: ISC */
/*
 * verify.h - does this signature prove this public key, on this connection? (RFC 4252 section 7.)
 * Runs in monitor, which knows the session id from the handshake that it let sign, so that nothing
 * that wire says decides.
 */
#ifndef AUTH_VERIFY_H
#define AUTH_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/mem.h"

struct verify_question {
	const uint8_t *session_id; /* the first exchange hash of the connection */
	size_t session_id_len;
	const char *user;      /* as the client sent it */
	const char *algorithm; /* of the signature */
	const uint8_t *blob;   /* the public key, RFC 4253 section 6.6 */
	size_t blob_len;
	/*
	 * As OpenSSL takes it: raw for Ed25519 and RSA, DER for ECDSA. For sk- keys the flags byte and the
	 * big-endian counter (5 bytes) stand in front.
	 */
	const uint8_t *signature;
	size_t signature_len;
};

/* Returns 0, -EACCES (it does not fit), -EINVAL (no key or algorithm that we know). */
int verify_signature(const struct verify_question *q) MUST_CHECK;

#endif
