/* SPDX-License-Identifier: ISC */
/*
 * auth.h - wire asks monitor who the client is. One question at a time; the answer is taken with
 * auth_recv() when auth_fd() is readable. Only monitor counts and decides: a front end that lies
 * about an answer gains nothing, since the worker's socket comes only with a true AUTH_OK.
 *
 *	start --password/key/interactive--> asked --NO (tries left), PARTIAL, KEY_OK--> start
 *	                                    |  ^  '--OK, LAST, EXPIRED--> end
 *	                                ASK |  | answers
 *	                                    v  |
 *	                                  prompted (by the PAM conversation)
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/mem.h"

#define AUTH_NAME_MAX 256      /* bytes of a user name as the client sent it, with its 0 */
#define AUTH_PASSWORD_MAX 1025 /* with its 0 (ledger AU03) */
#define AUTH_PROMPTS_MAX 32
#define AUTH_PROMPT_TEXT_MAX 4096
#define AUTH_TICKET_KEY 80 /* bytes that wire needs to know sessions of the same user again */
#define AUTH_KEY_MAX 8192  /* bytes of a public key blob */

enum auth_method {
	AUTH_PASSWORD = 1,
	AUTH_PUBLICKEY = 2,
	AUTH_INTERACTIVE = 4,
	AUTH_CERTIFICATE = 8
};

enum auth_answer {
	AUTH_OK,      /* logged in: worker_fd, user */
	AUTH_NO,      /* refused; the reason is monitor's secret */
	AUTH_ASK,     /* answer these prompts with auth_send_answers */
	AUTH_PARTIAL, /* this factor was right, more are needed: methods */
	AUTH_LAST,    /* refused, and there are no tries left: say goodbye */
	AUTH_KEY_OK,  /* a key probe: a signature of this key would be looked at */
	AUTH_EXPIRED, /* right, but the password must be changed, which this method cannot do */
};

struct auth_prompt {
	bool echo;
	char *text;
};

struct auth_verdict {
	enum auth_answer answer;
	uint32_t methods;    /* NO, PARTIAL: enum auth_method that can continue */
	int worker_fd;	     /* OK: the socket of the session's worker; the receiver's */
	char user[65];	     /* OK: the name as the account has it */
	char start_dir[256]; /* OK: where the session begins, virtual */
	bool preferred;	     /* OK: data connections need not be bound */
	bool has_ticket_key; /* OK */
	uint8_t ticket_key[AUTH_TICKET_KEY];
	char name[256], instruction[AUTH_PROMPT_TEXT_MAX]; /* ASK: RFC 4256 section 3.2 */
	struct auth_prompt prompts[AUTH_PROMPTS_MAX];
	size_t prompt_count;
};

struct auth;
struct conf;
struct conf_listener;

/* The methods that an SFTP client from addr (text) can begin with. */
uint32_t auth_methods(const struct conf *conf, const struct conf_listener *listener,
		      const char *addr);

/* Over the socket to monitor, which stays the caller's. */
struct auth *auth_new(int sock);
void auth_free(struct auth *a);
int auth_fd(const struct auth *a);

/* Each sends one question. Returns 0, -EMSGSIZE (too long: treat as a refusal), -EPIPE. */
int auth_send_password(struct auth *a, const char *user, const char *password) MUST_CHECK;
/* Starts keyboard-interactive (RFC 4256). */
int auth_send_interactive(struct auth *a, const char *user) MUST_CHECK;
int auth_send_answers(struct auth *a, const char *const *answers, size_t count) MUST_CHECK;
/*
 * A public key: algorithm ("rsa-sha2-256"), blob as on the wire (RFC 4253 section 6.6), and the
 * signature blob, or NULL for a probe (RFC 4252 section 7). verified: the transport says that the
 * signature fits.
 */
int auth_send_key(struct auth *a, const char *user, const char *algorithm, const void *blob,
		  size_t blob_len, const void *signature, size_t signature_len,
		  bool verified) MUST_CHECK;
/*
 * FTPS: the handshake in which the client proved its certificate (tls_client_proof()). There is no
 * answer: what it is worth shows itself when a user is named.
 */
int auth_send_certificate(struct auth *a, const void *handshake, size_t len) MUST_CHECK;
/*
 * FTPS: this user, by that certificate. The answer is OK, or PARTIAL: go on with a password,
 * whether the certificate is his, is not, or is not enough.
 */
int auth_send_certified(struct auth *a, const char *user) MUST_CHECK;
/* For the administrator: a data connection did not resume a session of ours. */
int auth_send_unbound(struct auth *a, bool refused, const char *fingerprint) MUST_CHECK;
/* The client gave up the method it had begun. */
int auth_send_cancel(struct auth *a) MUST_CHECK;

/*
 * Takes the answer. Returns 0, -EAGAIN (not yet), -EPIPE (monitor is gone: exit). The verdict's
 * prompts are freed with auth_verdict_clear().
 */
int auth_recv(struct auth *a, struct auth_verdict *ret_verdict) MUST_CHECK;
void auth_verdict_clear(struct auth_verdict *v);

#endif
