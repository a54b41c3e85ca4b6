/* SPDX-License-Identifier: ISC */
/*
 * test_resolve.c - a path never leaves its share: links of every kind, things that are no files,
 * and somebody who exchanges directories and links while we look (ledger VF01-VF08, VF15, VF16).
 */
#include "tests/unit/vfs_fixture.h"

#include <pthread.h>
#include <sys/un.h>

#include "server/vfs/resolve.h"

/* The share is "/in" of the directory; "/secret" beside it must stay untouched. */
static void
begin_beside_secret(void)
{
	fx_share(0, "in", "/", "/in", RIGHTS_ALL);
	fx_write("/secret", "secret");
	assert_int_equal(mkdir(fx_path("/out"), 0777), 0);
	fx_write("/out/f", "outside");
	fx_write("/in/f", "inside");
	assert_int_equal(mkdir(fx_path("/in/d"), 0755), 0);
	fx_write("/in/d/g", "deep");
	fx_begin();
}

static void
test_links_that_stay_inside_are_followed(void **state)
{
	(void)state;
	begin_beside_secret();
	assert_int_equal(symlink("f", fx_path("/in/l")), 0);
	assert_int_equal(symlink("../f", fx_path("/in/d/up")), 0);
	assert_int_equal(symlink("d", fx_path("/in/ld")), 0);
	assert_int_equal(symlink("ld/../ld/up", fx_path("/in/l3")), 0);
	assert_int_equal(do_stat("/l"), 0);
	assert_int_equal(fx_answer.r.attr.type, VFS_FILE);
	assert_int_equal(do_stat("/d/up"), 0);
	assert_int_equal(do_stat("/ld/g"), 0);
	assert_int_equal(do_open("/l3", VFS_OPEN_READ, 0), 0);
	assert_int_equal(fx_answer.r.attr.size, 6);
	assert_int_equal(do_list("/ld"), 0);
	assert_non_null(fx_entry("g"));
	assert_int_equal(FX_ASK(vfs_stat, "/l", VFS_NOFOLLOW), 0);
	assert_int_equal(fx_answer.r.attr.type, VFS_LINK);
	assert_int_equal(FX_ASK(vfs_readlink, "/l3"), 0);
	assert_string_equal(fx_answer.text, "ld/../ld/up");
}

static void
test_links_that_lead_out_are_refused_by_every_operation(void **state)
{
	static const char *const links[][2] = {
		{ "/in/abs", "/etc/passwd" },
		{ "/in/rel", "../secret" },
		{ "/in/climb", "d/../../secret" },
		{ "/in/magic", "/proc/self/root" },
	};

	(void)state;
	begin_beside_secret();
	assert_int_equal(symlink("../out", fx_path("/in/dir")), 0);
	for (size_t i = 0; i < COUNT_OF(links); i++) {
		const char *v = links[i][0] + 3;
		struct vfs_change change = { .set = VFS_SET_MODE, .mode = 0777 };

		assert_int_equal(symlink(links[i][1], fx_path(links[i][0])), 0);
		assert_int_equal(do_stat(v), -EACCES);
		assert_string_equal(fx_answer.why, "the link leads out of the share");
		assert_int_equal(do_open(v, VFS_OPEN_READ, 0), -EACCES);
		assert_int_equal(do_open(v, STOR, 0), -EACCES);
		assert_int_equal(do_open(v, APPE, 0), -EACCES);
		assert_int_equal(FX_ASK(vfs_opendir, v, 0), -EACCES);
		assert_int_equal(FX_ASK(vfs_setattr, v, 0, &change), -EACCES);
		assert_int_equal(FX_ASK(vfs_readlink, v), -EACCES);
		assert_int_equal(FX_ASK(vfs_statvfs, v), -EACCES);
	}
	assert_int_equal(do_stat("/dir/f"), -EACCES);
	assert_int_equal(do_open("/dir/new", STOR, 0), -EACCES);
	assert_int_equal(FX_ASK(vfs_mkdir, "/dir/new", 0755), -EACCES);
	assert_int_equal(FX_ASK(vfs_unlink, "/dir/f"), -EACCES);
	assert_int_equal(do_rename("/f", "/dir/f", VFS_REPLACE), -EACCES);
	assert_int_equal(do_rename("/dir/f", "/x", VFS_REPLACE), -EACCES);
	assert_string_equal(fx_read("/out/f"), "outside");
	assert_string_equal(fx_read("/secret"), "secret");
	/* The link itself can be removed. */
	assert_int_equal(FX_ASK(vfs_unlink, "/abs"), 0);
	assert_int_equal(FX_ASK(vfs_unlink, "/rel"), 0);
	assert_string_equal(fx_read("/secret"), "secret");
}

