/* SPDX-License-Identifier: ISC */
/*
 * ctl_check_login.c - `cofferctl check`: can what is wanted of users be brought to each listener?
 */
#include "auth/factor.h"
#include "auth/policy.h"
#include "server/base/text.h"
#include "server/ctl.h"

const char *
ctl_protocol(const struct conf_listener *listener)
{
	return listener->protocol == CONF_SFTP ? "SFTP" : "FTPS";
}

static void
warn_if_shut(const struct conf *conf, const struct conf_listener *listener,
	     const struct conf_list *factors, const struct conf_place *place, const char *whom)
{
	uint32_t possible = factor_possible(conf, listener);
	char storage[1024], ways[512];
	struct text t, list;

	text_init(&list, ways, sizeof(ways));
	if (factor_put(&list, factors, possible, true) > 0)
		return;
	factor_put(&list, factors, possible, false); /* all of them */
	text_init(&t, storage, sizeof(storage));
	text_printf(&t,
		    "warning: %s can log in at listener %s: %s cannot be brought over %s here "
		    "(auth.rules can "
		    "want other factors there, or refuse with a reason)",
		    whom, listener->name, ways, ctl_protocol(listener));
	ctl_complain(NULL, place, t.at);
}

/* Does the rule leave anybody at its listeners to auth.factors? */
static bool
decides_for_all(const struct conf_auth_rule *rule)
{
	return rule->users.count == 0 && rule->networks.count == 0 && rule->hours.count == 0 &&
	       (!rule->allow || rule->factors.count > 0);
}

static void
check_listener(const struct conf *conf, const struct conf_listener *listener)
{
	const struct conf_place common = conf_place_of(conf, &conf->auth.factors);

	for (size_t i = 0; i < conf->auth.rule_count; i++) {
		const struct conf_auth_rule *rule = &conf->auth.rules[i];

		if (!policy_is_for(rule, listener))
			continue;
		if (rule->allow && rule->factors.count > 0)
			warn_if_shut(conf, listener, &rule->factors, &rule->place,
				     "nobody whom this rule is for");
		if (decides_for_all(rule)) /* what is below is for nobody */
			return;
	}
	warn_if_shut(conf, listener, &conf->auth.factors, &common, "nobody");
}

void
ctl_check_logins(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listener_count; i++)
		check_listener(conf, &conf->listeners[i]);
}
