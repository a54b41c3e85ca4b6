/* SPDX-License-Identifier: ISC */
/* test_hours.c - times of the week: what is one, and which moments are in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/base/hours.h"
#include "server/base/mem.h"

enum { SUN, MON, TUE, WED, THU, FRI, SAT };

static void
test_what_is_written_like_times_of_the_week_and_what_is_not(void **state)
{
	static const char *const good[] = { "Mon",
					    "mon-fri",
					    "Sat,Sun",
					    "Fri-Mon",
					    "Mon-Wed,Fri 08:00-18:00",
					    "00:00-24:00",
					    "22:00-06:00",
					    "Sun 23:59-00:01" };
	static const char *const bad[] = { "",
					   "Monday",
					   "Mon-",
					   "Mon,",
					   ",Mon",
					   "Mon  08:00-09:00",
					   "Mon 8:00-9:00",
					   "08:00",
					   "08:00-",
					   "08:00-08:00",
					   "08:60-09:00",
					   "24:00-01:00",
					   "08:00-24:01",
					   "25:00-26:00",
					   "08:00-09:00 Mon",
					   "Mon 08:00-09:00 ",
					   "Mon-Xyz",
					   "-08:00-09:00",
					   "08:00-09:00,10:00-11:00" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(hours_ok(good[i]));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(hours_ok(bad[i]));
}

static void
test_moments_in_and_out(void **state)
{
	static const struct {
		const char *text;
		int day, hour, minute;
		bool in;
	} table[] = {
		{ "Mon-Fri 08:00-18:00", MON, 8, 0, true },
		{ "Mon-Fri 08:00-18:00", MON, 7, 59, false },
		{ "Mon-Fri 08:00-18:00", FRI, 17, 59, true },
		{ "Mon-Fri 08:00-18:00", FRI, 18, 0, false },
		{ "Mon-Fri 08:00-18:00", SAT, 12, 0, false },
		{ "Sat,Sun", SUN, 0, 0, true },
		{ "Sat,Sun", SUN, 23, 59, true },
		{ "Sat,Sun", MON, 0, 0, false },
		{ "Fri-Mon", SUN, 5, 0, true },
		{ "Fri-Mon", TUE, 5, 0, false },
		{ "22:00-06:00", WED, 23, 0, true },
		{ "22:00-06:00", WED, 5, 59, true },
		{ "22:00-06:00", WED, 6, 0, false },
		{ "Fri 22:00-06:00", FRI, 22, 0, true },
		{ "Fri 22:00-06:00", SAT, 5, 59, true },
		{ "Fri 22:00-06:00", FRI, 5, 0, false },
		{ "Sat 22:00-02:00", SUN, 1, 0, true },
		{ "00:00-24:00", THU, 23, 59, true },
		{ "nonsense", MON, 8, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		const struct tm at = { .tm_wday = table[i].day,
				       .tm_hour = table[i].hour,
				       .tm_min = table[i].minute };

		if (hours_have(table[i].text, &at) != table[i].in)
			fail_msg("row %zu: %s", i, table[i].text);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_like_times_of_the_week_and_what_is_not),
		cmocka_unit_test(test_moments_in_and_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