static void
test_loops_and_dangling_links_end(void **state)
{
	(void)state;
	begin_beside_secret();
	assert_int_equal(symlink("b", fx_path("/in/a")), 0);
	assert_int_equal(symlink("a", fx_path("/in/b")), 0);
	assert_int_equal(symlink("nowhere", fx_path("/in/dangling")), 0);
	assert_int_equal(do_stat("/a"), -ELOOP);
	assert_int_equal(do_stat("/a/x"), -ELOOP);
	assert_int_equal(do_stat("/dangling"), -ENOENT);
	assert_int_equal(do_stat("/dangling/x"), -ENOENT);
	assert_int_equal(do_put("/dangling", STOR, 0, "made"), 0);
	assert_string_equal(fx_read("/in/nowhere"), "made");
}

static void
test_share_without_symlinks_follows_none(void **state)
{
	(void)state;
	fx_shares[0].symlinks = CONF_SYMLINKS_NEVER;
	fx_write("/f", "x");
	assert_int_equal(symlink("f", fx_path("/l")), 0);
	fx_begin();
	assert_int_equal(do_stat("/l"), -ELOOP);
	assert_non_null(strstr(fx_answer.why, "symbolic links"));
	assert_int_equal(do_open("/l", STOR, 0), -ELOOP);
	assert_int_equal(FX_ASK(vfs_stat, "/l", VFS_NOFOLLOW), 0);
	assert_int_equal(FX_ASK(vfs_symlink, "f", "/l2"), -EACCES);
}

