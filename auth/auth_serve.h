/* SPDX-License-Identifier: ISC */
/*
 * auth_serve.h - the answering side of auth.h: monitor's. It alone knows who somebody is, counts
 * the guesses, and lets every refusal take the same time.
 *
 *	WAITING --a message--> decided --GO_ON--> WAITING
 *	                          |--LOGGED_IN--> auth_serve_accept() or _refuse()
 *	                          '--END: no tries left, or wire broke the rules
 */
#ifndef AUTH_AUTH_SERVE_H
#define AUTH_AUTH_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/account.h"
#include "auth/auth.h"
#include "auth/certificate.h"
#include "conf/conf.h"
#include "server/base/buf.h"

/* What monitor lends: running a function with the rights of an account (fork, become, wait). */
struct auth_host {
	void *ctx;
	/* Returns what fn returned (0 or -errno), or -EIO when it could not be run. */
	int (*as_user)(void *ctx, const struct account *account, int (*fn)(void *arg), void *arg);
	/*
	 * The SSH session id of this connection, from the handshake that monitor let sign; 0 bytes:
	 * none.
	 */
	const uint8_t *(*session_id)(void *ctx, size_t *ret_len);
	/* The public host key that signed this handshake, DER; NULL: none. May be NULL itself. */
	const uint8_t *(*host_key)(void *ctx, size_t *ret_len);
	/* A wrong login as this name: how much longer its refusal is held back. May be NULL. */
	uint64_t (*failed)(void *ctx, const char *user);
	/*
	 * Is this handshake the one of this connection, and does the client's certificate hold? In
	 * a process that has nothing to lose. 0 and who it is, or -errno and a reason. May be NULL.
	 */
	int (*certificate)(void *ctx, const uint8_t *handshake, size_t len,
			   struct auth_certificate *ret, char *ret_reason, size_t reason_size);
	/*
	 * Marks a one-time code as used; false: it was already, or too many were wrong. step 0: one
	 * was wrong. NULL: no code is good.
	 */
	bool (*use_code)(void *ctx, const char *user, uint64_t step);
};

enum auth_step { AUTH_STEP_GO_ON, AUTH_STEP_LOGGED_IN, AUTH_STEP_END };

struct auth_serve;

/* addr: the client's address as text. All pointers stay the caller's and must stay valid. */
struct auth_serve *auth_serve_new(const struct conf *conf, const struct conf_listener *listener,
				  int wire_sock, const char *addr, const struct auth_host *host);

/*
 * Handles one message of wire that is one of auth's; b stands behind its head and may be wiped. May
 * take as long as PAM takes. Fails with AUTH_STEP_END on anything that is not exactly right.
 */
enum auth_step auth_serve_message(struct auth_serve *s, uint16_t type, struct buf *b);

/* After LOGGED_IN: who it is. Stays valid as long as s. */
const struct account *auth_serve_account(const struct auth_serve *s);
const char *auth_serve_method(const struct auth_serve *s);
/* How many sessions the account may have at one time. */
uint32_t auth_serve_sessions(const struct auth_serve *s);

/*
 * After LOGGED_IN: opens the PAM session, to be called before the worker is forked. 0 or -EACCES.
 */
int auth_serve_open_session(struct auth_serve *s) MUST_CHECK;

/*
 * After LOGGED_IN: tells wire, with the worker's socket, and AUTH_TICKET_KEY bytes or none. Returns
 * 0 or -errno.
 */
int auth_serve_accept(struct auth_serve *s, int worker_fd, const void *ticket_key,
		      size_t len) MUST_CHECK;
/*
 * After LOGGED_IN: something else stood in the way; for the client it is a refusal like any other.
 */
enum auth_step auth_serve_refuse(struct auth_serve *s, const char *reason);

/*
 * Would somebody who is logged in as name be let in now, by his account and the rules? Nothing is
 * proven again. Asks PAM, so it may take long. Returns 0, or -errno and why not in *ret_reason.
 */
int auth_serve_again(const struct conf *conf, const struct conf_listener *listener,
		     const char *addr, const char *name, const char **ret_reason) MUST_CHECK;

/* Closes the PAM session. */
void auth_serve_free(struct auth_serve *s);

#endif
