/* SPDX-License-Identifier: ISC */
/* test_ftp_match.c - patterns mean what shells mean, and cost what their length costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "protocols/ftp/ftp_match.h"

static void
test_patterns_match_as_in_a_shell(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool want;
	} cases[] = {
		{ "*", "", true },
		{ "*", "abc", true },
		{ "a*", "abc", true },
		{ "*c", "abc", true },
		{ "a*c", "abc", true },
		{ "a*d", "abc", false },
		{ "?", "a", true },
		{ "?", "", false },
		{ "??", "a", false },
		{ "a?c", "abc", true },
		{ "*.txt", "a.txt", true },
		{ "*.txt", "a.txt.gz", false },
		{ "*a*b*", "xxaxxbxx", true },
		{ "*a*b*", "xxbxxaxx", false },
		{ "[abc]x", "bx", true },
		{ "[abc]x", "dx", false },
		{ "[a-c]", "b", true },
		{ "[!a-c]", "b", false },
		{ "[!a-c]", "d", true },
		{ "[^a]", "b", true },
		{ "[]]", "]", true },
		{ "[]a]", "a", true },
		{ "[a-]", "-", true },
		{ "[a", "[a", true },
		{ "[a", "a", false },
		{ "x[", "x[", true },
		{ "[\x80-\xff]", "\xc3", true },
		{ "{a,b}", "a", false },
		{ "{a,b}", "{a,b}", true },
		{ "", "", true },
		{ "", "a", false },
		{ "a", "a\n", false },
		{ "**a**", "a", true },
		{ "*[0-9]*", "ab7c", true },
		{ "*[0-9]", "ab7c", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (ftp_match(cases[i].pattern, cases[i].name) != cases[i].want)
			fail_msg("%s and %s", cases[i].pattern, cases[i].name);
}

static void
test_stars_do_not_explode(void **state)
{
	char pattern[4001], name[256];
	clock_t began = clock();

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(pattern); i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[4000] = '\0';
	memset(name, 'a', sizeof(name) - 1);
	name[255] = '\0';
	for (int i = 0; i < 1000; i++)
		assert_false(ftp_match(pattern, name));
	memcpy(pattern, "*a*a*a*a*a*a*a*a*a*a*b", 23);
	for (int i = 0; i < 1000; i++)
		assert_false(ftp_match(pattern, name));
	assert_true(clock() - began < 2 * CLOCKS_PER_SEC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns_match_as_in_a_shell),
		cmocka_unit_test(test_stars_do_not_explode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
