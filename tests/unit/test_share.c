/* SPDX-License-Identifier: ISC */
/*
 * test_share.c - which shares an account gets, where their roots are, and how mounts make one tree.
 */
#include "tests/unit/vfs_fixture.h"

#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

/* What the filesystem says that it is; 0: the truth. */
static long fs_type;

int
fstatfs(int fd, struct statfs *st)
{
	int result = (int)syscall(SYS_fstatfs, fd, st);

	if (fs_type)
		st->f_type = fs_type;
	return result;
}

static void
test_account_gets_shares_by_name_and_group(void **state)
{
	char *groups[] = { (char[]) { "staff" }, NULL };
	gid_t gids[] = { ACCOUNT_NO_GID };
	char *anna[] = { (char[]) { "bert" }, (char[]) { "anna" } };
	char *staff[] = { (char[]) { "@staff" } };
	char *others[] = { (char[]) { "bert" }, (char[]) { "@admin" }, (char[]) { "staff" } };

	(void)state;
	fx_account.group_names = groups;
	fx_account.group_gids = gids;
	fx_share(0, "a", "/a", "/a", RIGHTS_ALL);
	fx_shares[0].users = (struct conf_list) { anna, 2 };
	fx_share(1, "b", "/b", "/b", RIGHTS_ALL);
	fx_shares[1].users = (struct conf_list) { staff, 1 };
	fx_share(2, "c", "/c", "/c", RIGHTS_ALL);
	fx_shares[2].users = (struct conf_list) { others, 3 };
	fx_begin();
	assert_int_equal(do_list("/"), 0);
	assert_int_equal(fx_answer.entry_count, 2);
	assert_non_null(fx_entry("a"));
	assert_non_null(fx_entry("b"));
	assert_int_equal(do_stat("/c"), -ENOENT);
}

static void
test_everything_new_gets_the_forced_group_of_members_only(void **state)
{
	char *groups[] = { (char[]) { "staff" }, (char[]) { "team" }, NULL };
	gid_t gids[] = { 54321, 54322 };
	struct stat st;

	(void)state;
	if (geteuid() != 0) {
		puts("SKIP: only root may use a group that it has no number for");
		skip();
	}
	fx_account.group_names = groups;
	fx_account.group_gids = gids;
	fx_account.groups[0] = 54321;
	fx_account.group_count = 1;
	fx_account.gid = 54322; /* "team": the account's own, behind the others */
	fx_shares[0].force_group = (char[]) { "staff" };
	fx_shares[0].dir_mode = 0570;
	fx_begin();
	assert_int_equal(do_put("/a", STOR, 0, "x"), 0);
	assert_int_equal(stat(fx_path("/a"), &st), 0);
	assert_int_equal(st.st_gid, 54321);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(FX_ASK(vfs_mkdir, "/d", VFS_MODE_DEFAULT), 0);
	assert_int_equal(stat(fx_path("/d"), &st), 0);
	assert_int_equal(st.st_gid, 54321);
	assert_int_equal(st.st_mode & 07777, 0570);
	fx_close_session(&fx);
	fx_shares[0].upload = CONF_UPLOAD_DIRECT;
	fx_shares[0].force_group = (char[]) { "team" };
	fx_begin();
	assert_int_equal(do_put("/b", STOR, 0, "x"), 0);
	assert_int_equal(stat(fx_path("/b"), &st), 0);
	assert_int_equal(st.st_gid, 54322);
	fx_close_session(&fx);
	fx_shares[0].force_group = (char[]) { "admin" };
	assert_int_equal(fx_open_session(&fx), -ENOENT);
	assert_non_null(strstr(fx_log, "not a member of the share's force-group"));
	fx.serve = NULL;
}

