/* SPDX-License-Identifier: ISC */
/* test_ftp_deep.c - every directory that was met is listed once, and what waits has an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/ftp/ftp_deep.h"

static void
next_is(struct ftp_deep *d, const char *now, const char *path)
{
	char room[VFS_PATH_MAX];

	assert_false(ftp_deep_is_done(d));
	assert_int_equal(ftp_deep_next(d, room, sizeof(room)), 0);
	assert_string_equal(d->now, now);
	assert_string_equal(room, path);
}

static void
test_what_was_met_last_comes_first_with_its_way(void **state)
{
	struct ftp_deep *d = NULL;

	(void)state;
	ftp_deep_begin(&d, "/top");
	assert_true(ftp_deep_is_done(d));
	assert_int_equal(ftp_deep_add(d, "a"), 0);
	assert_int_equal(ftp_deep_add(d, "b c"), 0);
	next_is(d, "b c", "/top/b c");
	assert_int_equal(ftp_deep_add(d, "d"), 0);
	next_is(d, "b c/d", "/top/b c/d");
	next_is(d, "a", "/top/a");
	assert_true(ftp_deep_is_done(d));
	ftp_deep_begin(&d, "/");
	assert_int_equal(ftp_deep_add(d, "x"), 0);
	next_is(d, "x", "/x");
	free(d);
}

static void
test_more_than_there_is_room_for_is_refused_and_harms_nothing(void **state)
{
	struct ftp_deep *d = NULL;
	char name[201], room[VFS_PATH_MAX];
	size_t added = 0, listed = 0;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ftp_deep_begin(&d, "/");
	while (ftp_deep_add(d, name) == 0)
		added++;
	assert_int_equal(added, FTP_DEEP_BYTES / sizeof(name));
	assert_int_equal(ftp_deep_add(d, name), -ENOSPC);
	for (; !ftp_deep_is_done(d); listed++)
		assert_int_equal(ftp_deep_next(d, room, sizeof(room)), 0);
	assert_int_equal(listed, added);
	free(d);
}

/* One byte each, so that the last one fills it to the last byte. */
static void
test_it_can_be_filled_to_its_last_byte(void **state)
{
	struct ftp_deep *d = NULL;

	(void)state;
	ftp_deep_begin(&d, "/");
	for (size_t i = 0; i < FTP_DEEP_BYTES / 2; i++)
		assert_int_equal(ftp_deep_add(d, "x"), 0);
	assert_int_equal(ftp_deep_add(d, "x"), -ENOSPC);
	next_is(d, "x", "/x");
	free(d);
}

static void
test_a_way_longer_than_a_path_is_refused(void **state)
{
	struct ftp_deep *d = NULL;
	char name[201], room[VFS_PATH_MAX];
	int err = 0;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ftp_deep_begin(&d, "/");
	for (size_t i = 0; i < VFS_PATH_MAX / sizeof(name) + 1 && err == 0; i++) {
		assert_int_equal(ftp_deep_add(d, name), 0);
		err = ftp_deep_next(d, room, sizeof(room));
	}
	assert_int_equal(err, -ENAMETOOLONG);
	free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_met_last_comes_first_with_its_way),
		cmocka_unit_test(test_more_than_there_is_room_for_is_refused_and_harms_nothing),
		cmocka_unit_test(test_it_can_be_filled_to_its_last_byte),
		cmocka_unit_test(test_a_way_longer_than_a_path_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
