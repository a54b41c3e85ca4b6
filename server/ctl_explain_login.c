/* SPDX-License-Identifier: ISC */
/* ctl_explain_login.c - `cofferctl explain`: may this user come, with what, and by which rule. Asks
 * auth/. */
#include <stdio.h>
#include <string.h>

#include "auth/policy.h"
#include "server/ctl.h"

static void
print_factors(const struct conf_list *factors)
{
	if (factors->count == 0)
		printf("password, or publickey");
	for (size_t i = 0; i < factors->count; i++)
		printf("%s%s", i ? ", or " : "", factors->at[i]);
}

static void
print_rule(const struct conf *conf, const struct conf_auth_rule *rule)
{
	struct conf_place place = rule ? rule->place : conf_place_of(conf, &conf->auth.factors);

	if (place.line)
		printf("  rule: %s:%u:%u\n", place.file, place.line, place.column);
}

/* Is the listener meant by this word? NULL: every one is. */
static bool
is_meant(const struct conf_listener *l, const char *protocol)
{
	return !protocol || strcmp(protocol, l->protocol == CONF_SFTP ? "sftp" : "ftps") == 0;
}

bool
ctl_explain_login(const struct conf *conf, const struct account *account, const char *protocol,
		  const char *addr)
{
	bool all = true;

	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct policy_case c = { .conf = conf,
					       .listener = &conf->listeners[i],
					       .addr = addr ? addr : "" };
		const char *reason = "";

		if (!is_meant(c.listener, protocol))
			continue;
		printf("login of %s at listener %s%s%s: ", account->name, c.listener->name,
		       addr ? " from " : "", addr ? addr : "");
		if (policy_check(&c, account, &reason) < 0) {
			printf("refused: %s\n", reason);
			all = false;
		} else {
			printf("allowed, with ");
			print_factors(policy_factors(&c, account));
			printf("; %u sessions\n", policy_sessions(&c, account));
		}
		print_rule(conf, policy_find(&c, account));
	}
	if (!account->is_virtual)
		printf("  PAM has its own say about accounts of the system\n");
	return all;
}
