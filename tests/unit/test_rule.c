/* SPDX-License-Identifier: ISC */
/*
 * test_rule.c - rights and names: the nearest rule wins, every operation asks for its right, and
 * what a session made it may finish (ledger VF10).
 */
#include "tests/unit/vfs_fixture.h"

#include "server/vfs/rule.h"

static char *hide_patterns[] = { NULL, NULL };
static char *deny_patterns[] = { NULL };
static char hide_tmp[] = "*.tmp", hide_dot[] = ".*", deny_exe[] = "*.exe";

static void
test_nearest_rule_wins(void **state)
{
	struct conf_rule rules[] = {
		{ .path = (char[]) { "/in/archive/" }, .rights = 3 },
		{ .path = (char[]) { "/in/a" }, .rights = 4 },
		{ .path = (char[]) { "/in" }, .rights = 2 },
	};
	struct conf_share share = { .rights = 1, .rules = rules, .rule_count = COUNT_OF(rules) };
	const struct {
		const char *inner;
		uint32_t want;
	} cases[] = {
		{ "", 1 },	{ "x", 1 },	   { "in", 2 },
		{ "inn", 1 },	{ "in/x", 2 },	   { "in/archive", 3 },
		{ "in/a", 4 },	{ "in/a/b/c", 4 }, { "in/archive/z", 3 },
		{ "in/ab", 2 },
	};
	const struct conf_place *place;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(rule_rights(&share, cases[i].inner, &place), cases[i].want);
	assert_true(rule_stands_below(&share, "in"));
	assert_true(rule_stands_below(&share, "in/a"));
	assert_false(rule_stands_below(&share, "in/a/b"));
	assert_false(rule_stands_below(&share, "i"));
}

static void
test_pattern_with_many_stars_does_not_hang(void **state)
{
	static char pattern[] = "*a*a*a*a*a*a*a*a*a*a*a*a*a*b";
	char *patterns[] = { pattern };
	struct conf_share share = { .hide = { patterns, 1 } };
	char name[256];

	(void)state;
	memset(name, 'a', 255);
	name[255] = '\0';
	alarm(5);
	assert_int_equal(rule_name(&share, name), RULE_NAME_OK);
	alarm(0);
}

