/* SPDX-License-Identifier: ISC */
/*
 * sign.h - private keys live in the signer process and nowhere else. Wire asks for a signature over
 * bytes of a known shape; monitor checks shape and number on the way, signer checks the shape
 * again.
 *
 * Shapes (sign_shape_ok): for SSH an exchange hash of 32, 48 or 64 bytes (RFC 4253 section 8, RFC
 * 8731); for TLS the server's CertificateVerify context of TLS 1.3 with its hash (RFC 8446 section
 * 4.4.3), or both randoms and named-curve ECDHE parameters of TLS 1.2 (RFC 8422 section 5.4).
 * Nothing is decrypted, and no raw RSA operation exists.
 */
#ifndef SERVER_SIGN_H
#define SERVER_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/mem.h"

#define SIGN_KEYS_MAX 16
#define SIGN_TBS_MAX 1024
#define SIGN_SIGNATURE_MAX 1024
#define SIGN_PUBLIC_MAX 2048

enum sign_purpose { SIGN_TLS = 1, SIGN_SSH = 2 };
enum sign_padding { SIGN_PAD_NONE, SIGN_PAD_PKCS1, SIGN_PAD_PSS };

/* The public half of a key that signer holds. */
struct sign_key {
	enum sign_purpose purpose;
	uint32_t id;		       /* names it in a request */
	uint32_t index;		       /* its place in tls.certificates or sftp.host-keys */
	uint8_t spki[SIGN_PUBLIC_MAX]; /* DER SubjectPublicKeyInfo */
	size_t spki_len;
};

struct sign_keys {
	struct sign_key at[SIGN_KEYS_MAX];
	size_t count;
};

struct sign_request {
	enum sign_purpose purpose;
	uint32_t key;
	char digest[32]; /* OpenSSL's name, "SHA256"; "" for Ed25519 */
	enum sign_padding padding;
	const uint8_t *tbs;
	size_t tbs_len;
};

/* In wire, once: the socket on which sign_ask asks. */
void sign_use(int sock);

/*
 * Asks and waits. ECDSA signatures are DER, others raw. Returns 0 and the signature, or -EACCES
 * (the shape or the quota forbids it), -EMSGSIZE (it does not fit in size), -EPIPE (monitor is
 * gone), -ETIMEDOUT.
 */
int sign_ask(const struct sign_request *request, uint8_t *signature, size_t size,
	     size_t *ret_len) MUST_CHECK;

/* Is this something that a server signs in a handshake, and nothing else? */
bool sign_shape_ok(enum sign_purpose purpose, const uint8_t *tbs, size_t len);

#endif
