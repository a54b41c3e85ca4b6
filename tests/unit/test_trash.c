/* SPDX-License-Identifier: ISC */
/* test_trash.c - what clients delete is kept beside it, out of sight, and not for ever. */
#include "tests/unit/trash_fixture.h"

#include <time.h>

/* All that there was before there was a trash. */
#define WITHOUT_TRASH (RIGHTS_ALL & ~(uint32_t)RIGHT_TRASH)

static const char *
trash_path(const char *rest, const char *name)
{
	static char room[4][VFS_PATH_MAX];
	static int next;

	next = (next + 1) % 4;
	snprintf(room[next], sizeof(room[next]), "%s/" TRASH_DIR "/%s", rest, name);
	return room[next];
}

static void
test_names_say_what_and_when(void **state)
{
	static const struct {
		unsigned int version;
		uint64_t at_ms;
		const char *name, *want;
	} cases[] = {
		{ 0, 0, "a", "19700101-000000-000~a" },
		{ 0, 951868799999, "b c", "20000229-235959-999~b c" },
		{ 0, 4107542399001, "~", "21000228-235959-001~~" },
		{ 0, 1795812335123, "x.pdf", "20261127-204535-123~x.pdf" },
		{ 1, 0, "a", "v01~a" },
		{ 99, 7, "v01~a", "v99~v01~a" },
	};
	char room[TRASH_NAME_MAX], longest[TRASH_NAME_MAX];
	struct trash_label l;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		trash_name_put(cases[i].version, cases[i].at_ms, cases[i].name, room);
		assert_string_equal(room, cases[i].want);
		assert_true(trash_name_get(room, &l));
		assert_string_equal(l.name, cases[i].name);
		assert_int_equal(l.version, cases[i].version);
		assert_false(l.is_cut);
		if (l.version == 0)
			assert_int_equal(l.at_ms, cases[i].at_ms);
	}
	memset(longest, 'x', 255);
	longest[255] = '\0';
	trash_name_put(3, 0, longest, room);
	assert_int_equal(strlen(room), 255);
	assert_true(trash_name_get(room, &l) && l.is_cut);
	for (const char *const *bad =
		 (const char *const[]) { "", "a", "v00~a", "v1~a", "v01~", "v01a",
					 "20261327-204535-123~a", "20261127-204535-123",
					 "20261127-204535-123+12~a", NULL };
	     *bad; bad++)
		assert_false(trash_name_get(*bad, &l));
}

static void
test_the_origin_of_what_is_in_the_trash_is_known(void **state)
{
	static const struct {
		const char *inner, *want;
	} cases[] = {
		{ TRASH_DIR, "" },
		{ TRASH_DIR "/v01~a", "a" },
		{ "d/" TRASH_DIR "/20261127-204535-123~a", "d/a" },
		{ "d/" TRASH_DIR "/v02~e/" TRASH_DIR "/v03~f", "d/e/f" },
		{ "d/" TRASH_DIR "/stranger/x", "d/stranger/x" },
		{ "d/v01~a", "d/v01~a" },
	};
	char room[VFS_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(trash_name_origin(cases[i].inner, room, sizeof(room)), 0);
		assert_string_equal(room, cases[i].want);
		assert_int_equal(trash_name_is_inside(cases[i].inner), i != 5);
	}
	assert_int_equal(trash_name_origin(TRASH_DIR "/v01+0123456789abcdef~a", room, sizeof(room)),
			 -ENAMETOOLONG);
}

static void
test_deleted_files_are_kept_out_of_sight(void **state)
{
	const char *name;
	size_t count;

	(void)state;
	fx_shares[0].rights = WITHOUT_TRASH;
	fx_write("/a", "first");
	assert_int_equal(symlink("a", fx_path("/link")), 0);
	fx_begin();
	assert_int_equal(FX_ASK(vfs_unlink, "/a"), 0);
	assert_int_equal(FX_ASK(vfs_unlink, "/link"), 0);
	fx_write("/a", "second");
	assert_int_equal(FX_ASK(vfs_unlink, "/a"), 0);
	(void)in_trash("", "~link", &count);
	assert_int_equal(count, 1);
	name = in_trash("", "~a", &count);
	assert_int_equal(count, 2);
	assert_int_equal(do_stat("/a"), -ENOENT);
	assert_int_equal(do_stat("/" TRASH_DIR), -ENOENT);
	assert_int_equal(do_stat(trash_path("", name)), -ENOENT);
	assert_int_equal(do_open(trash_path("", name), VFS_OPEN_READ, 0), -ENOENT);
	assert_int_equal(do_list("/"), 0);
	assert_int_equal(fx_answer.entry_count, 0);
	assert_int_equal(do_put(trash_path("", "x"), STOR, 0, "x"), -ENOENT);
	assert_int_equal(FX_ASK(vfs_mkdir, "/" TRASH_DIR, 0755), -EACCES);
}

