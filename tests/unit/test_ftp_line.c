/* SPDX-License-Identifier: ISC */
/*
 * test_ftp_line.c - bytes become lines, one for each LF, whatever they are and however they come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "protocols/ftp/ftp_line.h"

static void
feed(struct ftp_line *l, const char *bytes, size_t len)
{
	size_t room;
	char *at = ftp_line_space(l, &room);

	assert_true(len <= room);
	memcpy(at, bytes, len);
	ftp_line_received(l, len);
}

static void
test_a_line_is_what_stands_before_lf(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum ftp_line_kind kind;
		const char *want;
	} cases[] = {
		{ "NOOP\r\n", 6, FTP_LINE_COMMAND, "NOOP" },
		{ "NOOP\n", 5, FTP_LINE_COMMAND, "NOOP" },
		{ "CWD a\r\r\n", 8, FTP_LINE_COMMAND, "CWD a\r" },
		{ "CWD a\rb\n", 8, FTP_LINE_COMMAND, "CWD a\rb" },
		{ "CWD  a \n", 8, FTP_LINE_COMMAND, "CWD  a " },
		{ "\r\n", 2, FTP_LINE_EMPTY, "" },
		{ "\n", 1, FTP_LINE_EMPTY, "" },
		{ "NO\0OP\r\n", 7, FTP_LINE_NUL, NULL },
		{ "\0\n", 2, FTP_LINE_NUL, NULL },
		{ "NOOP", 4, FTP_LINE_NONE, NULL },
		{ "NOOP\r", 5, FTP_LINE_NONE, NULL },
		/*
		 * Telnet: IAC IP IAC DM, IAC WILL x, a doubled IAC, IAC before the verb, IAC alone.
		 */
		{ "\xff\xf4\xff\xf2"
		  "ABOR\r\n",
		  10, FTP_LINE_COMMAND, "ABOR" },
		{ "\xff\xfb\x01NOOP\n", 8, FTP_LINE_COMMAND, "NOOP" },
		{ "\xff\xffNOOP\n", 7, FTP_LINE_COMMAND, "NOOP" },
		{ "\xff"
		  "ABOR\n",
		  6, FTP_LINE_COMMAND, "ABOR" },
		{ "\xff\n", 2, FTP_LINE_EMPTY, "" },
		{ "\xff\xfb\n", 3, FTP_LINE_EMPTY, "" },
		/* Inside of a line it is a byte of a name. */
		{ "DELE \xff\xf4\n", 8, FTP_LINE_COMMAND, "DELE \xff\xf4" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ftp_line *l = calloc(1, sizeof(*l));
		char *line = NULL;

		assert_non_null(l);
		ftp_line_init(l);
		feed(l, cases[i].bytes, cases[i].len);
		assert_int_equal(ftp_line_next(l, &line), cases[i].kind);
		if (cases[i].want)
			assert_string_equal(line, cases[i].want);
		free(l);
	}
}

static void
test_a_line_is_shown_until_it_is_taken(void **state)
{
	struct ftp_line *l = calloc(1, sizeof(*l));
	char *line = NULL;

	(void)state;
	assert_non_null(l);
	feed(l, "PWD\r\nQUIT\r\n", 11);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ftp_line_next(l, &line), FTP_LINE_COMMAND);
		assert_string_equal(line, "PWD");
		assert_int_equal(ftp_line_left(l), 6);
	}
	ftp_line_done(l);
	assert_int_equal(ftp_line_next(l, &line), FTP_LINE_COMMAND);
	assert_string_equal(line, "QUIT");
	ftp_line_done(l);
	assert_int_equal(ftp_line_next(l, &line), FTP_LINE_NONE);
	free(l);
}

/* One long line in pieces, then NOOP: exactly one verdict for each LF, whatever is inside. */
static void
test_a_long_line_is_one_line_and_hides_nothing(void **state)
{
	static const size_t lengths[] = { FTP_LINE_MAX - 1, FTP_LINE_MAX, FTP_LINE_MAX + 1, 20000,
					  60000 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct ftp_line *l = calloc(1, sizeof(*l));
		size_t left = lengths[i];
		char *line = NULL;
		enum ftp_line_kind kind;

		assert_non_null(l);
		while (left > 0) {
			size_t room;
			char *at = ftp_line_space(l, &room);
			size_t n = left < room ? left : room;

			memset(at, 'A', n);
			ftp_line_received(l, n);
			left -= n;
			kind = ftp_line_next(l, &line);
			assert_int_equal(kind, FTP_LINE_NONE);
		}
		feed(l, "\n", 1);
		kind = ftp_line_next(l, &line);
		assert_int_equal(kind,
				 lengths[i] < FTP_LINE_MAX ? FTP_LINE_COMMAND : FTP_LINE_LONG);
		ftp_line_done(l);
		feed(l, "NOOP\n", 5);
		assert_int_equal(ftp_line_next(l, &line), FTP_LINE_COMMAND);
		assert_string_equal(line, "NOOP");
		free(l);
	}
}

static void
test_a_line_without_an_end_is_given_up(void **state)
{
	struct ftp_line *l = calloc(1, sizeof(*l));
	enum ftp_line_kind kind = FTP_LINE_NONE;
	size_t fed = 0;
	char *line;

	(void)state;
	assert_non_null(l);
	while (kind == FTP_LINE_NONE) {
		size_t room;
		char *at = ftp_line_space(l, &room);

		memset(at, 'A', room);
		ftp_line_received(l, room);
		fed += room;
		kind = ftp_line_next(l, &line);
		assert_true(fed <= 2 * FTP_LINE_ENDLESS);
	}
	assert_int_equal(kind, FTP_LINE_FLOOD);
	assert_true(fed >= FTP_LINE_ENDLESS);
	free(l);
}

static void
test_taken_lines_leave_no_secret_behind(void **state)
{
	struct ftp_line *l = calloc(1, sizeof(*l));
	char *line;

	(void)state;
	assert_non_null(l);
	feed(l, "PASS geheim\r\n", 13);
	assert_int_equal(ftp_line_next(l, &line), FTP_LINE_COMMAND);
	ftp_line_done(l);
	assert_null(memmem(l->room, sizeof(l->room), "geheim", 6));
	free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_is_what_stands_before_lf),
		cmocka_unit_test(test_a_line_is_shown_until_it_is_taken),
		cmocka_unit_test(test_a_long_line_is_one_line_and_hides_nothing),
		cmocka_unit_test(test_a_line_without_an_end_is_given_up),
		cmocka_unit_test(test_taken_lines_leave_no_secret_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
