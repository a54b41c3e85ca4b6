/* SPDX-License-Identifier: ISC */
/* policy.c - goes over the administrator's rules, and what the users file says of one user. */
#include "auth/policy.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "auth/factor.h"
#include "auth/users.h"
#include "server/base/hours.h"
#include "server/base/net.h"

static bool
any_word(const struct conf_list *list, const char *word)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->at[i], word) == 0)
			return true;
	return list->count == 0;
}

static bool
any_network(const struct conf_list *list, const char *addr)
{
	for (size_t i = 0; i < list->count; i++)
		if (net_has(list->at[i], addr))
			return true;
	return list->count == 0;
}

static bool
any_hours(const struct conf_list *list)
{
	time_t now = time(NULL);
	struct tm local;

	if (list->count == 0)
		return true;
	if (!localtime_r(&now, &local))
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (hours_have(list->at[i], &local))
			return true;
	return false;
}

bool
policy_is_for(const struct conf_auth_rule *rule, const struct conf_listener *listener)
{
	return any_word(&rule->protocols, listener->protocol == CONF_SFTP ? "sftp" : "ftps") &&
	       any_word(&rule->listeners, listener->name);
}

/* Everything that can be known of a connection before anybody says who he is. */
static bool
fits_connection(const struct conf_auth_rule *rule, const struct policy_case *c)
{
	return policy_is_for(rule, c->listener) && any_network(&rule->networks, c->addr);
}

const struct conf_auth_rule *
policy_find(const struct policy_case *c, const struct account *account)
{
	for (size_t i = 0; i < c->conf->auth.rule_count; i++) {
		const struct conf_auth_rule *rule = &c->conf->auth.rules[i];

		if (fits_connection(rule, c) && any_hours(&rule->hours) &&
		    (rule->users.count == 0 || account_listed(account, &rule->users)))
			return rule;
	}
	return NULL;
}

const struct conf_list *
policy_factors(const struct policy_case *c, const struct account *account)
{
	static char password[] = "password", *words[] = { password };
	static const struct conf_list any_password = { words, COUNT_OF(words) };
	const struct conf_auth_rule *rule = policy_find(c, account);

	if (account->is_anonymous)
		return &any_password;
	return rule && rule->factors.count > 0 ? &rule->factors : &c->conf->auth.factors;
}

uint32_t
policy_first_factors(const struct policy_case *c)
{
	uint32_t all = factor_missing(&c->conf->auth.factors, 0);

	if (c->conf->auth.anonymous_user)
		all |= FACTOR_PASSWORD;

	/* Hours are left out: wire asks this too, and has no time zone. */
	for (size_t i = 0; i < c->conf->auth.rule_count; i++) {
		const struct conf_auth_rule *rule = &c->conf->auth.rules[i];

		if (rule->factors.count > 0 && fits_connection(rule, c))
			all |= factor_missing(&rule->factors, 0);
	}
	return all;
}

/* What the users file says of him beyond who he is. */
static int
check_limits(const struct policy_case *c, const struct account *account, const char **ret_reason)
{
	bool is_sftp = c->listener->protocol == CONF_SFTP;
	struct user user;
	int err = users_find(c->conf->auth.users_file, account->name, &user);

	*ret_reason = "gone from the users file";
	if (err == 0 && users_locked(&user)) {
		*ret_reason = "locked in the users file";
		err = -EACCES;
	}
	if (err == 0)
		err = limits_check(user.limits, is_sftp, c->addr, time(NULL), ret_reason);
	mem_wipe(&user, sizeof(user));
	return err;
}

int
policy_account(const struct conf *conf, const struct account *account, const char **ret_reason)
{
	if (conf->mode == CONF_PERSONAL) /* whose one uid is no matter of rules */
		return 0;
	if (account->uid == 0 || account->gid == 0)
		*ret_reason = "root does not log in";
	/* Anonymous' account is named in the configuration, and often is one of the system. */
	else if (account->uid < conf->auth.min_uid && !account->is_anonymous)
		*ret_reason = "uid below auth.min-uid";
	else
		return 0;
	return -EACCES;
}

int
policy_check(const struct policy_case *c, const struct account *account, const char **ret_reason)
{
	const struct conf_auth_rule *rule = policy_find(c, account);

	if (policy_account(c->conf, account, ret_reason) < 0)
		return -EACCES;
	if (c->conf->auth.allow_users.count > 0 &&
	    !account_listed(account, &c->conf->auth.allow_users))
		*ret_reason = "not in auth.allow-users";
	else if (account_listed(account, &c->conf->auth.deny_users))
		*ret_reason = "in auth.deny-users";
	else if (rule && !rule->allow)
		*ret_reason = "refused by auth.rules";
	else if (!account->is_virtual && c->conf->auth.require_shell && !account->has_shell)
		*ret_reason = "his shell is not in /etc/shells, and auth.require-shell wants it";
	else if (account->is_virtual && !account->is_anonymous)
		return check_limits(c, account, ret_reason);
	else
		return 0;
	return -EACCES;
}

enum conf_binding
policy_binding(const struct policy_case *c, const struct account *account)
{
	const struct conf_auth_rule *rule = policy_find(c, account);

	return rule && rule->binding != CONF_BINDING_LISTENER ? rule->binding
							      : c->listener->binding;
}

uint32_t
policy_sessions(const struct policy_case *c, const struct account *account)
{
	const struct conf_auth_rule *rule = policy_find(c, account);

	return rule && rule->sessions ? rule->sessions : c->conf->limits.sessions_per_user;
}
