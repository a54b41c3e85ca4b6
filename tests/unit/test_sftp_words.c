/* SPDX-License-Identifier: ISC */
/* test_sftp_words.c - command lines as words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "protocols/sftp/sftp_words.h"

static void
test_words_are_those_of_a_shell(void **state)
{
	static const struct {
		const char *line, *words[4];
	} cases[] = {
		{ "", { NULL } },
		{ " \t ", { NULL } },
		{ "df", { "df" } },
		{ " md5sum  a\tb ", { "md5sum", "a", "b" } },
		{ "a 'b c' d", { "a", "b c", "d" } },
		{ "a \"b 'c\" d", { "a", "b 'c", "d" } },
		{ "a b\\ c", { "a", "b c" } },
		{ "a 'b'\\''c'", { "a", "b'c" } },
		{ "a \"q\\\"q\" \"x\\y\"", { "a", "q\"q", "x\\y" } },
		{ "a '' \"\"", { "a", "", "" } },
		{ "a '$(id)' \\$x", { "a", "$(id)", "$x" } },
		{ "a 'new\nline'", { "a", "new\nline" } },
		{ "a b#1 c~ ''~", { "a", "b#1", "c~", "~" } },
		{ "a ~ ~/b ~/", { "a", ".", "./b", "./" } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char line[64], *words[4] = { NULL };
		size_t count = 0;

		assert_true(strlen(cases[i].line) < sizeof(line));
		memcpy(line, cases[i].line, strlen(cases[i].line) + 1);
		assert_int_equal(sftp_words(line, false, words, 4, &count), 0);
		for (size_t k = 0; k < count; k++)
			assert_string_equal(words[k], cases[i].words[k]);
		assert_true(count == 4 || cases[i].words[count] == NULL);
	}
}

static void
test_what_means_more_to_a_shell_makes_the_line_void(void **state)
{
	static const char *const lines[] = { "a;b",   "a $x", "a `b`",	  "a|b",     "a>b",
					     "a<b",   "a &",  "a (b)",	  "a *",     "a b?",
					     "a [b]", "a ~b", "a #b",	  "a 'b",    "a \"b",
					     "a \\",  "a\nb", "a \"$x\"", "a \"`b\"" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		char line[64], *words[4];
		size_t count;

		assert_true(strlen(lines[i]) < sizeof(line));
		memcpy(line, lines[i], strlen(lines[i]) + 1);
		assert_int_equal(sftp_words(line, false, words, 4, &count), -EINVAL);
	}
}

static void
test_patterns_may_stand_for_themselves(void **state)
{
	char line[] = "scp -t a*b?[c]", bad[] = "scp -t a*;b";
	char *words[4];
	size_t count;

	(void)state;
	assert_int_equal(sftp_words(line, true, words, 4, &count), 0);
	assert_int_equal(count, 3);
	assert_string_equal(words[2], "a*b?[c]");
	assert_int_equal(sftp_words(bad, true, words, 4, &count), -EINVAL);
}

static void
test_too_many_words_are_an_error(void **state)
{
	char line[] = "a b c";
	char *words[2];
	size_t count;

	(void)state;
	assert_int_equal(sftp_words(line, false, words, 2, &count), -E2BIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_are_those_of_a_shell),
		cmocka_unit_test(test_what_means_more_to_a_shell_makes_the_line_void),
		cmocka_unit_test(test_patterns_may_stand_for_themselves),
		cmocka_unit_test(test_too_many_words_are_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
