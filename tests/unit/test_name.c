/* SPDX-License-Identifier: ISC */
/*
 * test_name.c - names come, go and change: what replaces what, and what never does (VF09, VF13,
 * SF08).
 */
#include "tests/unit/vfs_fixture.h"

static void
test_rename_replaces_only_files_and_only_when_asked(void **state)
{
	static const struct {
		const char *from, *to;
		uint32_t flags;
		int err;
	} cases[] = {
		{ "/a", "/b", 0, -EEXIST },
		{ "/a", "/a", 0, -EEXIST },
		{ "/a", "/d", 0, -EEXIST },
		{ "/a", "/d", VFS_REPLACE, -EEXIST },
		{ "/d", "/e", VFS_REPLACE, -EEXIST },
		{ "/d", "/a", VFS_REPLACE, -EEXIST },
		{ "/d", "/d/x", 0, -EINVAL },
		{ "/none", "/x", 0, -ENOENT },
		{ "/a", "/none/x", 0, -ENOENT },
		{ "/a", "/b/x", 0, -ENOTDIR },
		{ "/a", "/b", VFS_REPLACE, 0 },
		{ "/d", "/new", VFS_REPLACE, 0 },
		{ "/b", "/a", 0, 0 },
	};

	(void)state;
	fx_write("/a", "a");
	fx_write("/b", "b");
	assert_int_equal(mkdir(fx_path("/d"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/e"), 0755), 0);
	fx_begin();
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(do_rename(cases[i].from, cases[i].to, cases[i].flags),
				 cases[i].err);
	assert_string_equal(fx_read("/a"), "a");
	assert_non_null(strstr(fx_log, "change op=rename path=/a to=/b result=EEXIST"));
	assert_non_null(strstr(fx_log, "change op=rename path=/b to=/a result=ok"));
}

static void
test_replacing_takes_the_right_to_overwrite(void **state)
{
	(void)state;
	fx_shares[0].rights = RIGHTS_READ_WRITE & ~(uint32_t)RIGHT_OVERWRITE;
	fx_write("/a", "a");
	fx_write("/b", "b");
	fx_begin();
	assert_int_equal(do_rename("/a", "/b", VFS_REPLACE), -EACCES);
	assert_int_equal(do_rename("/a", "/c", VFS_REPLACE), 0);
	assert_string_equal(fx_read("/b"), "b");
}

static void
test_unlink_and_rmdir_take_what_they_are_for(void **state)
{
	(void)state;
	fx_write("/a", "a");
	assert_int_equal(mkdir(fx_path("/d"), 0755), 0);
	fx_write("/d/f", "f");
	fx_begin();
	assert_int_equal(FX_ASK(vfs_unlink, "/d"), -EISDIR);
	assert_int_equal(FX_ASK(vfs_rmdir, "/a"), -ENOTDIR);
	assert_int_equal(FX_ASK(vfs_rmdir, "/d"), -ENOTEMPTY);
	assert_int_equal(FX_ASK(vfs_unlink, "/d/f"), 0);
	assert_int_equal(FX_ASK(vfs_rmdir, "/d"), 0);
	assert_int_equal(FX_ASK(vfs_unlink, "/a"), 0);
	assert_int_equal(FX_ASK(vfs_unlink, "/a"), -ENOENT);
	assert_non_null(strstr(fx_log, "change op=rmdir path=/d result=ENOTEMPTY"));
	assert_non_null(strstr(fx_log, "change op=delete path=/a result=ok"));
}

static void
test_rmdir_removes_what_broken_uploads_left(void **state)
{
	(void)state;
	assert_int_equal(mkdir(fx_path("/d"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/e"), 0755), 0);
	fx_begin();
	assert_int_equal(do_break("/d/f", STOR, 0, "part"), 0);
	assert_int_equal(fx_hidden("/d"), 1);
	assert_int_equal(FX_ASK(vfs_rmdir, "/d"), 0);
	/* Not while it is written, and not when it is another's. */
	assert_int_equal(do_open("/e/f", STOR, 0), 0);
	assert_int_equal(do_abort(fx_send("part"), 4), 0);
	snprintf(fx_account.name, sizeof(fx_account.name), "bert");
	assert_int_equal(FX_ASK(vfs_rmdir, "/e"), -ENOTEMPTY);
	assert_string_equal(fx_answer.why, "an upload into this directory is not finished");
	assert_int_equal(fx_hidden("/e"), 1);
}

static void
test_rmdir_never_takes_hidden_files_along(void **state)
{
	static char dot[] = ".*";
	char *patterns[] = { dot };

	(void)state;
	fx_shares[0].hide = (struct conf_list) { patterns, 1 };
	assert_int_equal(mkdir(fx_path("/d"), 0755), 0);
	fx_write("/d/.keep", "x");
	fx_begin();
	assert_int_equal(FX_ASK(vfs_rmdir, "/d"), -ENOTEMPTY);
	assert_string_equal(fx_answer.why, "the directory holds hidden files");
	assert_string_equal(fx_read("/d/.keep"), "x");
}

static void
test_symlinks_must_stay_inside(void **state)
{
	static const struct {
		const char *target, *path;
		int err;
	} cases[] = {
		{ "f", "/l1", 0 },
		{ "d/../f", "/l2", 0 },
		{ "../f", "/d/l3", 0 },
		{ "../f", "/l4", -EACCES },
		{ "/f", "/l5", -EACCES },
		{ "", "/l6", -EACCES },
		{ "../../f", "/d/l7", -EACCES },
		{ "d/../../f", "/l8", -EACCES },
		{ "f", "/f", -EEXIST },
		{ "..", "/d/l9", 0 },
	};

	(void)state;
	fx_write("/f", "x");
	assert_int_equal(mkdir(fx_path("/d"), 0755), 0);
	fx_begin();
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(FX_ASK(vfs_symlink, cases[i].target, cases[i].path), cases[i].err);
	assert_int_equal(FX_ASK(vfs_readlink, "/d/l3"), 0);
	assert_string_equal(fx_answer.text, "../f");
	assert_int_equal(FX_ASK(vfs_readlink, "/f"), -EINVAL);
	assert_non_null(strstr(fx_log, "change op=symlink path=/l1 to=f result=ok"));
}

static void
test_hard_links_are_made_of_files_only(void **state)
{
	(void)state;
	fx_write("/f", "x");
	assert_int_equal(mkdir(fx_path("/d"), 0755), 0);
	fx_begin();
	assert_int_equal(FX_ASK(vfs_link, "/f", "/g"), 0);
	assert_int_equal(FX_ASK(vfs_link, "/f", "/g"), -EEXIST);
	assert_int_equal(FX_ASK(vfs_link, "/d", "/e"), -EPERM);
	assert_string_equal(fx_read("/g"), "x");
}

static void
test_times_and_size_are_set_by_path(void **state)
{
	struct vfs_change change = { .set = VFS_SET_TIMES | VFS_SET_SIZE,
				     .size = 3,
				     .mtime = 86400,
				     .mtime_ns = 5,
				     .atime = VFS_TIME_KEEP };
	struct stat before, st;

	(void)state;
	fx_write("/f", "content");
	assert_int_equal(stat(fx_path("/f"), &before), 0);
	fx_begin();
	assert_int_equal(FX_ASK(vfs_setattr, "/f", 0, &change), 0);
	assert_int_equal(stat(fx_path("/f"), &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(st.st_mtim.tv_sec, 86400);
	assert_int_equal(st.st_mtim.tv_nsec, 5);
	assert_int_equal(st.st_atim.tv_sec, before.st_atim.tv_sec);
	change.set = VFS_SET_SIZE;
	assert_int_equal(FX_ASK(vfs_setattr, "/", 0, &change), -EISDIR);
	assert_non_null(strstr(fx_log, "change op=times path=/f result=ok"));
}

static void
test_space_is_shown_without_what_is_kept_free(void **state)
{
	uint64_t avail;

	(void)state;
	fx_begin();
	assert_int_equal(FX_ASK(vfs_statvfs, "/"), 0);
	assert_true(fx_answer.r.space.block_size > 0);
	assert_true(fx_answer.r.space.name_max >= 255);
	avail = fx_answer.r.space.blocks_avail;
	fx_shares[0].min_free_bytes = 1ull << 60;
	assert_int_equal(FX_ASK(vfs_statvfs, "/"), 0);
	assert_true(avail > 0);
	assert_int_equal(fx_answer.r.space.blocks_avail, 0);
}

/* A directory of one's own may hold what is not. */
static void
test_a_directory_carries_nothing_to_where_it_could_be_read(void **state)
{
	struct conf_rule rules[] = { { .path = (char[]) { "/box" },
				       .rights = RIGHT_CREATE | RIGHT_MKDIR } };

	(void)state;
	fx_shares[0].rules = rules;
	fx_shares[0].rule_count = COUNT_OF(rules);
	assert_int_equal(mkdir(fx_path("/box"), 0755), 0);
	fx_begin();
	assert_int_equal(FX_ASK(vfs_mkdir, "/box/d", VFS_MODE_DEFAULT), 0);
	fx_write("/box/d/theirs", "x");
	assert_int_equal(do_rename("/box/d", "/d", 0), -EACCES);
	assert_non_null(strstr(fx_answer.why, "\"read\""));
	assert_int_equal(do_rename("/box/d", "/box/e", 0), 0);
	assert_int_equal(do_put("/box/mine", STOR, 0, "x"), 0);
	assert_int_equal(do_rename("/box/mine", "/mine", 0), 0);
}

/* Nor to where a rule for something in it would let it be read. */
static void
test_a_directory_is_not_moved_above_a_rule_that_lets_read(void **state)
{
	struct conf_rule rules[] = {
		{ .path = (char[]) { "/box" }, .rights = RIGHT_MKDIR | RIGHT_RENAME },
		{ .path = (char[]) { "/box/pub/in" }, .rights = RIGHTS_READ_ONLY },
	};

	(void)state;
	fx_shares[0].rules = rules;
	fx_shares[0].rule_count = COUNT_OF(rules);
	assert_int_equal(mkdir(fx_path("/box"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/box/d"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/box/d/in"), 0755), 0);
	fx_write("/box/d/in/secret", "secret");
	fx_begin();
	assert_int_equal(do_open("/box/d/in/secret", VFS_OPEN_READ, 0), -EACCES);
	assert_int_equal(do_rename("/box/d", "/box/pub", 0), -EACCES);
	assert_non_null(strstr(fx_answer.why, "\"read\""));
	assert_int_equal(do_rename("/box/d", "/box/other", 0), 0);
	assert_int_equal(do_open("/box/pub/in/secret", VFS_OPEN_READ, 0), -ENOENT);
}

/* Who may rename but not list, delete or replace cannot have that by a name elsewhere. */
static void
test_nothing_is_moved_to_where_more_may_be_done_to_it(void **state)
{
	struct conf_rule rules[] = {
		{ .path = (char[]) { "/keep" },
		  .rights = RIGHT_READ | RIGHT_CREATE | RIGHT_MKDIR | RIGHT_RENAME },
		{ .path = (char[]) { "/list" },
		  .rights = RIGHT_READ | RIGHT_LIST | RIGHT_CREATE | RIGHT_MKDIR },
		{ .path = (char[]) { "/lose" },
		  .rights = RIGHT_READ | RIGHT_CREATE | RIGHT_MKDIR | RIGHT_DELETE },
		{ .path = (char[]) { "/cut" },
		  .rights = RIGHT_READ | RIGHT_CREATE | RIGHT_MKDIR | RIGHT_OVERWRITE },
	};
	static const char *const places[] = { "/keep", "/list", "/lose", "/cut" };

	(void)state;
	fx_shares[0].rules = rules;
	fx_shares[0].rule_count = COUNT_OF(rules);
	for (size_t i = 0; i < COUNT_OF(places); i++)
		assert_int_equal(mkdir(fx_path(places[i]), 0755), 0);
	assert_int_equal(mkdir(fx_path("/keep/d"), 0755), 0);
	fx_write("/keep/d/theirs", "x");
	fx_write("/keep/theirs", "x");
	fx_begin();
	assert_int_equal(do_rename("/keep/d", "/list/d", 0), -EACCES);
	assert_non_null(strstr(fx_answer.why, "\"list\""));
	assert_int_equal(do_rename("/keep/theirs", "/lose/theirs", 0), -EACCES);
	assert_non_null(strstr(fx_answer.why, "\"delete\""));
	assert_int_equal(do_rename("/keep/d", "/lose/d", 0), -EACCES);
	assert_int_equal(do_rename("/keep/theirs", "/cut/theirs", 0), -EACCES);
	assert_non_null(strstr(fx_answer.why, "\"overwrite\""));
	/* Its own name is all that a file shows by being listed, and it is known. */
	assert_int_equal(do_rename("/keep/theirs", "/list/theirs", 0), 0);
	/* What this session made, it may also remove. */
	assert_int_equal(do_put("/keep/mine", STOR, 0, "x"), 0);
	assert_int_equal(do_rename("/keep/mine", "/lose/mine", 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FX_TEST(test_rename_replaces_only_files_and_only_when_asked),
		FX_TEST(test_replacing_takes_the_right_to_overwrite),
		FX_TEST(test_unlink_and_rmdir_take_what_they_are_for),
		FX_TEST(test_rmdir_removes_what_broken_uploads_left),
		FX_TEST(test_rmdir_never_takes_hidden_files_along),
		FX_TEST(test_symlinks_must_stay_inside),
		FX_TEST(test_hard_links_are_made_of_files_only),
		FX_TEST(test_times_and_size_are_set_by_path),
		FX_TEST(test_space_is_shown_without_what_is_kept_free),
		FX_TEST(test_a_directory_carries_nothing_to_where_it_could_be_read),
		FX_TEST(test_a_directory_is_not_moved_above_a_rule_that_lets_read),
		FX_TEST(test_nothing_is_moved_to_where_more_may_be_done_to_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
