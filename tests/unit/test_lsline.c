/* SPDX-License-Identifier: ISC */
/* test_lsline.c - the columns that clients take apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "protocols/common/lsline.h"

#define NOW INT64_C(1795463000) /* 2026-11-23 19:43:20 */

static void
test_lines_look_like_those_of_ls(void **state)
{
	static const struct {
		struct vfs_attr attr;
		const char *name, *want;
	} cases[] = {
		{ { .type = VFS_FILE,
		    .mode = 0644,
		    .nlink = 1,
		    .size = 42,
		    .mtime = NOW,
		    .owner = "anna",
		    .group = "users" },
		  "a",
		  "-rw-r--r--   1 anna     users            42 Nov 23 19:43 a" },
		{ { .type = VFS_DIR,
		    .mode = 0751,
		    .nlink = 12,
		    .size = 4096,
		    .mtime = 0,
		    .owner = "1000",
		    .group = "1000" },
		  "dir with blanks",
		  "drwxr-x--x  12 1000     1000           4096 Jan  1  1970 dir with blanks" },
		{ { .type = VFS_LINK,
		    .mode = 0777,
		    .nlink = 1,
		    .size = UINT64_MAX,
		    .mtime = NOW + 1,
		    .owner = "domain users",
		    .group = "a\tb" },
		  "x\ny\x7f",
		  "lrwxrwxrwx   1 domain_users a?b      18446744073709551615 Nov 23  2026 x?y?" },
		{ { .type = VFS_OTHER,
		    .nlink = 1000,
		    .owner = "",
		    .group = "a_very_long_group_name" },
		  "\xc3\xa4",
		  "p--------- 1000 ?        a_very_long_group_name          0 Jan  1  1970 "
		  "\xc3\xa4" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char room[LSLINE_MAX];
		struct text t;

		text_init(&t, room, sizeof(room));
		lsline_put(&t, cases[i].name, &cases[i].attr, NOW);
		assert_string_equal(room, cases[i].want);
		assert_false(t.cut);
	}
}

static void
test_half_a_year_decides_between_time_and_year(void **state)
{
	static const struct {
		int64_t age;
		const char *want;
	} cases[] = {
		{ 0, " 19:43 " },  { 15778475, " 04:48 " }, { 15778476, "  2026 " },
		{ -1, "  2026 " }, { 86400, " 19:43 " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vfs_attr attr = { .type = VFS_FILE, .mtime = NOW - cases[i].age };
		char room[LSLINE_MAX];
		struct text t;

		text_init(&t, room, sizeof(room));
		lsline_put(&t, "n", &attr, NOW);
		assert_non_null(strstr(room, cases[i].want));
	}
}

static void
test_the_longest_entry_fits(void **state)
{
	struct vfs_attr attr = { .type = VFS_FILE, .nlink = UINT32_MAX, .size = UINT64_MAX };
	char name[VFS_NAME_MAX], room[LSLINE_MAX];
	struct text t;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memset(attr.owner, 'o', sizeof(attr.owner) - 1);
	memset(attr.group, 'g', sizeof(attr.group) - 1);
	text_init(&t, room, sizeof(room));
	lsline_put(&t, name, &attr, NOW);
	assert_false(t.cut);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_look_like_those_of_ls),
		cmocka_unit_test(test_half_a_year_decides_between_time_and_year),
		cmocka_unit_test(test_the_longest_entry_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
