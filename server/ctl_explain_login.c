/* SPDX-License-Identifier: ISC */
/*
 * ctl_explain_login.c - `cofferctl explain`: may this user come, with what, and by which rule. Asks
 * auth/.
 */
#include <stdio.h>
#include <string.h>

#include "auth/factor.h"
#include "auth/policy.h"
#include "server/base/text.h"
#include "server/ctl.h"

/* What is enough, and what of it cannot be brought over this protocol. Returns whether any can. */
static bool
print_factors(const struct policy_case *c, const struct account *account)
{
	const struct conf_list *factors = policy_factors(c, account);
	const char *protocol = ctl_protocol(c->listener);
	char can_room[512], cannot_room[512];
	struct text can, cannot;
	size_t ways, shut;
	uint32_t possible = factor_possible(c->conf, c->listener);

	text_init(&can, can_room, sizeof(can_room));
	text_init(&cannot, cannot_room, sizeof(cannot_room));
	ways = factor_put(&can, factors, possible, true);
	shut = factor_put(&cannot, factors, possible, false);
	if (ways == 0)
		printf("refused: only with %s, which cannot be brought over %s here\n", cannot.at,
		       protocol);
	else
		printf("allowed, with %s; %u sessions\n", can.at, policy_sessions(c, account));
	if (ways > 0 && shut > 0)
		printf("  cannot be brought over %s here: %s\n", protocol, cannot.at);
	return ways > 0;
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
		} else if (!print_factors(&c, account)) {
			all = false;
		}
		print_rule(conf, policy_find(&c, account));
	}
	if (!account->is_virtual)
		printf("  PAM has its own say about accounts of the system\n");
	return all;
}
