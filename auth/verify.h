/* SPDX-License-Identifier: ISC */
/*
 * verify.h - does this signature prove this public key, on this connection? (RFC 4252 section 7.)
 * Runs in monitor, which knows the session id from the handshake that it let sign, so that nothing
 * that wire says decides.
 *
 * Besides the plain form there is publickey-hostbound-v00@openssh.com (PROTOCOL of OpenSSH), in
 * which the server's own host key is signed too. Which form a client chose is not asked: both prove
 * the key to this connection, and the host key of the second is the one that monitor saw sign.
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
	 * As OpenSSL takes it: raw for Ed25519 and RSA, DER for ECDSA. For sk- keys the flags byte
	 * and the big-endian counter (5 bytes) stand in front.
	 */
	const uint8_t *signature;
	size_t signature_len;
	const uint8_t
	    *host_key; /* of this server, as a blob; NULL: the host-bound form is not taken */
	size_t host_key_len;
};

/*
 * Returns 0, -EACCES (it does not fit), -EINVAL (no key or algorithm that we know). blob may be a
 * certificate: then the key inside must have signed; what the certificate says is cert.h's matter.
 */
int verify_signature(const struct verify_question *q) MUST_CHECK;

/*
 * Did the key of this blob make this signature, in SSH's own form (RFC 4253 section 6.6: algorithm
 * and bytes), over data? Not for security keys and not by SHA-1. Returns 0, -EACCES, -EINVAL.
 */
int verify_blob_signature(const void *blob, size_t blob_len, const void *signature,
			  size_t signature_len, const void *data, size_t len) MUST_CHECK;

/*
 * The blob (RFC 4253 section 6.6, RFC 5656, RFC 8709) of a public key that is DER (RFC 5280,
 * SubjectPublicKeyInfo). Returns 0, or -EINVAL (of no kind that SSH knows, or too long).
 */
int verify_blob(const uint8_t *spki, size_t spki_len, uint8_t *room, size_t size,
		size_t *ret_len) MUST_CHECK;

#endif