static void
test_the_right_trash_shows_it_and_takes_things_out(void **state)
{
	char name[TRASH_NAME_MAX];
	size_t count;

	(void)state;
	fx_write("/a", "precious");
	fx_begin();
	assert_int_equal(FX_ASK(vfs_unlink, "/a"), 0);
	snprintf(name, sizeof(name), "%s", in_trash("", "~a", &count));
	assert_int_equal(do_list("/"), 0);
	assert_non_null(fx_entry(TRASH_DIR));
	assert_false(fx_entry(TRASH_DIR)->attr.rights &
		     (RIGHT_CREATE | RIGHT_MKDIR | RIGHT_OVERWRITE));
	assert_int_equal(do_list("/" TRASH_DIR), 0);
	assert_non_null(fx_entry(name));
	assert_int_equal(do_open(trash_path("", name), VFS_OPEN_READ, 0), 0);
	/* It is a place to look into, to take out of and to throw away in. */
	assert_int_equal(do_put(trash_path("", "new"), STOR, 0, "x"), -EACCES);
	assert_int_equal(do_put(trash_path("", name), STOR, 0, "x"), -EACCES);
	assert_int_equal(do_put(trash_path("", name), APPE, 0, "x"), -EACCES);
	assert_int_equal(FX_ASK(vfs_mkdir, trash_path("", "d"), 0755), -EACCES);
	assert_int_equal(do_rename(trash_path("", name), trash_path("", "x"), 0), -EACCES);
	assert_int_equal(do_rename("/" TRASH_DIR, "/mine", 0), -EACCES);
	fx_write("/b", "b");
	assert_int_equal(do_rename("/b", trash_path("", "b"), 0), -EACCES);
	assert_int_equal(FX_ASK(vfs_link, trash_path("", name), "/c"), -EACCES);
	assert_int_equal(FX_ASK(vfs_rmdir, "/" TRASH_DIR), -ENOTEMPTY);
	assert_int_equal(do_rename(trash_path("", name), "/a", 0), 0);
	assert_string_equal(fx_read("/a"), "precious");
	/* Thrown away twice it is gone. */
	assert_int_equal(FX_ASK(vfs_unlink, "/a"), 0);
	snprintf(name, sizeof(name), "%s", in_trash("", "~a", &count));
	assert_int_equal(FX_ASK(vfs_unlink, trash_path("", name)), 0);
	(void)in_trash("", "~a", &count);
	assert_int_equal(count, 0);
}