static void
test_only_regular_files_are_opened_and_nothing_hangs(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static const char *const odd[] = { "/fifo", "/sock", "/d" };

	(void)state;
	begin_beside_secret();
	assert_int_equal(mkfifo(fx_path("/in/fifo"), 0666), 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", fx_path("/in/sock"));
	assert_int_equal(bind(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	alarm(10); /* a hang is a failure */
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		int want = i == 2 ? -EISDIR : -EPERM;

		assert_int_equal(do_open(odd[i], VFS_OPEN_READ, 0), want);
		assert_int_equal(do_open(odd[i], STOR, 0), want);
		assert_int_equal(do_open(odd[i], APPE, 0), want);
		assert_int_equal(do_open(odd[i], VFS_OPEN_READ | VFS_OPEN_WRITE, 0), want);
	}
	alarm(0);
	assert_int_equal(FX_ASK(vfs_unlink, "/fifo"), 0);
	fd_close(&sock);
}

static void
test_chmod_never_reaches_through_a_link(void **state)
{
	struct vfs_change change = { .set = VFS_SET_MODE, .mode = 0600 };
	struct stat st;

	(void)state;
	begin_beside_secret();
	assert_int_equal(symlink("../secret", fx_path("/in/l")), 0);
	assert_int_equal(symlink("f", fx_path("/in/ok")), 0);
	assert_int_equal(FX_ASK(vfs_setattr, "/l", 0, &change), -EACCES);
	assert_int_equal(FX_ASK(vfs_setattr, "/l", VFS_NOFOLLOW, &change), -EOPNOTSUPP);
	assert_int_equal(FX_ASK(vfs_setattr, "/ok", 0, &change), 0);
	assert_int_equal(stat(fx_path("/secret"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	assert_int_equal(stat(fx_path("/in/f"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* resolve_links is arithmetic on what the kernel says; its edges by table. */
static void
test_links_are_replaced_by_what_they_stand_for(void **state)
{
	static const struct {
		const char *path;
		int last, err;
		const char *want;
	} cases[] = {
		{ "f", 1, 0, "f" },
		{ "l", 1, 0, "f" },
		{ "l", 0, 0, "l" },
		{ "ld/g", 1, 0, "d/g" },
		{ "ld/new", 1, 0, "d/new" },
		{ "ld/up", 1, 0, "f" },
		{ "ld/up", 0, 0, "d/up" },
		{ "here", 1, 0, "" },
		{ "here/here/f", 1, 0, "f" },
		{ "none/x", 1, -ENOENT, NULL },
		{ "f/x", 1, -ENOTDIR, NULL },
		{ "l/x", 1, -ENOTDIR, NULL },
		{ "out", 1, -EXDEV, NULL },
		{ "out/x", 0, -EXDEV, NULL },
		{ "loop", 1, -ELOOP, NULL },
		{ "abs", 1, -EXDEV, NULL },
		{ "deepout", 1, -EXDEV, NULL },
	};
	int root;

	(void)state;
	begin_beside_secret();
	assert_int_equal(symlink("f", fx_path("/in/l")), 0);
	assert_int_equal(symlink("d/", fx_path("/in/ld")), 0);
	assert_int_equal(symlink("../f", fx_path("/in/d/up")), 0);
	assert_int_equal(symlink(".", fx_path("/in/here")), 0);
	assert_int_equal(symlink("..", fx_path("/in/out")), 0);
	assert_int_equal(symlink("loop", fx_path("/in/loop")), 0);
	assert_int_equal(symlink("/", fx_path("/in/abs")), 0);
	assert_int_equal(symlink("ld/../../in/f", fx_path("/in/deepout")), 0);
	root = open(fx_path("/in"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char room[VFS_PATH_MAX];

		assert_int_equal(
		    resolve_links(root, cases[i].path, cases[i].last, room, sizeof(room)),
		    cases[i].err);
		if (cases[i].want)
			assert_string_equal(room, cases[i].want);
	}
	fd_close(&root);
}

static volatile bool race_over;

/* Turns "x" from a directory into a link to the outside and back, as fast as it can. */
static void *
flip(void *ctx)
{
	(void)ctx;
	while (!race_over) {
		(void)!renameat2(AT_FDCWD, fx_path("/in/x"), AT_FDCWD, fx_path("/in/y"),
				 RENAME_EXCHANGE);
	}
	return NULL;
}

static void
test_race_of_directory_and_link_never_reaches_outside(void **state)
{
	struct vfs_change change = { .set = VFS_SET_MODE, .mode = 0777 };
	pthread_t thread;
	struct stat st;
	uint64_t size;

	(void)state;
	begin_beside_secret();
	assert_int_equal(mkdir(fx_path("/in/x"), 0755), 0);
	fx_write("/in/x/f", "in x");
	assert_int_equal(symlink("../out", fx_path("/in/y")), 0);
	assert_int_equal(chmod(fx_path("/out/f"), 0640), 0);
	assert_int_equal(pthread_create(&thread, NULL, flip, NULL), 0);
	for (int i = 0; i < 5000; i++) {
		if (do_open("/x/f", VFS_OPEN_READ, 0) == 0) {
			size = fx_answer.r.attr.size;
			assert_int_not_equal(size, strlen("outside"));
			assert_int_equal(do_commit(fx_answer.r.ticket, 0), 0);
		}
		(void)do_put("/x/new", STOR, 0, "z");
		(void)FX_ASK(vfs_mkdir, "/x/dir", 0755);
		(void)FX_ASK(vfs_setattr, "/x/f", 0, &change);
		(void)do_rename("/x/new", "/x/newer", VFS_REPLACE);
		(void)FX_ASK(vfs_unlink, "/x/newer");
		(void)FX_ASK(vfs_rmdir, "/x/dir");
		fx_log[0] = '\0';
	}
	race_over = true;
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(stat(fx_path("/out/f"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_string_equal(fx_read("/out/f"), "outside");
	assert_int_equal(fx_hidden("/out"), 0);
	assert_string_equal(fx_read("/out/new"), "<none>");
	assert_string_equal(fx_read("/out/newer"), "<none>");
	assert_int_equal(stat(fx_path("/out/dir"), &st), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FX_TEST(test_links_that_stay_inside_are_followed),
		FX_TEST(test_links_that_lead_out_are_refused_by_every_operation),
		FX_TEST(test_loops_and_dangling_links_end),
		FX_TEST(test_share_without_symlinks_follows_none),
		FX_TEST(test_only_regular_files_are_opened_and_nothing_hangs),
		FX_TEST(test_chmod_never_reaches_through_a_link),
		FX_TEST(test_links_are_replaced_by_what_they_stand_for),
		FX_TEST(test_race_of_directory_and_link_never_reaches_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