/* Every operation on a share without any right: refused, and nothing changed. */
static void
test_no_right_means_no_operation(void **state)
{
	struct vfs_change size = { .set = VFS_SET_SIZE },
			  mode = { .set = VFS_SET_MODE, .mode = 0600 },
			  times = { .set = VFS_SET_TIMES, .mtime = 1, .atime = 1 };
	struct stat before, after;

	(void)state;
	fx_shares[0].rights = RIGHT_NONE;
	fx_shares[0].mode_requests = CONF_MODES_REFUSE;
	fx_write("/f", "content");
	assert_int_equal(mkdir(fx_path("/d"), 0755), 0);
	assert_int_equal(stat(fx_path("/f"), &before), 0);
	fx_begin();
	assert_int_equal(do_stat("/f"), -ENOENT);
	assert_int_equal(do_stat("/d"), 0);
	assert_int_equal(FX_ASK(vfs_opendir, "/", 0), -EACCES);
	assert_int_equal(do_open("/f", VFS_OPEN_READ, 0), -EACCES);
	assert_int_equal(do_open("/f", STOR, 0), -EACCES);
	assert_int_equal(do_open("/f", APPE, 0), -EACCES);
	assert_int_equal(do_open("/f", REST, 3), -EACCES);
	assert_int_equal(do_open("/f", VFS_OPEN_WRITE, 0), -EACCES);
	assert_int_equal(do_open("/new", STOR, 0), -EACCES);
	assert_int_equal(do_open("/new", STOR | VFS_OPEN_EXCL, 0), -EACCES);
	assert_int_equal(do_open("/new", STOR | VFS_OPEN_UNIQUE, 0), -EACCES);
	assert_int_equal(FX_ASK(vfs_setattr, "/f", 0, &size), -EACCES);
	assert_int_equal(FX_ASK(vfs_setattr, "/f", 0, &mode), -EACCES);
	assert_int_equal(FX_ASK(vfs_setattr, "/f", 0, &times), -EACCES);
	assert_int_equal(FX_ASK(vfs_mkdir, "/new", 0755), -EACCES);
	assert_int_equal(FX_ASK(vfs_rmdir, "/d"), -EACCES);
	assert_int_equal(FX_ASK(vfs_unlink, "/f"), -EACCES);
	assert_int_equal(do_rename("/f", "/g", VFS_REPLACE), -EACCES);
	assert_int_equal(FX_ASK(vfs_link, "/f", "/g"), -EACCES);
	assert_int_equal(FX_ASK(vfs_symlink, "f", "/g"), -EACCES);
	assert_int_equal(stat(fx_path("/f"), &after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(after.st_mtim));
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(do_rename("/d", "/e", 0), -EACCES);
	assert_non_null(strstr(fx_log, "refused right=rename share=main path=/d rule=test.yaml:7"));
	assert_string_equal(fx_answer.why, "the share \"main\" does not allow \"rename\" here");
}

/* One right at a time, and what it is good for. */
static void
test_each_right_allows_its_operation_alone(void **state)
{
	(void)state;
	fx_write("/f", "content");
	assert_int_equal(mkdir(fx_path("/d"), 0755), 0);
	for (uint32_t right = RIGHT_LIST; right <= RIGHT_LINK; right <<= 1) {
		fx_shares[0].rights = right;
		fx_begin();
		assert_int_equal(do_list("/") == 0, right == RIGHT_LIST);
		assert_int_equal(do_open("/f", VFS_OPEN_READ, 0) == 0, right == RIGHT_READ);
		assert_int_equal(do_put("/f", APPE, 0, "+") == 0,
				 right == RIGHT_APPEND || right == RIGHT_OVERWRITE);
		assert_int_equal(do_put("/f", STOR, 0, "new") == 0, right == RIGHT_OVERWRITE);
		assert_int_equal(do_put("/new", STOR, 0, "new") == 0, right == RIGHT_CREATE);
		(void)unlink(fx_path("/new"));
		assert_int_equal(FX_ASK(vfs_mkdir, "/dd", 0755) == 0, right == RIGHT_MKDIR);
		(void)rmdir(fx_path("/dd"));
		assert_int_equal(do_rename("/f", "/f2", 0) == 0, right == RIGHT_RENAME);
		(void)rename(fx_path("/f2"), fx_path("/f"));
		assert_int_equal(FX_ASK(vfs_symlink, "f", "/l") == 0, right == RIGHT_SYMLINK);
		(void)unlink(fx_path("/l"));
		assert_int_equal(FX_ASK(vfs_unlink, "/f") == 0, right == RIGHT_DELETE);
		fx_write("/f", "content");
		assert_int_equal(FX_ASK(vfs_rmdir, "/d") == 0, right == RIGHT_RMDIR);
		(void)mkdir(fx_path("/d"), 0755);
		fx_close_session(&fx);
	}
}

static void
test_hidden_names_are_not_there_and_denied_ones_not_to_be_touched(void **state)
{
	(void)state;
	hide_patterns[0] = hide_tmp;
	hide_patterns[1] = hide_dot;
	deny_patterns[0] = deny_exe;
	fx_shares[0].hide = (struct conf_list) { hide_patterns, 2 };
	fx_shares[0].deny = (struct conf_list) { deny_patterns, 1 };
	fx_write("/a.tmp", "x");
	fx_write("/a.exe", "x");
	fx_write("/a", "x");
	assert_int_equal(mkdir(fx_path("/.d"), 0755), 0);
	fx_write("/.d/f", "x");
	assert_int_equal(symlink("a.tmp", fx_path("/l")), 0);
	fx_begin();
	assert_int_equal(do_list("/"), 0);
	assert_int_equal(fx_answer.entry_count, 2);
	assert_int_equal(do_stat("/a.tmp"), -ENOENT);
	assert_int_equal(do_open("/a.tmp", VFS_OPEN_READ, 0), -ENOENT);
	assert_int_equal(FX_ASK(vfs_unlink, "/a.tmp"), -ENOENT);
	assert_int_equal(do_stat("/.d/f"), -ENOENT);
	assert_int_equal(do_stat("/l"), -ENOENT); /* also by another name */
	assert_int_equal(do_open("/b.tmp", STOR, 0), -EACCES);
	assert_int_equal(FX_ASK(vfs_mkdir, "/.new", 0755), -EACCES);
	assert_int_equal(do_rename("/a", "/b.tmp", 0), -EACCES);
	assert_int_equal(do_stat("/a.exe"), -EACCES);
	assert_int_equal(do_open("/b.exe", STOR, 0), -EACCES);
	assert_int_equal(do_rename("/a", "/b.exe", 0), -EACCES);
	assert_int_equal(do_rename("/a.exe", "/b", 0), -EACCES);
	assert_string_equal(fx_read("/a"), "x");
}

static void
test_names_of_ours_and_control_characters_are_not_taken(void **state)
{
	(void)state;
	fx_write("/odd\nname", "x");
	fx_write("/.coffer-part~0123456789abcdef~x", "x");
	fx_begin();
	assert_int_equal(do_open("/a\rb", STOR, 0), -EINVAL);
	assert_int_equal(FX_ASK(vfs_mkdir, "/a\x7f", 0755), -EINVAL);
	assert_int_equal(FX_ASK(vfs_symlink, "x", "/a\x1b"), -EINVAL);
	assert_int_equal(do_rename("/odd\nname", "/even", 0), 0);
	assert_int_equal(do_rename("/even", "/odd\n", 0), -EINVAL);
	assert_int_equal(do_open("/.coffer-x", STOR, 0), -EACCES);
	assert_int_equal(do_stat("/.coffer-part~0123456789abcdef~x"), -ENOENT);
	assert_int_equal(do_put("/\xff\xfe caf\xc3\xa9", STOR, 0, "bytes"), 0);
	assert_string_equal(fx_read("/\xff\xfe caf\xc3\xa9"), "bytes");
}

static void
test_drop_box_takes_files_and_lets_their_maker_finish_them(void **state)
{
	struct vfs_change times = { .set = VFS_SET_TIMES, .mtime = 1000, .atime = VFS_TIME_KEEP };
	struct stat st;

	(void)state;
	fx_shares[0].rights = RIGHTS_DROP_BOX;
	fx_write("/theirs", "x");
	fx_begin();
	assert_int_equal(do_put("/mine.part", STOR, 0, "data"), 0);
	assert_int_equal(do_stat("/mine.part"), 0);
	assert_int_equal(do_stat("/theirs"), -ENOENT);
	assert_int_equal(do_rename("/mine.part", "/mine", 0), 0);
	assert_int_equal(FX_ASK(vfs_setattr, "/mine", 0, &times), 0);
	assert_int_equal(stat(fx_path("/mine"), &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 1000);
	assert_int_equal(do_rename("/mine", "/theirs", VFS_REPLACE), -EACCES);
	assert_int_equal(do_rename("/theirs", "/stolen", 0), -EACCES);
	assert_int_equal(FX_ASK(vfs_unlink, "/theirs"), -EACCES);
	assert_int_equal(do_open("/mine", VFS_OPEN_READ, 0), -EACCES);
	assert_int_equal(do_put("/mine", STOR, 0, "again"), 0);
	assert_int_equal(do_put("/other", STOR, 0, "x"), 0);
	assert_int_equal(FX_ASK(vfs_unlink, "/other"), 0);
	/* The next session made nothing. */
	fx_close_session(&fx);
	fx_begin();
	assert_int_equal(do_stat("/mine"), -ENOENT);
	assert_int_equal(FX_ASK(vfs_unlink, "/mine"), -EACCES);
	assert_int_equal(do_rename("/mine", "/x", 0), -EACCES);
	assert_int_equal(do_open("/mine", STOR, 0), -EACCES);
	assert_string_equal(fx_read("/mine"), "again");
	assert_string_equal(fx_read("/theirs"), "x");
}

static void
test_append_only_gets_a_descriptor_that_can_only_append(void **state)
{
	(void)state;
	fx_shares[0].rights = RIGHTS_APPEND_ONLY;
	fx_write("/log", "first\n");
	fx_begin();
	assert_int_equal(do_open("/log", STOR, 0), -EACCES);
	assert_int_equal(do_open("/log", REST, 2), -EACCES);
	assert_int_equal(do_open("/log", VFS_OPEN_WRITE, 0), -EACCES);
	assert_int_equal(do_open("/log", APPE, 0), 0);
	/* A wire that lies about the offset. */
	fx_answer.r.offset = 0;
	assert_int_equal(do_commit(fx_send("second\n"), 7), 0);
	assert_string_equal(fx_read("/log"), "first\nsecond\n");
	assert_int_equal(do_put("/log", REST, 13, "third\n"), 0);
	assert_string_equal(fx_read("/log"), "first\nsecond\nthird\n");
	assert_int_equal(do_rename("/log", "/x", 0), -EACCES);
	assert_int_equal(FX_ASK(vfs_unlink, "/log"), -EACCES);
}

/* The handle that may append is not one that may cut, chmod, or do what else owners may. */
static void
test_append_only_does_not_cut_through_the_handle(void **state)
{
	struct vfs_change cut = { .set = VFS_SET_SIZE, .size = 0 };
	struct vfs_change mode = { .set = VFS_SET_MODE, .mode = 0777 };
	struct vfs_change times = { .set = VFS_SET_TIMES, .mtime = 1000, .atime = 1000 };
	uint32_t ticket;
	struct stat st;

	(void)state;
	fx_shares[0].rights = RIGHTS_APPEND_ONLY;
	fx_shares[0].mode_requests = CONF_MODES_APPLY;
	fx_write("/log", "first\n");
	assert_int_equal(chmod(fx_path("/log"), 0644), 0);
	fx_begin();
	assert_int_equal(do_open("/log", VFS_OPEN_WRITE | VFS_OPEN_APPEND, 0), 0);
	ticket = fx_answer.r.ticket;
	assert_int_equal(FX_ASK(vfs_fsetattr, ticket, &cut), -EACCES);
	assert_non_null(strstr(fx_answer.why, "\"overwrite\""));
	cut.size = 100;
	assert_int_equal(FX_ASK(vfs_fsetattr, ticket, &cut), -EACCES);
	assert_int_equal(FX_ASK(vfs_fsetattr, ticket, &mode), 0); /* passed over */
	assert_int_equal(FX_ASK(vfs_fsetattr, ticket, &times), 0);
	assert_int_equal(do_commit(ticket, 0), 0);
	assert_string_equal(fx_read("/log"), "first\n");
	assert_int_equal(stat(fx_path("/log"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(st.st_mtim.tv_sec, 1000);
	/* What this session made is another matter. */
	assert_int_equal(do_open("/new", VFS_OPEN_WRITE | VFS_OPEN_CREATE, 0), 0);
	ticket = fx_send("made");
	cut.size = 2;
	mode.mode = 0600;
	assert_int_equal(FX_ASK(vfs_fsetattr, ticket, &cut), 0);
	assert_int_equal(FX_ASK(vfs_fsetattr, ticket, &mode), 0);
	assert_int_equal(do_commit(ticket, 4), 0);
	assert_string_equal(fx_read("/new"), "ma");
	assert_int_equal(stat(fx_path("/new"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* "overwrite" is not "delete", nor "rename", by way of replacing a file first. */
static void
test_what_was_replaced_was_not_made(void **state)
{
	struct vfs_change times = { .set = VFS_SET_TIMES, .mtime = 1000, .atime = 1000 };
	const uint32_t ways[] = { STOR, SFTP_PUT };

	(void)state;
	fx_shares[0].rights = RIGHT_LIST | RIGHT_READ | RIGHT_CREATE | RIGHT_OVERWRITE;
	fx_begin();
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		fx_write("/theirs", "theirs");
		assert_int_equal(do_put("/theirs", ways[i], 0, "ours"), 0);
		assert_int_equal(FX_ASK(vfs_unlink, "/theirs"), -EACCES);
		assert_int_equal(do_rename("/theirs", "/x", 0), -EACCES);
		/* Its times belong to what was written. */
		assert_int_equal(FX_ASK(vfs_setattr, "/theirs", 0, &times), 0);
		/* Once more does not make it ours. */
		assert_int_equal(do_put("/theirs", ways[i], 0, "again"), 0);
		assert_int_equal(FX_ASK(vfs_unlink, "/theirs"), -EACCES);
		assert_string_equal(fx_read("/theirs"), "again");
		/* What it made stays its own when it is replaced. */
		assert_int_equal(do_put("/mine", ways[i], 0, "1"), 0);
		assert_int_equal(do_put("/mine", ways[i], 0, "2"), 0);
		assert_int_equal(FX_ASK(vfs_unlink, "/mine"), 0);
	}
}

/* Also where it is opened for both: the rights are those of where the link leads. */
static void
test_a_link_does_not_carry_the_right_to_read(void **state)
{
	struct conf_rule rules[] = { { .path = (char[]) { "/drop" },
				       .rights = RIGHT_CREATE | RIGHT_OVERWRITE | RIGHT_LIST } };

	(void)state;
	fx_shares[0].rules = rules;
	fx_shares[0].rule_count = COUNT_OF(rules);
	assert_int_equal(mkdir(fx_path("/drop"), 0755), 0);
	fx_write("/drop/secret", "secret");
	fx_begin();
	assert_int_equal(FX_ASK(vfs_symlink, "drop/secret", "/l"), 0);
	assert_int_equal(do_open("/l", VFS_OPEN_READ, 0), -EACCES);
	assert_int_equal(do_open("/l", VFS_OPEN_READ | VFS_OPEN_WRITE, 0), -EACCES);
	assert_non_null(strstr(fx_answer.why, "\"read\""));
	assert_int_equal(do_open("/l", VFS_OPEN_WRITE, 0), 0);
	assert_int_equal(do_commit(fx_answer.r.ticket, 0), 0);
	/* And what is not there yet. */
	assert_int_equal(FX_ASK(vfs_symlink, "drop/new", "/n"), 0);
	assert_int_equal(do_open("/n", VFS_OPEN_READ | SFTP_PUT, 0), -EACCES);
	assert_int_equal(fx_hidden("/drop"), 0);
}

static void
test_a_link_does_not_carry_rights_of_one_path_to_another(void **state)
{
	struct conf_rule rules[] = { { .path = (char[]) { "/ro" },
				       .rights = RIGHTS_READ_ONLY,
				       .place = { .file = "test.yaml", .line = 9 } },
				     { .path = (char[]) { "/secret" }, .rights = RIGHT_NONE } };

	(void)state;
	fx_shares[0].rules = rules;
	fx_shares[0].rule_count = COUNT_OF(rules);
	assert_int_equal(mkdir(fx_path("/ro"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/secret"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/rw"), 0755), 0);
	fx_write("/ro/f", "read-only");
	fx_write("/secret/f", "secret");
	fx_begin();
	assert_int_equal(FX_ASK(vfs_symlink, "../ro/f", "/rw/l"), 0);
	assert_int_equal(FX_ASK(vfs_symlink, "../secret", "/rw/s"), 0);
	assert_int_equal(do_open("/rw/l", VFS_OPEN_READ, 0), 0);
	assert_int_equal(do_open("/rw/l", STOR, 0), -EACCES);
	assert_int_equal(do_open("/rw/l", VFS_OPEN_WRITE, 0), -EACCES);
	assert_non_null(strstr(fx_log, "rule=test.yaml:9"));
	assert_int_equal(do_open("/rw/s/f", VFS_OPEN_READ, 0), -EACCES);
	assert_int_equal(do_open("/rw/s/new", STOR, 0), -EACCES);
	assert_int_equal(FX_ASK(vfs_opendir, "/rw/s", 0), -EACCES);
	assert_int_equal(do_stat("/rw/s/f"), -ENOENT);
	/* Moving is no way around either. */
	assert_int_equal(do_rename("/ro/f", "/rw/f", 0), -EACCES);
	assert_int_equal(do_rename("/secret", "/open", 0), -EACCES);
	assert_int_equal(FX_ASK(vfs_link, "/ro/f", "/rw/f"), -EACCES);
	assert_int_equal(do_put("/rw/mine", STOR, 0, "x"), 0);
	assert_int_equal(do_rename("/rw/mine", "/ro/mine", 0), -EACCES);
	assert_string_equal(fx_read("/ro/f"), "read-only");
}

static void
test_moving_makes_nothing_readable_and_carries_no_rule_away(void **state)
{
	struct conf_rule rules[] = {
		{ .path = (char[]) { "/box" }, .rights = RIGHT_CREATE | RIGHT_RENAME },
		{ .path = (char[]) { "/a/b/ro" }, .rights = RIGHTS_READ_ONLY },
	};

	(void)state;
	fx_shares[0].rules = rules;
	fx_shares[0].rule_count = COUNT_OF(rules);
	assert_int_equal(mkdir(fx_path("/box"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/a"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/a/b"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/a/b/ro"), 0755), 0);
	fx_write("/box/theirs", "x");
	fx_begin();
	assert_int_equal(do_rename("/box/theirs", "/theirs", 0), -EACCES);
	assert_int_equal(do_rename("/box/theirs", "/box/renamed", 0), 0);
	assert_int_equal(do_put("/box/mine", STOR, 0, "x"), 0);
	assert_int_equal(do_rename("/box/mine", "/mine", 0), 0);
	assert_int_equal(do_rename("/a/b", "/a/c", 0), -EACCES);
	assert_non_null(strstr(fx_answer.why, "tied to this directory"));
	assert_int_equal(do_rename("/a", "/c", 0), -EACCES);
	assert_int_equal(do_rename("/mine", "/box/mine", 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nearest_rule_wins),
		cmocka_unit_test(test_pattern_with_many_stars_does_not_hang),
		FX_TEST(test_no_right_means_no_operation),
		FX_TEST(test_each_right_allows_its_operation_alone),
		FX_TEST(test_hidden_names_are_not_there_and_denied_ones_not_to_be_touched),
		FX_TEST(test_names_of_ours_and_control_characters_are_not_taken),
		FX_TEST(test_drop_box_takes_files_and_lets_their_maker_finish_them),
		FX_TEST(test_append_only_gets_a_descriptor_that_can_only_append),
		FX_TEST(test_append_only_does_not_cut_through_the_handle),
		FX_TEST(test_what_was_replaced_was_not_made),
		FX_TEST(test_a_link_does_not_carry_the_right_to_read),
		FX_TEST(test_a_link_does_not_carry_rights_of_one_path_to_another),
		FX_TEST(test_moving_makes_nothing_readable_and_carries_no_rule_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
