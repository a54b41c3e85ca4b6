/* SPDX-License-Identifier: ISC */
/*
 * pam.h - one PAM transaction. Runs in monitor, as root. A module may do anything and may hang: the
 * listener's deadline ends monitor then.
 */
#ifndef AUTH_PAM_H
#define AUTH_PAM_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/mem.h"

struct pam_prompt {
	bool echo;
	const char *text;
};

/*
 * Answers count prompts of a module: fills answers[i] with new strings (freed, wiped, by pam.c).
 * info is what the module wants shown first ("" for nothing). Returns 0 or -errno: the login fails.
 */
typedef int pam_talk_fn(void *ctx, const char *info, const struct pam_prompt *prompts, size_t count,
			char **answers);

struct pam_login;

/* Begins. rhost is the client's address, tty a word such as "ftps". Returns 0 or -EIO. */
int pam_login_new(const char *service, const char *user, const char *rhost, const char *tty,
		  pam_talk_fn *talk, void *ctx, struct pam_login **ret_login) MUST_CHECK;

/* The factors of the service. 0, or -EACCES and *ret_reason has PAM's words for the log. */
int pam_login_authenticate(struct pam_login *p, const char **ret_reason) MUST_CHECK;
/*
 * May the account be used at all, now, from there? Also for logins by key. -EKEYEXPIRED: yes, but
 * with a new password only.
 */
int pam_login_account(struct pam_login *p, const char **ret_reason) MUST_CHECK;
/* Asks for a new password in place of the expired one, over the conversation. */
int pam_login_change(struct pam_login *p, const char **ret_reason) MUST_CHECK;
/* Credentials and session, before the worker is forked. The groups of the process may change. */
int pam_login_open(struct pam_login *p, const char **ret_reason) MUST_CHECK;

/* The user as PAM sees him by now: a module may have changed the name. */
const char *pam_login_user(struct pam_login *p);

/* Closes the session when it was opened, and ends the transaction. */
void pam_login_free(struct pam_login *p);

#endif
