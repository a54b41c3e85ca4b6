/* SPDX-License-Identifier: ISC */
/* test_utc.c - dates by arithmetic agree with the C library's, and nonsense is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <time.h>

#include "protocols/common/utc.h"

static void
test_dates_agree_with_the_c_library_and_come_back(void **state)
{
	/*
	 * A step that is no multiple of a day walks through all times of day; 0 to 9999 in 40,000
	 * steps.
	 */
	const int64_t first = INT64_C(-62167219200), last = INT64_C(253402300799), step = 7889399;

	(void)state;
	for (int64_t s = first; s <= last; s += step) {
		time_t t = (time_t)s;
		struct utc utc;
		struct tm tm;
		int64_t back = 0;

		assert_non_null(gmtime_r(&t, &tm));
		utc_from_seconds(s, &utc);
		assert_int_equal(utc.year, tm.tm_year + 1900);
		assert_int_equal(utc.month, tm.tm_mon + 1);
		assert_int_equal(utc.day, tm.tm_mday);
		assert_int_equal(utc.hour, tm.tm_hour);
		assert_int_equal(utc.minute, tm.tm_min);
		assert_int_equal(utc.second, tm.tm_sec);
		assert_int_equal(utc_to_seconds(&utc, &back), 0);
		assert_true(back == s);
	}
}

static void
test_what_lies_outside_is_moved_to_the_ends(void **state)
{
	struct utc utc;

	(void)state;
	utc_from_seconds(INT64_MAX, &utc);
	assert_int_equal(utc.year, 9999);
	assert_int_equal(utc.second, 59);
	utc_from_seconds(INT64_MIN, &utc);
	assert_int_equal(utc.year, 0);
	assert_int_equal(utc.month, 1);
}

static void
test_there_is_no_such_date(void **state)
{
	static const struct utc cases[] = {
		{ 2025, 2, 29, 0, 0, 0 }, { 1900, 2, 29, 0, 0, 0 }, { 2026, 0, 1, 0, 0, 0 },
		{ 2026, 13, 1, 0, 0, 0 }, { 2026, 4, 31, 0, 0, 0 }, { 2026, 1, 0, 0, 0, 0 },
		{ 2026, 1, 1, 24, 0, 0 }, { 2026, 1, 1, 0, 60, 0 }, { 2026, 1, 1, 0, 0, 61 },
		{ 10000, 1, 1, 0, 0, 0 },
	};
	int64_t untouched = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(utc_to_seconds(&cases[i], &untouched), -EINVAL);
	assert_true(untouched == 7);
}

static void
test_leap_days_and_leap_seconds_are_dates(void **state)
{
	static const struct {
		struct utc utc;
		int64_t want;
	} cases[] = {
		{ { 2000, 2, 29, 0, 0, 0 }, 951782400 },
		{ { 2024, 2, 29, 23, 59, 59 }, 1709251199 },
		{ { 2016, 12, 31, 23, 59, 60 }, 1483228800 },
		{ { 1969, 12, 31, 23, 59, 59 }, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t got = 0;

		assert_int_equal(utc_to_seconds(&cases[i].utc, &got), 0);
		assert_true(got == cases[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates_agree_with_the_c_library_and_come_back),
		cmocka_unit_test(test_what_lies_outside_is_moved_to_the_ends),
		cmocka_unit_test(test_there_is_no_such_date),
		cmocka_unit_test(test_leap_days_and_leap_seconds_are_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
