/* SPDX-License-Identifier: ISC */
/* test_groups.c - the groups file: who gets which groups, and lines that cannot be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "auth/groups.h"

static char file[] = "/tmp/coffer-groups-XXXXXX";

static void
write_file(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(file, 0600), 0);
}

static void
test_members_get_their_groups_and_never_that_of_root(void **state)
{
	struct account a = { .name = "alice", .groups = { 7 }, .group_count = 1 };

	(void)state;
	write_file("# comment\nstaff:x:500:bob,alice\nmalice:x:501:malice,alic,alicea\n"
		   "words:x::alice\nseven:x:7:alice\nbroken:x\nten:x:ten:bob\nempty:x:502:\n");
	assert_int_equal(groups_add(file, &a), 0);
	assert_int_equal(a.group_count, 2);
	assert_int_equal(a.groups[1], 500);
	assert_string_equal(a.group_names[0], "staff");
	assert_string_equal(a.group_names[1], "words");
	assert_string_equal(a.group_names[2], "seven");
	assert_null(a.group_names[3]);
	assert_int_equal(a.group_gids[0], 500);
	assert_int_equal(a.group_gids[1], ACCOUNT_NO_GID);
	assert_int_equal(a.group_gids[2], 7);
	account_clear(&a);
}

static void
test_line_that_may_be_about_him_must_be_readable(void **state)
{
	static const char *const lines[] = { "root:x:0:alice\n", "ten:x:ten:alice\n",
					     "denied:x:alice\n",
					     /* as group(5) of the system may be written */
					     "denied:x:500:carl, alice\n", "denied:x:500:alice \n",
					     "denied:x::carl;alice\n", "denied:x::carl alice\n" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct account a = { .name = "alice" }, b = { .name = "bob" };

		write_file(lines[i]);
		assert_int_equal(groups_add(file, &a), -EBADMSG);
		assert_int_equal(groups_add(file, &b), 0);
		account_clear(&a);
		account_clear(&b);
	}
}

static void
test_file_of_others_gives_nothing(void **state)
{
	struct account a = { .name = "alice" };

	(void)state;
	write_file("staff:x:500:alice\n");
	assert_int_equal(chmod(file, 0666), 0);
	assert_int_equal(groups_add(file, &a), -EPERM);
	assert_int_equal(a.group_count, 0);
	assert_int_equal(groups_add("/nonexistent/groups", &a), -ENOENT);
}

static void
test_groups_are_written_found_and_deleted(void **state)
{
	struct group_line g = {
		.name = "staff", .has_gid = true, .gid = 500, .members = (char[]) { "alice,bob" }
	};
	struct group_line found;

	(void)state;
	write_file("other:x:1:\nstaff:x:2:old\n");
	assert_int_equal(groups_set(file, &g), 0);
	assert_int_equal(groups_find(file, "staff", &found), 0);
	assert_int_equal(found.gid, 500);
	assert_true(groups_has(&found, "bob") && !groups_has(&found, "bo") &&
		    !groups_has(&found, ""));
	free(found.members);
	assert_int_equal(groups_delete(file, "staff"), 0);
	assert_int_equal(groups_find(file, "staff", &found), -ENOENT);
	assert_int_equal(groups_delete(file, "staff"), -ENOENT);
	g.members = (char[]) { "a:b" };
	assert_int_equal(groups_set(file, &g), -EINVAL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_get_their_groups_and_never_that_of_root),
		cmocka_unit_test(test_line_that_may_be_about_him_must_be_readable),
		cmocka_unit_test(test_file_of_others_gives_nothing),
		cmocka_unit_test(test_groups_are_written_found_and_deleted),
	};
	int fd = mkstemp(file), failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file);
	return failed;
}
