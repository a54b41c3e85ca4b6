/* SPDX-License-Identifier: ISC */
/* test_log_form.c - records stay whole, and words of strangers stay values (ledger AU12, RX09). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/log_form.h"

static const struct log_head head = { "T", "info", "wire", "said" };
static char room[LOG_RECORD_MAX];

static const char *
form(enum log_format format, const char *session, const char *fields, size_t size)
{
	struct text t;

	text_init(&t, room, size);
	log_form(&t, format, &head, session, fields);
	assert_false(t.cut);
	return t.at;
}

static void
test_fields_come_out_as_they_are(void **state)
{
	(void)state;
	assert_string_equal(
	    form(LOG_FORMAT_TEXT, "session=1 addr=::1", "a=b c=\"d e\\x0a\\\"\"", sizeof(room)),
	    "T info wire said: session=1 addr=::1 a=b c=\"d e\\x0a\\\"\"");
	assert_string_equal(
	    form(LOG_FORMAT_JSON, "session=1", "a=b c=\"d e\\x0a\\\"\"", sizeof(room)),
	    "{\"time\":\"T\",\"level\":\"info\",\"process\":\"wire\",\"event\":\"said\","
	    "\"session\":\"1\",\"a\":\"b\",\"c\":\"d e\\u000a\\\"\"}");
	assert_string_equal(form(LOG_FORMAT_TEXT, "", "", sizeof(room)), "T info wire said:");
}

static void
test_what_is_no_field_becomes_one_value(void **state)
{
	static const struct {
		const char *fields, *text;
	} cases[] = {
		{ "x\":\"1\",\"process\":\"monitor\",\"y=2",
		  "text=\"x\\\":\\\"1\\\",\\\"process\\\":\\\"monitor\\\",\\\"y=2\"" },
		{ "a=\"unended", "text=\"a=\\\"unended\"" },
		{ "a=\"half\\x", "text=\"a=\\\"half\\\\x\"" },
		{ "a=b\nT notice monitor login-failed: addr=1",
		  "text=\"a=b\\x0aT notice monitor login-failed: addr=1\"" },
		{ "good=1 =bad", "good=1 text=\"=bad\"" },
		{ "A=1", "text=\"A=1\"" },
		{ "a=\"x\"y", "text=\"a=\\\"x\\\"y\"" },
		{ "a=\xff", "text=\"a=\\xff\"" },
		{ "\"", "text=\"\\\"\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_string_equal(form(LOG_FORMAT_TEXT, "", cases[i].fields, sizeof(room)) +
					strlen("T info wire said: "),
				    cases[i].text);
	assert_string_equal(
	    form(LOG_FORMAT_JSON, "", cases[0].fields, sizeof(room)),
	    "{\"time\":\"T\",\"level\":\"info\",\"process\":\"wire\",\"event\":\"said\",\"text\":"
	    "\"x\\\":\\\"1\\\",\\\"process\\\":\\\"monitor\\\",\\\"y=2\"}");
}

static void
test_no_member_is_there_twice(void **state)
{
	(void)state;
	assert_string_equal(
	    form(LOG_FORMAT_JSON, "session=1 user=\"a b\"",
		 "process=monitor user=root level=x ok=1", sizeof(room)),
	    "{\"time\":\"T\",\"level\":\"info\",\"process\":\"wire\",\"event\":\"said\","
	    "\"session\":\"1\","
	    "\"user\":\"a "
	    "b\",\"process_\":\"monitor\",\"user_\":\"root\",\"level_\":\"x\",\"ok\":\"1\"}");
}

static void
test_what_has_no_room_is_left_out_whole(void **state)
{
	(void)state;
	for (size_t size = 128; size < 256; size++) {
		const char *at = form(
		    LOG_FORMAT_JSON, "session=1",
		    "a=1 b=\"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\" c=\"two words\"",
		    size);
		size_t len = strlen(at);

		assert_int_equal(at[len - 1], '}');
		assert_int_equal(at[len - 2], '"');
		if (!strstr(at, "two words"))
			assert_non_null(strstr(at, ",\"cut\":\"yes\"}"));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_come_out_as_they_are),
		cmocka_unit_test(test_what_is_no_field_becomes_one_value),
		cmocka_unit_test(test_no_member_is_there_twice),
		cmocka_unit_test(test_what_has_no_room_is_left_out_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
