/* SPDX-License-Identifier: ISC */
/*
 * test_conf_schema.c - the table of keys, and the words in which values are written: each row is
 * sound, units and rights are written as they are read.
 */
#include "tests/unit/conf_fixture.h"

#include "conf/schema.h"
#include "conf/value.h"

static void
test_every_row_is_sound(void **state)
{
	(void)state;
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		/* A help is a sentence; keys are lower case with dashes. */
		assert_non_null(key->help);
		assert_int_equal(key->help[strlen(key->help) - 1], '.');
		assert_int_equal(strspn(key->key, "abcdefghijklmnopqrstuvwxyz-.*"),
				 strlen(key->key));
		assert_true(key->min <= key->max);
		/* Found under its own name and no row twice. */
		for (const struct schema_key *other = schema_keys; other < key; other++)
			assert_string_not_equal(other->key, key->key);
		if (key->type == SCHEMA_WORD)
			assert_non_null(key->words);
	}
}

static void
test_units_are_written_as_they_are_read(void **state)
{
	static const struct {
		const char *written;
		uint64_t value;
		bool is_time;
	} cases[] = {
		{ "60s", 60000, true },	     { "90s", 90000, true },	{ "2h", 7200000, true },
		{ "30d", 2592000000, true }, { "100ms", 100, true },	{ "10M", 10485760, false },
		{ "2G", 2147483648, false }, { "64KiB", 65536, false }, { "64k", 65536, false },
		{ "5MB", 5242880, false },   { "4096", 4096, false },
	};
	char storage[64], room[64];
	struct text why, t;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct schema_key key = { .key = "x",
					  .type = cases[i].is_time ? SCHEMA_TIME : SCHEMA_SIZE };
		uint64_t value = 1, again = 1;

		text_init(&why, storage, sizeof(storage));
		text_init(&t, room, sizeof(room));
		assert_int_equal(value_read(&key, cases[i].written, &value, &why), 0);
		assert_int_equal(value, cases[i].value);
		cases[i].is_time ? value_put_time(&t, value) : value_put_size(&t, value);
		assert_int_equal(value_read(&key, t.at, &again, &why), 0);
		assert_int_equal(again, value);
	}
}

static void
test_rights_have_names(void **state)
{
	uint32_t rights = 0;

	(void)state;
	assert_int_equal(conf_rights_parse("drop-box", &rights), 0);
	assert_int_equal(rights, RIGHT_CREATE);
	assert_int_equal(conf_rights_parse("list, read ,create", &rights), 0);
	assert_int_equal(rights, RIGHT_LIST | RIGHT_READ | RIGHT_CREATE);
	for (unsigned int bit = 1; bit <= RIGHT_LINK; bit <<= 1) {
		assert_int_equal(conf_rights_parse(conf_right_name((enum conf_right)bit), &rights),
				 0);
		assert_int_equal(rights, bit);
	}
	rights = 77;
	assert_int_equal(conf_rights_parse("", &rights), -EINVAL);
	assert_int_equal(conf_rights_parse("list,", &rights), -EINVAL);
	assert_int_equal(conf_rights_parse("list read", &rights), -EINVAL);
	assert_int_equal(conf_rights_parse("lis", &rights), -EINVAL);
	assert_int_equal(rights, 77);
	/* What is easy to get wrong: append-only must not overwrite, read-write has no link. */
	assert_int_equal(RIGHTS_APPEND_ONLY & (RIGHT_OVERWRITE | RIGHT_DELETE | RIGHT_RENAME), 0);
	assert_int_equal(RIGHTS_READ_WRITE & RIGHT_LINK, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_is_sound),
		cmocka_unit_test(test_units_are_written_as_they_are_read),
		cmocka_unit_test(test_rights_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
