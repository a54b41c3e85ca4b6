/* SPDX-License-Identifier: ISC */
/*
 * sign_serve.h - monitor's part of sign.h: it passes a request of wire on to signer when its shape
 * and the quota allow, and remembers the SSH session id, which is the first hash that was signed.
 */
#ifndef SERVER_SIGN_SERVE_H
#define SERVER_SIGN_SERVE_H

#include "server/base/rate.h"
#include "server/sign.h"

struct sign_serve {
	int wire, signer;	   /* sockets; the owner's */
	enum sign_purpose purpose; /* the only one that this listener's protocol needs */
	bool logged_in;
	unsigned int before_login; /* signatures that were given before the login */
	struct rate after_login;
	uint8_t session_id[64]; /* SSH: RFC 4253 section 7.2 */
	size_t session_id_len;
	uint8_t tls[SIGN_TBS_MAX]; /* TLS: what was signed in the one handshake before login */
	size_t tls_len;
	uint32_t session_key; /* SSH: the host key that signed it, sign_key.id */
};

void sign_serve_init(struct sign_serve *s, int wire, int signer, enum sign_purpose purpose);

/*
 * Serves one request of wire. Returns 0, or -errno when the session must end: a message that is not
 * one of ours, a shape that no handshake has, or a wire or signer that does not answer.
 */
int sign_serve_message(struct sign_serve *s) MUST_CHECK;

#endif
