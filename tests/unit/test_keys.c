/* SPDX-License-Identifier: ISC */
/*
 * test_keys.c - authorized_keys: whose they are, whom a line lets in, from where, and until when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "auth/keys_line.h"
#include "server/base/text.h"

/* Eleven bytes that are somebody's key: nobody verifies a signature with it here. */
#define KEY "AAAAC3NzaC1lZDI1NTE5"
static const uint8_t blob[] = {
	0, 0, 0, 11, 's', 's', 'h', '-', 'e', 'd', '2', '5', '5', '1', '9'
};

static bool
fits(const char *options, const char *addr)
{
	struct account account = { .name = "alice" };
	const struct keys_question q = { .account = &account,
					 .addr = addr,
					 .algorithm = "ssh-ed25519",
					 .blob = blob,
					 .blob_len = sizeof(blob) };
	struct keys_search s = { .q = &q, .file = "f" };
	char line[512];

	snprintf(line, sizeof(line), "%s ssh-ed25519 " KEY " alice@home", options);
	return keys_line_fits(&s, line);
}

/* expiry-time of a moment that is so many seconds away: its first digits, here or in UTC. */
static bool
fits_until(int digits, long seconds, bool utc)
{
	time_t then = time(NULL) + seconds;
	char when[80], option[120];
	struct tm tm;

	assert_non_null(utc ? gmtime_r(&then, &tm) : localtime_r(&then, &tm));
	snprintf(when, sizeof(when), "%04d%02d%02d%02d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1,
		 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	snprintf(option, sizeof(option), "expiry-time=\"%.*s%s\"", digits, when, utc ? "Z" : "");
	return fits(option, "192.0.2.1");
}

static void
test_a_key_ends_when_its_line_says_so(void **state)
{
	static const char *const zones[] = { "UTC0", "EAST-9", "WEST7" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(zones); i++) {
		assert_int_equal(setenv("TZ", zones[i], 1), 0);
		tzset();
		assert_true(fits_until(12, 120, false));
		assert_false(fits_until(12, -60, false));
		assert_false(fits_until(14, -60, false));
		assert_true(fits_until(14, 60, true));
		assert_false(fits_until(14, -60, true));
	}
	assert_true(fits("expiry-time=\"20991231\"", "192.0.2.1"));
	assert_false(fits("expiry-time=\"20201231\"", "192.0.2.1"));
}

static void
test_a_date_that_is_none_has_passed(void **state)
{
	static const char *const dates[] = {
		"",	     "2099",	  "20991301",	 "20999931",	  "20992901",
		"20993112",  "20990231",  "20990132",	 "209912312460",  "20991231Z1",
		"20991231z", "99991231 ", "+2099123100", "20991231235960"
	};
	char option[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(dates); i++) {
		snprintf(option, sizeof(option), "expiry-time=\"%s\"", dates[i]);
		if (fits(option, "192.0.2.1"))
			fail_msg("%s lets in", option);
	}
}

static void
test_from_lets_in_whom_it_lists(void **state)
{
	static const struct {
		const char *option, *addr;
		bool in;
	} cases[] = {
		{ "from=\"192.0.2.0/24\"", "192.0.2.9", true },
		{ "from=\"192.0.2.0/24\"", "192.0.3.9", false },
		{ "from=\"192.0.2.*,!192.0.2.9\"", "192.0.2.9", false },
		{ "from=\"192.0.2.*,!192.0.2.9\"", "192.0.2.8", true },
		{ "from=\"*,!2001:DB8::/32\"", "2001:db8::1", false },
		/* Addresses have no case, and patterns of them neither. */
		{ "from=\"*,!2001:DB8:*\"", "2001:db8::1", false },
		{ "from=\"2001:DB8:*\"", "2001:db8::1", true },
		/* What is kept out, but cannot be read, might have been this one. */
		{ "from=\"*,!192.0.2.0/33\"", "192.0.2.9", false },
		{ "from=\"*,!192.0.2.0/24/\"", "192.0.2.9", false },
		{ "from=\"\"", "192.0.2.9", false },
		{ "from=\"*\",from=\"192.0.3.*\"", "192.0.2.9", false },
		{ "from", "192.0.2.9", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		if (fits(cases[i].option, cases[i].addr) != cases[i].in)
			fail_msg("%s and %s", cases[i].option, cases[i].addr);
}

static void
test_what_is_not_understood_lets_nobody_in(void **state)
{
	static const char *const options[] = { "command=\"x\"",
					       "cert-authority",
					       "principals=\"alice\"",
					       "verify-required",
					       "restrict=\"yes\"",
					       "restrict,,pty",
					       "from=\"*",
					       "environment=\"A=\\\",pty\"" };

	(void)state;
	assert_true(fits("", "192.0.2.1"));
	assert_true(fits("restrict,pty", "192.0.2.1"));
	for (size_t i = 0; i < COUNT_OF(options); i++)
		if (fits(options[i], "192.0.2.1"))
			fail_msg("%s lets in", options[i]);
}

/* What stands for no home must not make a path of the root directory. */
static void
test_somebody_without_a_home_has_no_keys_in_it(void **state)
{
	char file[] = "/tmp/coffer-keys-XXXXXX", template[64], line[] = "ssh-ed25519 " KEY "\n";
	char *templates[] = { template }, home[] = "", other[] = "/tmp";
	struct conf conf = { .mode = CONF_PERSONAL, .sftp.authorized_keys = { templates, 1 } };
	struct account account = { .name = "alice", .uid = geteuid(), .home = other };
	const struct keys_question q = { .conf = &conf,
					 .account = &account,
					 .addr = "192.0.2.1",
					 .algorithm = "ssh-ed25519",
					 .blob = blob,
					 .blob_len = sizeof(blob) };
	int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	close(fd);
	snprintf(template, sizeof(template), "%%h%s", strrchr(file, '/'));
	assert_int_equal(keys_find(&q), 0);
	snprintf(template, sizeof(template), "%%h%s", file);
	account.home = home;
	assert_int_equal(keys_find(&q), -ENOENT);
	account.home = NULL;
	assert_int_equal(keys_find(&q), -ENOENT);
	unlink(file);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_key_ends_when_its_line_says_so),
		cmocka_unit_test(test_a_date_that_is_none_has_passed),
		cmocka_unit_test(test_from_lets_in_whom_it_lists),
		cmocka_unit_test(test_what_is_not_understood_lets_nobody_in),
		cmocka_unit_test(test_somebody_without_a_home_has_no_keys_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