static void
test_path_is_expanded_to_one_component(void **state)
{
	static const struct {
		const char *user, *path;
		bool good;
	} cases[] = {
		{ "anna", "/%u", true },    { "anna", "/x%u", false }, { "..", "/%u", false },
		{ ".", "/%u", false },	    { "a/b", "/%u", false },   { "", "/%u", false },
		{ "anna", "/%h", false },   { "anna", "/%z", false },  { "anna", "/%", false },
		{ "anna", "/100%%", true },
	};

	(void)state;
	assert_int_equal(mkdir(fx_path("/anna"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/a"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/a/b"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/100%"), 0755), 0);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		snprintf(fx_account.name, sizeof(fx_account.name), "%s", cases[i].user);
		free(fx_shares[0].path);
		fx_shares[0].path = mem_dup(fx_path(cases[i].path));
		assert_int_equal(fx_open_session(&fx), cases[i].good ? 0 : -ENOENT);
		if (cases[i].good)
			fx_close_session(&fx);
	}
	snprintf(fx_account.name, sizeof(fx_account.name), "anna");
	free(fx_shares[0].path);
	fx_shares[0].path = mem_dup("%h");
	fx_begin();
	assert_int_equal(do_stat("/anna"), 0);
}

static void
test_root_behind_a_link_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mkdir(fx_path("/real"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/real/sub"), 0755), 0);
	assert_int_equal(symlink("real", fx_path("/link")), 0);
	free(fx_shares[0].path);
	fx_shares[0].path = mem_dup(fx_path("/link"));
	assert_int_equal(fx_open_session(&fx), -ENOENT);
	free(fx_shares[0].path);
	fx_shares[0].path = mem_dup(fx_path("/link/sub"));
	assert_int_equal(fx_open_session(&fx), -ENOENT);
	assert_non_null(strstr(fx_log, "share name=main"));
	assert_non_null(strstr(fx_log, "write the real path"));
	assert_non_null(strstr(fx_log, "rule=-:0"));
}

static void
test_levers_of_the_kernel_are_never_served(void **state)
{
	static const char *const roots[] = { "/proc",	    "/proc/self", "/sys",
					     "/sys/kernel", "/dev",	  "/dev/pts" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(roots); i++) {
		struct stat st, top;

		if (stat(roots[i], &st) < 0 || stat("/", &top) < 0 || st.st_dev == top.st_dev)
			continue; /* it is a plain directory here */
		free(fx_shares[0].path);
		fx_shares[0].path = mem_dup(roots[i]);
		assert_int_equal(fx_open_session(&fx), -ENOENT);
	}
}

static void
test_levers_below_a_share_are_never_served(void **state)
{
	char path[64];

	(void)state;
	free(fx_shares[0].path);
	fx_shares[0].path = mem_dup("/");
	fx_begin();
	snprintf(path, sizeof(path), "/proc/%d/environ", getpid());
	assert_int_equal(do_open(path, VFS_OPEN_READ, 0), -EACCES);
	assert_int_equal(do_open("/proc/self/environ", VFS_OPEN_READ, 0), -EACCES);
	assert_int_equal(do_open("/proc/self/mem", VFS_OPEN_WRITE, 0), -EACCES);
	assert_int_equal(do_open("/sys/kernel/uevent_seqnum", VFS_OPEN_READ, 0), -EACCES);
	assert_int_equal(FX_ASK(vfs_opendir, "/proc", 0), -EACCES);
	assert_int_equal(do_stat("/etc/passwd"), 0);
}

static void
test_missing_root_is_made_when_the_share_says_so(void **state)
{
	struct stat st;

	(void)state;
	free(fx_shares[0].path);
	fx_shares[0].path = mem_dup(fx_path("/new/deep"));
	assert_int_equal(fx_open_session(&fx), -ENOENT);
	fx_shares[0].create = true;
	fx_shares[0].dir_mode = 0750;
	fx_begin();
	assert_int_equal(stat(fx_path("/new/deep"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750);
}

static void
test_mounts_make_one_tree(void **state)
{
	(void)state;
	fx_share(0, "top", "/top", "/a", RIGHTS_ALL);
	fx_share(1, "deep", "/x/y/deep", "/b", RIGHTS_ALL);
	fx_share(2, "deep2", "/x/y2", "/c", RIGHTS_READ_ONLY);
	fx_write("/b/f", "in b");
	fx_begin();
	assert_int_equal(do_list("/"), 0);
	assert_int_equal(fx_answer.entry_count, 2);
	assert_non_null(fx_entry("top"));
	assert_non_null(fx_entry("x"));
	assert_int_equal(do_list("/x"), 0);
	assert_int_equal(fx_answer.entry_count, 2);
	assert_int_equal(do_list("/x/y"), 0);
	assert_int_equal(fx_answer.entry_count, 1);
	assert_int_equal(do_stat("/x/y"), 0);
	assert_int_equal(fx_answer.r.attr.type, VFS_DIR);
	assert_int_equal(do_stat("/x/y/deep/f"), 0);
	assert_int_equal(do_stat("/x/z"), -ENOENT);
	assert_int_equal(do_open("/x/new", STOR, 0), -EACCES); /* nothing is made there */
	assert_int_equal(do_open("/z/new", STOR, 0), -ENOENT);
	assert_int_equal(do_open("/x/y", STOR, 0), -EISDIR);
	assert_int_equal(FX_ASK(vfs_mkdir, "/x", 0755), -EEXIST);
	assert_int_equal(FX_ASK(vfs_mkdir, "/top", 0755), -EEXIST);
}

static void
test_shares_below_a_share_at_the_root_cover_its_names(void **state)
{
	const struct vfs_entry *e;

	(void)state;
	fx_share(0, "main", "/", "/a", RIGHTS_ALL);
	fx_share(1, "data", "/data", "/b", RIGHTS_READ_ONLY);
	fx_share(2, "deep", "/sub/deep", "/c", RIGHTS_ALL);
	fx_write("/a/f", "x");
	fx_write("/a/data", "covered");
	fx_write("/b/g", "shown");
	fx_begin();
	assert_int_equal(do_list("/"), 0);
	assert_int_equal(fx_answer.entry_count, 3);
	e = fx_entry("data");
	assert_non_null(e);
	assert_int_equal(e->attr.type, VFS_DIR);
	assert_non_null(fx_entry("sub"));
	assert_non_null(fx_entry("f"));
	assert_int_equal(do_stat("/data/g"), 0);
	assert_int_equal(do_stat("/sub"), 0);
	assert_int_equal(do_list("/sub"), 0);
	assert_int_equal(fx_answer.entry_count, 1);
	/* A real "sub" is merged with what is mounted below it. */
	assert_int_equal(mkdir(fx_path("/a/sub"), 0755), 0);
	fx_write("/a/sub/real", "");
	assert_int_equal(do_list("/sub"), 0);
	assert_int_equal(fx_answer.entry_count, 2);
}

static void
test_mount_points_stay(void **state)
{
	struct vfs_change change = { .set = VFS_SET_MODE, .mode = 0 };

	(void)state;
	fx_share(0, "main", "/", "/a", RIGHTS_ALL);
	fx_share(1, "data", "/data", "/b", RIGHTS_ALL);
	fx_share(2, "deep", "/sub/deep", "/c", RIGHTS_ALL);
	assert_int_equal(mkdir(fx_path("/a/sub"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/a/d"), 0755), 0);
	fx_write("/a/f", "x");
	fx_begin();
	assert_int_equal(FX_ASK(vfs_rmdir, "/data"), -EACCES);
	assert_string_equal(fx_answer.why, "this is where the share \"data\" is mounted");
	assert_int_equal(FX_ASK(vfs_rmdir, "/"), -EACCES);
	assert_int_equal(FX_ASK(vfs_rmdir, "/sub"), -EACCES);
	assert_string_equal(fx_answer.why, "shares are mounted below this directory");
	assert_int_equal(FX_ASK(vfs_unlink, "/data"), -EACCES);
	assert_int_equal(do_rename("/data", "/x", 0), -EACCES);
	assert_int_equal(do_rename("/d", "/data", VFS_REPLACE), -EEXIST);
	assert_int_equal(do_rename("/f", "/data/f", VFS_REPLACE), -EXDEV);
	assert_int_equal(FX_ASK(vfs_link, "/f", "/data/f"), -EXDEV);
	assert_int_equal(FX_ASK(vfs_setattr, "/data", 0, &change), -EACCES);
	assert_string_equal(fx_read("/a/f"), "x");
}

/* What a share is mounted over is there by that share alone, whatever links say. */
static void
test_a_link_does_not_lead_past_a_mount(void **state)
{
	struct vfs_change mode = { .set = VFS_SET_MODE, .mode = 0700 };
	struct stat st;

	(void)state;
	fx_share(0, "root", "/", "/root", RIGHTS_ALL);
	fx_share(1, "archive", "/archive", "/root/archive", RIGHTS_READ_ONLY);
	fx_share(2, "deep", "/d/e/deep", "/deep", RIGHTS_ALL);
	fx_write("/root/archive/old", "old");
	assert_int_equal(mkdir(fx_path("/root/d"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/root/d/e"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/root/free"), 0755), 0);
	assert_int_equal(chmod(fx_path("/root"), 0755), 0);
	fx_begin();
	assert_int_equal(FX_ASK(vfs_symlink, ".", "/l"), 0);
	assert_int_equal(FX_ASK(vfs_symlink, "archive", "/a"), 0);
	assert_int_equal(FX_ASK(vfs_unlink, "/l/archive/old"), -EACCES);
	assert_non_null(strstr(fx_answer.why, "another share"));
	assert_int_equal(FX_ASK(vfs_unlink, "/a/old"), -EACCES);
	assert_int_equal(do_open("/l/archive/old", VFS_OPEN_READ, 0), -EACCES);
	assert_int_equal(do_open("/a/old", VFS_OPEN_WRITE, 0), -EACCES);
	assert_int_equal(do_open("/a/new", STOR, 0), -EACCES);
	assert_int_equal(do_stat("/l/archive/old"), -EACCES);
	assert_int_equal(do_list("/a"), -EACCES);
	assert_int_equal(do_rename("/l/archive", "/x", 0), -EACCES);
	assert_int_equal(do_rename("/l/archive/old", "/x", 0), -EACCES);
	assert_int_equal(do_rename("/l/free", "/l/archive/free", 0), -EACCES);
	/* Nor away with what it hangs on, nor to the mode of a root. */
	assert_int_equal(do_rename("/l/d", "/l/x", 0), -EACCES);
	assert_int_equal(do_rename("/l/d/e", "/l/x", 0), -EACCES);
	assert_int_equal(FX_ASK(vfs_rmdir, "/l/d/e"), -EACCES);
	assert_int_equal(FX_ASK(vfs_setattr, "/l", 0, &mode), -EACCES);
	assert_int_equal(stat(fx_path("/root"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_string_equal(fx_read("/root/archive/old"), "old");
	/* All else is as before. */
	assert_int_equal(do_rename("/l/free", "/l/d/free", 0), 0);
	assert_int_equal(do_put("/l/d/f", STOR, 0, "x"), 0);
	assert_int_equal(do_open("/archive/old", VFS_OPEN_READ, 0), 0);
}

/* With one share too: a link to the root is the root. */
static void
test_a_link_to_the_root_does_not_change_its_mode(void **state)
{
	struct vfs_change mode = { .set = VFS_SET_MODE, .mode = 0700 };

	(void)state;
	fx_begin();
	assert_int_equal(FX_ASK(vfs_symlink, ".", "/l"), 0);
	assert_int_equal(FX_ASK(vfs_setattr, "/l", 0, &mode), FX_ASK(vfs_setattr, "/", 0, &mode));
	assert_int_equal(fx_answer.r.err, -EACCES);
}

/* Where names are the same in capitals, rules for paths and names would be kept by nobody. */
static void
test_no_share_goes_by_names_that_ignore_case(void **state)
{
	struct conf_rule rule = { .path = (char[]) { "/archive" }, .rights = RIGHTS_READ_ONLY };
	char *pattern = (char[]) { "*.key" };

	(void)state;
	fs_type = MSDOS_SUPER_MAGIC;
	fx_begin();
	assert_int_equal(do_put("/a", STOR, 0, "x"), 0);
	fx_close_session(&fx);
	fx_shares[0].rules = &rule;
	fx_shares[0].rule_count = 1;
	assert_int_equal(fx_open_session(&fx), -ENOENT);
	assert_non_null(strstr(fx_log, "the same in capitals"));
	fx_shares[0].rule_count = 0;
	fx_shares[0].hide = (struct conf_list) { &pattern, 1 };
	assert_int_equal(fx_open_session(&fx), -ENOENT);
	fs_type = 0;
	fx_begin();
	/* Our own names are nobody else's in any letters. */
	assert_int_equal(do_put("/.COFFER-part~x", STOR, 0, "x"), -EACCES);
	assert_int_equal(do_stat("/.Coffer-kept~x"), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FX_TEST(test_account_gets_shares_by_name_and_group),
		FX_TEST(test_everything_new_gets_the_forced_group_of_members_only),
		FX_TEST(test_path_is_expanded_to_one_component),
		FX_TEST(test_root_behind_a_link_is_refused),
		FX_TEST(test_levers_of_the_kernel_are_never_served),
		FX_TEST(test_levers_below_a_share_are_never_served),
		FX_TEST(test_missing_root_is_made_when_the_share_says_so),
		FX_TEST(test_mounts_make_one_tree),
		FX_TEST(test_shares_below_a_share_at_the_root_cover_its_names),
		FX_TEST(test_mount_points_stay),
		FX_TEST(test_a_link_does_not_lead_past_a_mount),
		FX_TEST(test_a_link_to_the_root_does_not_change_its_mode),
		FX_TEST(test_no_share_goes_by_names_that_ignore_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
