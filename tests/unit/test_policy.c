/* SPDX-License-Identifier: ISC */
/*
 * test_policy.c - auth.rules: the first that fits decides, and what is shown tells nothing of
 * users.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "auth/factor.h"
#include "auth/policy.h"

static struct conf *
load(const char *auth)
{
	char text[2048];
	struct conf *conf;
	int len = snprintf(
	    text, sizeof(text),
	    "mode: personal\n"
	    "listeners: {inside: {protocol: sftp, port: 2222}, outside: {protocol: ftps}}\n"
	    "tls: {certificates: [{certificate: /c, key: /k}]}\n"
	    "sftp: {host-keys: /h}\n"
	    "auth: {users-file: /u, %s}\n"
	    "shares: {files: {path: /srv}}\n",
	    auth);

	assert_int_equal(conf_load_text("test", text, (size_t)len, NULL, NULL, &conf), 0);
	return conf;
}

static char *staff[] = { (char[]) { "staff" }, NULL };
static const struct account alice = { .name = "alice", .group_names = staff },
			    bob = { .name = "bob" }; /* of the system */

static struct policy_case
from(const struct conf *conf, const char *listener, const char *addr)
{
	for (size_t i = 0; i < conf->listener_count; i++)
		if (strcmp(conf->listeners[i].name, listener) == 0)
			return (struct policy_case) { conf, &conf->listeners[i], addr };
	fail();
	return (struct policy_case) { 0 };
}

static void
test_first_rule_that_fits_decides(void **state)
{
	struct conf *conf =
	    load("rules: [{users: alice, networks: 192.0.2.0/24},"
		 " {users: '@staff', allow: no}, {listeners: outside, users: bob, allow: no}]");
	struct policy_case near = from(conf, "inside", "192.0.2.9"),
			   far = from(conf, "inside", "198.51.100.1"),
			   outside = from(conf, "outside", "192.0.2.9");
	const char *reason = NULL;

	(void)state;
	assert_int_equal(policy_check(&near, &alice, &reason), 0);
	assert_int_not_equal(policy_check(&far, &alice, &reason), 0);
	assert_string_equal(reason, "refused by auth.rules");
	assert_int_equal(policy_check(&far, &bob, &reason), 0);
	assert_int_not_equal(policy_check(&outside, &bob, &reason), 0);
	assert_null(policy_find(&far, &bob));
	conf_free(conf);
}

static void
test_factors_and_sessions_are_those_of_the_rule(void **state)
{
	struct conf *conf = load(
	    "factors: [password], rules: [{users: alice, factors: [publickey+totp], sessions: 2},"
	    " {protocols: ftps, factors: [password+totp]}]");
	struct policy_case in = from(conf, "inside", "::1"), out = from(conf, "outside", "::1");

	(void)state;
	assert_true(factor_enough(policy_factors(&in, &bob), FACTOR_PASSWORD));
	assert_false(factor_enough(policy_factors(&in, &alice), FACTOR_PASSWORD));
	assert_false(factor_enough(policy_factors(&out, &bob), FACTOR_PASSWORD));
	assert_int_equal(policy_sessions(&in, &alice), 2);
	assert_int_equal(policy_sessions(&in, &bob), conf->limits.sessions_per_user);
	/* A stranger is shown what anybody here may begin with, whoever he says he is. */
	assert_int_equal(policy_first_factors(&in), FACTOR_PASSWORD | FACTOR_KEY);
	conf_free(conf);
}

static void
test_hours_of_a_rule_hold_for_this_moment(void **state)
{
	time_t now = time(NULL), later = now + 2 * 86400;
	char text[64], day[8];
	struct conf *today, *other;
	struct policy_case t, o;
	const char *reason;

	(void)state;
	strftime(day, sizeof(day), "%a", localtime(&now));
	snprintf(text, sizeof(text), "rules: [{hours: %s, allow: no}]", day);
	today = load(text);
	strftime(day, sizeof(day), "%a", localtime(&later));
	snprintf(text, sizeof(text), "rules: [{hours: %s, allow: no}]", day);
	other = load(text);
	t = from(today, "inside", "::1");
	o = from(other, "inside", "::1");
	assert_int_not_equal(policy_check(&t, &alice, &reason), 0);
	assert_int_equal(policy_check(&o, &alice, &reason), 0);
	conf_free(today);
	conf_free(other);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_rule_that_fits_decides),
		cmocka_unit_test(test_factors_and_sessions_are_those_of_the_rule),
		cmocka_unit_test(test_hours_of_a_rule_hold_for_this_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
