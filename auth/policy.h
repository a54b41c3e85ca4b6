/* SPDX-License-Identifier: ISC */
/*
 * policy.h - auth.rules, auth.factors and the lists of users: what is enough for whom, and who may
 * come at all. The first rule that fits decides.
 */
#ifndef AUTH_POLICY_H
#define AUTH_POLICY_H

#include <stdint.h>

#include "auth/account.h"
#include "conf/conf.h"

/* One connection, as far as a rule can see it. */
struct policy_case {
	const struct conf *conf;
	const struct conf_listener *listener;
	const char *addr; /* of the client, as text */
};

/* Can the rule decide about anybody at this listener? */
bool policy_is_for(const struct conf_auth_rule *rule, const struct conf_listener *listener);

/* The rule that decides about this account now, or NULL. */
const struct conf_auth_rule *policy_find(const struct policy_case *c,
					 const struct account *account);

/* What is enough for this account: a list of alternatives for factor.h. */
const struct conf_list *policy_factors(const struct policy_case *c, const struct account *account);

/*
 * The factors that may come first while nobody knows who it is: those of every rule that somebody
 * on this connection could fall under, so that the answer tells nothing about any user.
 */
uint32_t policy_first_factors(const struct policy_case *c);

/*
 * May this account come, by all that is ours to decide? PAM has its own say. Returns 0, or -errno
 * and the reason for the log in *ret_reason.
 */
int policy_check(const struct policy_case *c, const struct account *account,
		 const char **ret_reason) MUST_CHECK;

/* May somebody with this uid and gid ever come? As policy_check(), which asks this too. */
int policy_account(const struct conf *conf, const struct account *account,
		   const char **ret_reason) MUST_CHECK;

/* Must data connections of this account resume its TLS session? */
enum conf_binding policy_binding(const struct policy_case *c, const struct account *account);

/* How many sessions the account may have at one time. */
uint32_t policy_sessions(const struct policy_case *c, const struct account *account);

#endif
