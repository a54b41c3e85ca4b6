/* SPDX-License-Identifier: ISC */
/*
 * test_limits.c - the limits of one user: what can be written, whom it lets in, how it is changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "auth/limits.h"

/* Friday, 2026-11-27, 12:00 here. */
static time_t
friday_noon(void)
{
	struct tm tm = {
		.tm_year = 126, .tm_mon = 10, .tm_mday = 27, .tm_hour = 12, .tm_isdst = -1
	};

	return mktime(&tm);
}

static void
test_what_cannot_be_read_is_a_fault_and_fits_nobody(void **state)
{
	static const char *const good[] = { "", "expires=2027-01-31",
					    "protocols=sftp;protocols=ftps",
					    "networks=2001:db8::/32;hours=Mon-Fri 08:00-18:00" };
	static const char *const bad[] = { ";",
					   "expires",
					   "expires=",
					   "expires=2027-02-30",
					   "expires=27-02-03",
					   "expires=2027-1-31",
					   "protocols=ftp",
					   "networks=example.com",
					   "hours=always",
					   "color=blue",
					   "expires=2027-01-31;",
					   ";expires=2027-01-31",
					   "EXPIRES=2027-01-31",
					   "expires =2027-01-31" };
	const char *reason;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_null(limits_fault(good[i]));
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (!limits_fault(bad[i]))
			fail_msg("\"%s\" is taken", bad[i]);
		assert_int_not_equal(limits_check(bad[i], true, "::1", friday_noon(), &reason), 0);
	}
}

static void
test_whom_they_let_in(void **state)
{
	static const struct {
		const char *limits, *addr;
		bool sftp, in;
	} table[] = {
		{ "", "192.0.2.1", false, true },
		{ "expires=2026-11-28", "192.0.2.1", false, true },
		{ "expires=2026-11-27", "192.0.2.1", false, false },
		{ "expires=2026-11-27;expires=2026-12-01", "192.0.2.1", false, true },
		{ "protocols=sftp", "192.0.2.1", true, true },
		{ "protocols=sftp", "192.0.2.1", false, false },
		{ "networks=192.0.2.0/24", "192.0.2.1", false, true },
		{ "networks=192.0.2.0/24", "198.51.100.1", false, false },
		{ "networks=192.0.2.0/24;networks=198.51.100.1", "198.51.100.1", false, true },
		{ "networks=2001:db8::/32", "2001:db8::7", false, true },
		{ "hours=Mon-Fri 08:00-18:00", "192.0.2.1", false, true },
		{ "hours=Sat,Sun", "192.0.2.1", false, false },
		{ "hours=Sat,Sun;hours=11:00-13:00", "192.0.2.1", false, true },
		{ "protocols=sftp;networks=192.0.2.0/24", "192.0.2.1", false, false },
	};
	const char *reason;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++)
		if ((limits_check(table[i].limits, table[i].sftp, table[i].addr, friday_noon(),
				  &reason) == 0) != table[i].in)
			fail_msg("row %zu: %s", i, table[i].limits);
}

static void
test_one_word_is_changed_and_the_others_stay(void **state)
{
	char limits[LIMITS_MAX] = "expires=2027-01-31;protocols=sftp", big[600];

	(void)state;
	assert_int_equal(limits_set(limits, sizeof(limits), "networks", "192.0.2.0/24,::1"), 0);
	assert_string_equal(limits,
			    "expires=2027-01-31;protocols=sftp;networks=192.0.2.0/24;networks=::1");
	assert_int_equal(limits_set(limits, sizeof(limits), "protocols", "none"), 0);
	assert_int_equal(limits_set(limits, sizeof(limits), "networks", "::1"), 0);
	assert_string_equal(limits, "expires=2027-01-31;networks=::1");
	assert_int_not_equal(limits_set(limits, sizeof(limits), "expires", "soon"), 0);
	memset(big, '1', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_not_equal(limits_set(limits, sizeof(limits), "hours", big), 0);
	assert_string_equal(limits, "expires=2027-01-31;networks=::1");
	assert_int_equal(limits_set(limits, sizeof(limits), "expires", ""), 0);
	assert_int_equal(limits_set(limits, sizeof(limits), "networks", "none"), 0);
	assert_string_equal(limits, "");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_cannot_be_read_is_a_fault_and_fits_nobody),
		cmocka_unit_test(test_whom_they_let_in),
		cmocka_unit_test(test_one_word_is_changed_and_the_others_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
