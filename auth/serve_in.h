/* SPDX-License-Identifier: ISC */
/*
 * serve_in.h - what the files of the answering side share: the state of one connection's login. All
 * run in monitor.
 *
 *	auth_serve.c -> serve_prove.c    -> serve_find.c
 *	(messages)      (factors)           (accounts, passwords)
 *	      |                '-> serve_talk.c <-'
 *	      |                    (prompts)
 *	      '-> serve_answer.c (verdicts, tries, time)
 */
#ifndef AUTH_SERVE_IN_H
#define AUTH_SERVE_IN_H

#include "auth/auth_serve.h"
#include "auth/keys.h"
#include "auth/pam.h"
#include "auth/policy.h"
#include "server/base/ipc.h"

struct auth_serve {
	const struct conf *conf;
	const struct conf_listener *listener;
	const struct auth_host *host;
	const char *addr;
	int sock;
	uint32_t tries_left, probes_left;
	const char *talk_reason; /* why the conversation ended; PAM knows only that it did */
	bool expired;		 /* the password was right and too old */
	bool decided;		 /* LOGGED_IN was returned: nothing more is served */
	uint64_t started_ms, release_ms; /* of the attempt */
	const char *method, *reason;
	uint32_t have; /* enum factor that were right, all of this name: */
	char for_user[AUTH_NAME_MAX];
	uint32_t partials_left;
	bool certificate_shown, certified; /* a handshake came; it was good */
	struct auth_certificate certificate;
	struct account account;
	struct pam_login *pam;
	const char *password;	       /* for the first echo-off prompt; NULL once given */
	char shown[2048];	       /* words of a module that wait for its next prompt */
	uint8_t room[IPC_MESSAGE_MAX]; /* answers, or the prompts of a round */
};

/* What a rule can see of the connection. */
static inline struct policy_case
serve_case(const struct auth_serve *s)
{
	return (struct policy_case) { .conf = s->conf, .listener = s->listener, .addr = s->addr };
}

/* ---- serve_answer.c ---- */

/* Draws the moment before which a refusal does not leave: before anything is looked up. */
void serve_begin_attempt(struct auth_serve *s, const char *user, const char *method,
			 uint64_t floor_ms);
/* Waits for that moment. False: wire is gone meanwhile. */
bool serve_wait(const struct auth_serve *s) MUST_CHECK;
/* Nothing is proven any more. */
void serve_start_over(struct auth_serve *s);

/* Sends a verdict, with a descriptor or -1; OK has a key for tickets too. Returns 0 or -errno. */
int serve_say(struct auth_serve *s, enum auth_answer answer, int worker_fd) MUST_CHECK;
int serve_say_ok(struct auth_serve *s, enum auth_answer answer, int worker_fd, const void *key,
		 size_t len) MUST_CHECK;

/* The attempt has failed, s->reason says why: a try less, a record, and the answer in its time. */
enum auth_step serve_refuse(struct auth_serve *s, const char *user, bool is_guess);

/* ---- serve_talk.c ---- */

/*
 * Two pam_talk_fn; ctx is a struct auth_serve. The first gives s->password to the first echo-off
 * prompt, and refuses every other; the second asks the client, over keyboard-interactive.
 */
int serve_talk_password(void *ctx, const char *info, const struct pam_prompt *prompts, size_t count,
			char **answers);
int serve_talk_client(void *ctx, const char *info, const struct pam_prompt *prompts, size_t count,
		      char **answers);

/*
 * Asks the client one thing without echo, and copies what he says; the caller wipes it. 0 or
 * -errno.
 */
int serve_ask(struct auth_serve *s, const char *prompt, char *room, size_t size) MUST_CHECK;

/* ---- serve_find.c: each returns 0 or -errno, and s->reason says why ---- */

/* Weighs one guess: password NULL, it is asked for. Fills s->account. */
int serve_check_password(struct auth_serve *s, const char *name, const char *password) MUST_CHECK;

/* Is this a key of this name? Fills s->account. */
int serve_check_key(struct auth_serve *s, const char *name, struct keys_question *q) MUST_CHECK;

/* Is the certificate of this connection his? Fills s->account. */
int serve_check_certificate(struct auth_serve *s, const char *name) MUST_CHECK;

/*
 * Who has this name, if anybody: nothing is proven. For what must be known before a guess is
 * weighed. The caller clears it.
 */
int serve_look_up(struct auth_serve *s, const char *name, struct account *ret) MUST_CHECK;

/* Every factor is there. May he come, then? */
int serve_check_rules(struct auth_serve *s) MUST_CHECK;

/* ---- serve_prove.c ---- */

/* What a check of one factor works with. */
struct proof {
	const char *name;
	const char *password; /* NULL: it is asked for */
	struct keys_question *key;
	const uint8_t *signature;
	size_t signature_len;
};

/* The factors that may come next. */
uint32_t serve_missing(const struct auth_serve *s);
/* Are those that were right enough for this account? */
bool serve_enough(const struct auth_serve *s);

/*
 * Each weighs what the client brought; s->have is what stands now. 0 or -errno, and s->reason says
 * why.
 */
int serve_prove_password(struct auth_serve *s, struct proof *p) MUST_CHECK;
int serve_prove_key(struct auth_serve *s, struct proof *p) MUST_CHECK;
int serve_prove_asking(struct auth_serve *s, struct proof *p) MUST_CHECK;
int serve_prove_certificate(struct auth_serve *s, struct proof *p) MUST_CHECK;
/*
 * FTPS has one line for everything: the digits of a code stand behind the password, or alone when
 * nothing but a code is missing.
 */
int serve_prove_line(struct auth_serve *s, const char *user, char *password) MUST_CHECK;

#endif