static void
test_rights_of_a_path_go_with_what_is_deleted_there(void **state)
{
	struct conf_rule rules[] = {
		{ .path = (char *)(uintptr_t) "/d/secret",
		  .rights = RIGHTS_ALL & ~(uint32_t)RIGHT_READ },
		{ .path = (char *)(uintptr_t) "/blind", .rights = WITHOUT_TRASH },
	};
	const char *name;
	size_t count;

	(void)state;
	fx_shares[0].rules = rules;
	fx_shares[0].rule_count = COUNT_OF(rules);
	assert_int_equal(mkdir(fx_path("/d"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/blind"), 0755), 0);
	fx_write("/d/secret", "s");
	fx_write("/d/open", "o");
	fx_write("/blind/x", "x");
	fx_begin();
	assert_int_equal(FX_ASK(vfs_unlink, "/d/secret"), 0);
	assert_int_equal(FX_ASK(vfs_unlink, "/d/open"), 0);
	assert_int_equal(FX_ASK(vfs_unlink, "/blind/x"), 0);
	name = in_trash("/d", "~open", &count);
	assert_int_equal(do_open(trash_path("/d", name), VFS_OPEN_READ, 0), 0);
	name = in_trash("/d", "~secret", &count);
	assert_int_equal(do_open(trash_path("/d", name), VFS_OPEN_READ, 0), -EACCES);
	assert_int_equal(do_rename(trash_path("/d", name), "/d/mine", 0), -EACCES);
	assert_int_equal(do_list("/blind"), 0);
	assert_int_equal(fx_answer.entry_count, 0);
	name = in_trash("/blind", "~x", &count);
	assert_int_equal(do_stat(trash_path("/blind", name)), -ENOENT);
	/* Its trash must stay where the rule finds it. */
	assert_int_equal(FX_ASK(vfs_rmdir, "/blind"), -ENOTEMPTY);
}

static void
test_a_directory_goes_with_the_trash_in_it(void **state)
{
	char name[TRASH_NAME_MAX], path[VFS_PATH_MAX];
	size_t count;

	(void)state;
	assert_int_equal(mkdir(fx_path("/d"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/empty"), 0755), 0);
	fx_write("/d/a", "a");
	fx_begin();
	assert_int_equal(FX_ASK(vfs_rmdir, "/d"), -ENOTEMPTY);
	assert_int_equal(FX_ASK(vfs_unlink, "/d/a"), 0);
	assert_int_equal(FX_ASK(vfs_rmdir, "/d"), 0);
	assert_int_equal(FX_ASK(vfs_rmdir, "/empty"), 0);
	assert_int_equal(do_stat("/d"), -ENOENT);
	(void)in_trash("", "~empty", &count);
	assert_int_equal(count, 0); /* there was nothing to keep */
	snprintf(name, sizeof(name), "%s", in_trash("", "~d", &count));
	assert_int_equal(count, 1);
	snprintf(path, sizeof(path), "/" TRASH_DIR "/%s", name);
	(void)in_trash(path, "~a", &count);
	assert_int_equal(count, 1);
	assert_int_equal(do_rename(trash_path("", name), "/d", 0), 0);
	(void)in_trash("/d", "~a", &count);
	assert_int_equal(count, 1);
}

static void
test_what_is_too_old_goes_and_nothing_else(void **state)
{
	(void)state;
	fx_shares[0].rights = WITHOUT_TRASH;
	assert_int_equal(mkdir(fx_path("/" TRASH_DIR), 0755), 0);
	fx_begin();
	assert_int_equal(mkdir(fx_path("/" TRASH_DIR "/20200101-000000-000~d"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/" TRASH_DIR "/20200101-000000-000~d/" TRASH_DIR), 0755),
			 0);
	fx_write("/" TRASH_DIR "/20200101-000000-000~d/" TRASH_DIR "/20191231-000000-000~x", "x");
	fx_write("/" TRASH_DIR "/20200101-000000-000~old", "old");
	fx_write("/" TRASH_DIR "/v01~young", "changed just now");
	fx_write("/" TRASH_DIR "/stranger", "not ours");
	fx_write("/20200101-000000-000~beside", "not in the trash");
	assert_int_equal(do_list("/"), 0);
	assert_int_equal(fx_answer.entry_count, 1);
	assert_string_equal(fx_read("/" TRASH_DIR "/20200101-000000-000~old"), "<none>");
	assert_int_equal(access(fx_path("/" TRASH_DIR "/20200101-000000-000~d"), F_OK), -1);
	assert_string_equal(fx_read("/" TRASH_DIR "/v01~young"), "changed just now");
	assert_string_equal(fx_read("/" TRASH_DIR "/stranger"), "not ours");
	assert_string_equal(fx_read("/20200101-000000-000~beside"), "not in the trash");
}

static void
test_an_empty_trash_goes_too(void **state)
{
	(void)state;
	assert_int_equal(mkdir(fx_path("/" TRASH_DIR), 0755), 0);
	fx_write("/" TRASH_DIR "/20200101-000000-000~old", "old");
	fx_begin();
	assert_int_equal(do_list("/"), 0);
	assert_int_equal(fx_hidden("/"), 0);
}

/* A planted trash leads nowhere, and what cannot be kept is not deleted. */
static void
test_what_cannot_be_kept_is_not_deleted(void **state)
{
	(void)state;
	fx_shares[0].versions = 2;
	fx_write("/a", "a");
	assert_int_equal(mkdir(fx_path("/other"), 0755), 0);
	assert_int_equal(symlink("other", fx_path("/" TRASH_DIR)), 0);
	fx_begin();
	assert_true(FX_ASK(vfs_unlink, "/a") < 0);
	assert_non_null(strstr(fx_answer.why, "keeps what is deleted"));
	assert_true(do_put("/a", STOR, 0, "new") < 0);
	assert_string_equal(fx_read("/a"), "a");
	assert_int_equal(do_list("/other"), 0);
	assert_int_equal(fx_answer.entry_count, 0);
	/* A new name replaces nothing. */
	assert_int_equal(do_put("/b", STOR, 0, "b"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TRASH_TEST(test_names_say_what_and_when),
		TRASH_TEST(test_the_origin_of_what_is_in_the_trash_is_known),
		TRASH_TEST(test_deleted_files_are_kept_out_of_sight),
		TRASH_TEST(test_the_right_trash_shows_it_and_takes_things_out),
		TRASH_TEST(test_rights_of_a_path_go_with_what_is_deleted_there),
		TRASH_TEST(test_a_directory_goes_with_the_trash_in_it),
		TRASH_TEST(test_what_is_too_old_goes_and_nothing_else),
		TRASH_TEST(test_an_empty_trash_goes_too),
		TRASH_TEST(test_what_cannot_be_kept_is_not_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
