/* SPDX-License-Identifier: ISC */
/* test_base.c - the small materials: bytes, text, numbers, values of records, rates. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/buf.h"
#include "server/base/log.h"
#include "server/base/rate.h"
#include "server/base/text.h"

static void
test_what_was_put_is_what_is_taken(void **state)
{
	uint8_t room[64];
	char text[8];
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	buf_put_u8(&b, 0xfe);
	buf_put_u16(&b, 0xfedc);
	buf_put_u32(&b, 0xfedcba98u);
	buf_put_u64(&b, 0xfedcba9876543210u);
	buf_put_cstring(&b, "seven77");
	assert_int_equal(buf_get_u8(&b), 0xfe);
	assert_int_equal(buf_get_u16(&b), 0xfedc);
	assert_int_equal(buf_get_u32(&b), 0xfedcba98u);
	assert_true(buf_get_u64(&b) == 0xfedcba9876543210u);
	assert_string_equal(buf_get_cstring(&b, text, sizeof(text)), "seven77");
	assert_int_equal(buf_done(&b), 0);
}

static void
test_a_failure_sticks_until_the_end(void **state)
{
	uint8_t room[8];
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	buf_put_u64(&b, 1);
	buf_put_u8(&b, 1);
	assert_true(b.bad);
	buf_reset(&b);
	buf_put_u32(&b, 5); /* a string of five bytes, of which three are there */
	buf_put_bytes(&b, "abc", 3);
	assert_null(buf_get_string(&b, &(size_t) { 0 }));
	assert_int_equal(buf_get_u8(&b), 0);
	assert_int_equal(buf_done(&b), -EBADMSG);
}

static void
test_text_with_a_zero_byte_is_no_text(void **state)
{
	uint8_t room[16];
	char text[16];
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	buf_put_string(&b, "a\0b", 3);
	assert_string_equal(buf_get_cstring(&b, text, sizeof(text)), "");
	assert_true(b.bad);
}

static void
test_left_over_bytes_are_a_bad_message(void **state)
{
	uint8_t room[4];
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	buf_put_u16(&b, 1);
	buf_get_u8(&b);
	assert_int_equal(buf_done(&b), -EBADMSG);
}

static void
test_numbers_from_outside(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int err;
		uint64_t value;
	} cases[] = {
		{ "0", 9, 0, 0 },
		{ "9", 9, 0, 9 },
		{ "10", 9, -EINVAL, 0 },
		{ "", 9, -EINVAL, 0 },
		{ "-1", 9, -EINVAL, 0 },
		{ "+1", 9, -EINVAL, 0 },
		{ " 1", 9, -EINVAL, 0 },
		{ "1 ", 9, -EINVAL, 0 },
		{ "1x", 9, -EINVAL, 0 },
		{ "0x1", 9, -EINVAL, 0 },
		{ "1e3", UINT64_MAX, -EINVAL, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -EINVAL, 0 },
		{ "99999999999999999999999", UINT64_MAX, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint64_t value = 77;

		assert_int_equal(num_u64(cases[i].text, cases[i].max, &value), cases[i].err);
		assert_true(value == (cases[i].err ? 77 : cases[i].value));
	}
}

static void
test_cut_text_says_so_and_stays_ended(void **state)
{
	char room[6];
	struct text t;

	(void)state;
	text_init(&t, room, sizeof(room));
	text_printf(&t, "%s", "12345");
	assert_false(t.cut);
	text_putc(&t, '6');
	assert_true(t.cut);
	assert_string_equal(room, "12345");
	text_reset(&t);
	text_quote(&t, "a\"b");
	assert_string_equal(room, "a\"\"b");
}

static void
test_utf8(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "", true },
		{ "plain", true },
		{ "\xc3\xbc", true },
		{ "\xf0\x9f\x90\xbf", true },
		{ "\xc0\xaf", false },
		{ "\xe0\x80\xaf", false },
		{ "\xed\xa0\x80", false },
		{ "\xf4\x90\x80\x80", false },
		{ "\xc3", false },
		{ "\x80", false },
		{ "\xf8\x88\x80\x80", false },
		{ "\xef\xbf\xbf", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(text_is_utf8(cases[i].text), cases[i].ok);
}

static void
test_log_values_are_one_harmless_word(void **state)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
		{ "plain-1.txt", "plain-1.txt" },
		{ "", "\"\"" },
		{ NULL, "-" },
		{ "two words", "\"two words\"" },
		{ "a=b", "\"a=b\"" },
		{ "q\"q\\", "\"q\\\"q\\\\\"" },
		{ "new\nline\x1b[0m", "\"new\\x0aline\\x1b[0m\"" },
		{ "\xc2\x9b"
		  "2J\xc2\xa9",
		  "\"\\xc2\\x9b"
		  "2J\xc2\xa9\"" },
		{ "\xc3\xbc", "\"\xc3\xbc\"" },
		{ "\xff", "\"\\xff\"" },
	};
	char longer[4000];
	struct log_value v;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_string_equal(log_q(&v, cases[i].value), cases[i].want);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	log_q(&v, longer);
	assert_string_equal(v.room + strlen(v.room) - 3, "...");
	longer[0] = ' ';
	log_q(&v, longer);
	assert_string_equal(v.room + strlen(v.room) - 4, "...\"");
}

static void
test_a_rate_lets_a_burst_pass_and_then_no_more(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, 1000);
	assert_int_equal(rate_allows(&r, 5000), 1000);
	rate_take(&r, 1000);
	assert_true(rate_allows(&r, 1000) < 1000);
	rate_take(&r, 10000); /* a debt of more than nine seconds */
	assert_int_equal(rate_allows(&r, 1), 0);
	assert_true(rate_wait_ms(&r) > 8000);
	rate_init(&r, 0);
	assert_int_equal(rate_allows(&r, 5000), 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_put_is_what_is_taken),
		cmocka_unit_test(test_a_failure_sticks_until_the_end),
		cmocka_unit_test(test_text_with_a_zero_byte_is_no_text),
		cmocka_unit_test(test_left_over_bytes_are_a_bad_message),
		cmocka_unit_test(test_numbers_from_outside),
		cmocka_unit_test(test_cut_text_says_so_and_stays_ended),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_log_values_are_one_harmless_word),
		cmocka_unit_test(test_a_rate_lets_a_burst_pass_and_then_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
