/* SPDX-License-Identifier: ISC */
/*
 * test_hooks_json.c - whatever a name is, the event is one line of good JSON that says what it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/hooks_json.h"

static char room[HOOKS_JSON_MAX];

static const char *
json_of(const struct hook_event *e)
{
	static const struct hook_origin o = { .time_us = 1795812335123456,
					      .session = "0123456789abcdef",
					      .protocol = "sftp",
					      .addr = "::1",
					      .user = "anna" };
	struct text t;

	text_init(&t, room, sizeof(room));
	hooks_json(&t, &o, e);
	assert_false(t.cut);
	return room;
}

static void
test_an_event_says_all_that_it_has(void **state)
{
	static const struct hook_event e = {
		.kind = HOOK_UPLOAD, .share = "in", .path = "/a", .file = "/srv/a", .bytes = 12
	};

	(void)state;
	assert_string_equal(
	    json_of(&e), "{\"event\":\"upload\",\"time\":\"2026-11-27T20:45:35.123456Z\","
			 "\"session\":\"0123456789abcdef\",\"protocol\":\"sftp\",\"addr\":\"::1\","
			 "\"user\":\"anna\",\"share\":\"in\",\"path\":\"/a\",\"file\":\"/srv/a\","
			 "\"bytes\":12}\n");
}

static void
test_odd_names_stay_names(void **state)
{
	static const struct {
		const char *path, *want;
	} cases[] = {
		{ "\"\\", ",\"path\":\"\\\"\\\\\"}" },
		{ "a\nb\x01\x7f", ",\"path\":\"a\\u000ab\\u0001\\u007f\"}" },
		{ "k\xc3\xbch", ",\"path\":\"k\xc3\xbch\"}" },
		{ "\xff\"", ",\"path\":\"\\ufffd\\\"\",\"path_hex\":\"ff22\"}" },
		{ "</script>", ",\"path\":\"</script>\"}" },
	};
	static struct hook_event e = { .kind = HOOK_DELETE };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		strcpy(e.path, cases[i].path);
		assert_non_null(strstr(json_of(&e), cases[i].want));
		assert_int_equal(strcspn(room, "\n"), strlen(room) - 1);
	}
}

static void
test_the_longest_names_fit(void **state)
{
	static struct hook_event e = { .kind = HOOK_RENAME };

	(void)state;
	memset(e.path, 0xff, sizeof(e.path) - 1);
	memset(e.to, 1, sizeof(e.to) - 1);
	memset(e.file, 0xfe, sizeof(e.file) - 1);
	assert_int_equal(json_of(&e)[0], '{');
	assert_string_equal(room + strlen(room) - 2, "}\n");
}

static void
test_what_is_put_comes_out(void **state)
{
	static struct hook_event e = { .kind = HOOK_RENAME,
				       .share = "s",
				       .path = "/a",
				       .to = "/b",
				       .file = "/x/b",
				       .bytes = 7,
				       .directory = true },
				 got;
	static uint8_t bytes[HOOK_MESSAGE_MAX];
	struct buf b;

	(void)state;
	buf_init(&b, bytes, sizeof(bytes));
	hook_put_event(&b, &e);
	assert_false(b.bad);
	buf_init_read(&b, bytes, b.end);
	hook_get_event(&b, &got);
	assert_int_equal(buf_done(&b), 0);
	assert_memory_equal(&got, &e, sizeof(e));
	bytes[0] = HOOK_KINDS;
	buf_init_read(&b, bytes, b.end);
	hook_get_event(&b, &got);
	assert_true(buf_done(&b) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_event_says_all_that_it_has),
		cmocka_unit_test(test_odd_names_stay_names),
		cmocka_unit_test(test_the_longest_names_fit),
		cmocka_unit_test(test_what_is_put_comes_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
