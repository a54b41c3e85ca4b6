/* SPDX-License-Identifier: ISC */
/*
 * tls_proof.h - did the client of this connection prove that it holds the key of its certificate?
 * Asked by monitor, which believes nothing that wire says: it has seen what the server signed in
 * this connection, and that and the client's own signature must both fit the messages that wire
 * shows.
 */
#ifndef PROTOCOLS_TLS_TLS_PROOF_H
#define PROTOCOLS_TLS_TLS_PROOF_H

#include "auth/certificate.h"
#include "protocols/tls/tls.h"

struct tls_proof {
	const uint8_t *signed_bytes; /* what signer signed for this connection: sign.h */
	size_t signed_len;
	const uint8_t *messages; /* of the handshake, to the client's CertificateVerify */
	size_t len;
};

/*
 * Also whether an authority of tls.client-ca stands behind it and has not taken it back. To be
 * called in a process that has nothing to lose: it parses what a stranger sent. Returns 0 and who
 * it is, or -EACCES and why not, a word for the log.
 */
int tls_proof_check(const struct tls_server *ts, const struct tls_proof *proof,
		    struct auth_certificate *ret, const char **ret_reason) MUST_CHECK;

#endif
