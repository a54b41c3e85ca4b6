/* SPDX-License-Identifier: ISC */
/*
 * test_ftp_ascii.c - line ends, compared with a converter that works byte by byte, over every cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "protocols/ftp/ftp_ascii.h"

static const char text[] = "\r\n\n\ra\r\r\nb\r\n\r\r\n\n\r";

/* What the whole text becomes, said as plainly as possible. */
static size_t
plainly_to_wire(const char *in, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (in[i] == '\n' && (i == 0 || in[i - 1] != '\r'))
			out[n++] = '\r';
		out[n++] = in[i];
	}
	return n;
}

static size_t
plainly_from_wire(const char *in, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		if (!(in[i] == '\r' && i + 1 < len && in[i + 1] == '\n'))
			out[n++] = in[i];
	return n;
}

/* Cuts the text in three at every two places. */
static void
test_downloads_do_not_depend_on_the_cuts(void **state)
{
	const size_t len = sizeof(text) - 1;
	char want[2 * sizeof(text)];
	size_t want_len = plainly_to_wire(text, len, want);

	(void)state;
	for (size_t a = 0; a <= len; a++)
		for (size_t b = a; b <= len; b++) {
			const size_t cuts[] = { 0, a, b, len };
			uint8_t got[2 * sizeof(text)];
			struct ftp_ascii ascii;
			size_t n = 0;

			ftp_ascii_init(&ascii);
			for (size_t i = 0; i < 3; i++)
				n += ftp_ascii_to_wire(&ascii, (const uint8_t *)text + cuts[i],
						       cuts[i + 1] - cuts[i], got + n);
			assert_int_equal(n, want_len);
			assert_memory_equal(got, want, n);
		}
}

static void
test_uploads_do_not_depend_on_the_cuts(void **state)
{
	const size_t len = sizeof(text) - 1;
	char want[sizeof(text)];
	size_t want_len = plainly_from_wire(text, len, want);

	(void)state;
	for (size_t a = 0; a <= len; a++)
		for (size_t b = a; b <= len; b++) {
			const size_t cuts[] = { 0, a, b, len };
			uint8_t room[sizeof(text) + 1], got[sizeof(text) + 1];
			struct ftp_ascii ascii;
			size_t n = 0;

			ftp_ascii_init(&ascii);
			for (size_t i = 0; i < 3; i++) {
				size_t piece = cuts[i + 1] - cuts[i], made;

				memcpy(room + 1, text + cuts[i], piece);
				made = ftp_ascii_from_wire(&ascii, room, piece);
				assert_true(made <= piece + 1);
				memcpy(got + n, room, made);
				n += made;
			}
			if (ftp_ascii_rest(&ascii))
				got[n++] = '\r';
			assert_int_equal(n, want_len);
			assert_memory_equal(got, want, n);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_downloads_do_not_depend_on_the_cuts),
		cmocka_unit_test(test_uploads_do_not_depend_on_the_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
