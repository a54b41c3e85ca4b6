/* SPDX-License-Identifier: ISC */
/*
 * test_quota.c - quotas: what is used is what is there, through everything that a client does; what
 * is put aside by all sessions together never exceeds what there is; the dead hold nothing.
 */
#include "tests/unit/vfs_fixture.h"

#include <sys/wait.h>

#include "server/vfs/scan.h"
#include "server/vfs/tally.h"

#define KIB 1024u

static char state[128];

/* A share with a quota in a directory of its own, and the tally beside it. */
static void
begin(uint64_t bytes, uint64_t files)
{
	fx_share(0, "main", "/", "/data", RIGHTS_ALL);
	fx_shares[0].quota_bytes = bytes;
	fx_shares[0].quota_files = files;
	snprintf(state, sizeof(state), "%s", fx_path("/state"));
	fx_conf.state_dir = state;
	fx_begin();
}

static void
take_record(void *ctx, uint32_t record, const struct tally_entry *rec)
{
	(void)record;
	*(struct tally_entry *)ctx = *rec;
}

/* The one record, from outside. */
static struct tally_entry
record(void)
{
	struct tally_entry rec = { .kind = 0 };
	struct tally t;
	int dir = open(fx_path("/state/quota"), O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(dir >= 0);
	assert_int_equal(tally_open(dir, "main", false, &t), 0);
	assert_int_equal(tally_each(&t, take_record, &rec), 0);
	tally_close(&t);
	close(dir);
	assert_int_equal(rec.kind, TALLY_RECORD);
	return rec;
}

/* What is written down is what is there. */
static void
assert_exact(int line)
{
	int dir = open(fx_path("/data"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct tally_entry rec = record();
	struct scan_owner owner;
	struct scan scan;

	assert_int_equal(scan_tree(dir, &scan), 0);
	owner = scan_of(&scan, geteuid());
	if (owner.bytes != rec.bytes || owner.files != rec.files)
		print_error("line %d: there are %ju bytes, %ju files; used %ju, %ju\n", line,
			    (uintmax_t)owner.bytes, (uintmax_t)owner.files, (uintmax_t)rec.bytes,
			    (uintmax_t)rec.files);
	assert_int_equal(owner.bytes, rec.bytes);
	assert_int_equal(owner.files, rec.files);
	scan_clear(&scan);
	close(dir);
}
#define ASSERT_EXACT() assert_exact(__LINE__)

static uint32_t opened;

static int
open_it(const char *path, uint32_t flags)
{
	int err = do_open(path, flags, 0);

	opened = fx_answer.r.ticket;
	return err;
}

static int
do_grow(uint64_t size)
{
	int fd = fx_answer.fd, err;

	fx_answer.fd = -1;
	err = FX_ASK(vfs_grow, opened, size);
	fx_answer.fd = fd;
	fx_answer.r.ticket = opened;
	return err;
}

static void
test_everything_that_a_client_does_is_counted(void **ctx)
{
	struct vfs_change cut = { .set = VFS_SET_SIZE, .size = 2 };
	uint32_t ticket;

	(void)ctx;
	begin(100 * KIB, 100);
	ASSERT_EXACT();
	assert_int_equal(do_put("/a", STOR, 0, "hello"), 0);
	ASSERT_EXACT();
	assert_int_equal(do_put("/a", STOR, 0, "hello world"), 0);
	ASSERT_EXACT();
	assert_int_equal(do_put("/a", APPE, 0, "!"), 0);
	ASSERT_EXACT();
	assert_int_equal(do_put("/a", REST, 5, ", you"), 0);
	assert_string_equal(fx_read("/data/a"), "hello, you");
	ASSERT_EXACT();
	assert_int_equal(FX_ASK(vfs_mkdir, "/d", VFS_MODE_DEFAULT), 0);
	assert_int_equal(FX_ASK(vfs_symlink, "a", "/l"), 0);
	ASSERT_EXACT();
	assert_int_equal(do_put("/b", STOR, 0, "second"), 0);
	assert_int_equal(do_rename("/b", "/a", VFS_REPLACE), 0);
	ASSERT_EXACT();
	assert_int_equal(do_rename("/a", "/d/a", 0), 0);
	ASSERT_EXACT();
	assert_int_equal(FX_ASK(vfs_link, "/d/a", "/twin"), 0);
	ASSERT_EXACT();
	assert_int_equal(FX_ASK(vfs_unlink, "/d/a"), 0);
	ASSERT_EXACT();
	assert_int_equal(FX_ASK(vfs_setattr, "/twin", 0, &cut), 0);
	ASSERT_EXACT();
	cut.size = 50;
	assert_int_equal(FX_ASK(vfs_setattr, "/twin", 0, &cut), 0);
	ASSERT_EXACT();
	assert_int_equal(FX_ASK(vfs_unlink, "/twin"), 0);
	assert_int_equal(FX_ASK(vfs_unlink, "/l"), 0);
	assert_int_equal(FX_ASK(vfs_rmdir, "/d"), 0);
	ASSERT_EXACT();
	assert_int_equal(record().bytes, 0);
	assert_int_equal(record().files, 0);

	/* What broke is kept, and counts; what goes on with it counts once. */
	assert_int_equal(do_break("/k", STOR, 0, "12345"), 0);
	assert_int_equal(record().bytes, 5);
	ASSERT_EXACT();
	assert_int_equal(do_put("/k", REST, 5, "678"), 0);
	assert_int_equal(record().bytes, 8);
	ASSERT_EXACT();
	assert_int_equal(do_break("/k", STOR, 0, "new"), 0);
	ASSERT_EXACT();
	assert_int_equal(do_break("/j", STOR, 0, "part"), 0);
	assert_int_equal(do_put("/j", STOR, 0, "whole"), 0);
	ASSERT_EXACT();
	assert_int_equal(FX_ASK(vfs_mkdir, "/e", VFS_MODE_DEFAULT), 0);
	assert_int_equal(do_break("/e/x", STOR, 0, "part"), 0);
	assert_int_equal(FX_ASK(vfs_rmdir, "/e"), 0);
	ASSERT_EXACT();

	/* Opened twice for writing, grown, removed while open. */
	assert_int_equal(do_open("/j", VFS_OPEN_WRITE, 0), 0);
	ticket = fx_send("123456789");
	assert_int_equal(do_open("/j", VFS_OPEN_WRITE, 0), 0);
	assert_int_equal(do_commit(fx_send("123456789012345"), 15), 0);
	ASSERT_EXACT();
	assert_int_equal(FX_ASK(vfs_unlink, "/j"), 0);
	ASSERT_EXACT();
	assert_int_equal(do_commit(ticket, 9), 0);
	ASSERT_EXACT();
	assert_int_equal(record().held_bytes, 0);
	assert_int_equal(record().held_files, 0);
	assert_int_equal(record().flags, TALLY_KNOWN);
}

/* What is kept of the second takes the place of what was kept of the first. */
static void
test_an_upload_that_breaks_twice_is_counted_once(void **ctx)
{
	(void)ctx;
	begin(100 * KIB, 100);
	assert_int_equal(do_break("/a", STOR, 0, "first"), 0);
	ASSERT_EXACT();
	assert_int_equal(do_break("/a", STOR, 0, "second, longer"), 0);
	ASSERT_EXACT();
	assert_int_equal(do_put("/a", STOR, 0, "whole"), 0);
	ASSERT_EXACT();
}

static void
test_uploads_end_at_the_quota_and_say_so(void **ctx)
{
	static char much[9 * KIB];

	(void)ctx;
	memset(much, 'x', sizeof(much) - 1);
	begin(10 * KIB, 3);
	assert_int_equal(do_put("/a", STOR, 0, much), 0);
	/* A second one gets what is left, and no more. */
	assert_int_equal(open_it("/b", STOR), 0);
	assert_int_equal(fx_answer.r.limit, 10 * KIB - 9 * KIB + 1);
	assert_int_equal(do_grow(2 * KIB), -EDQUOT);
	assert_string_equal(fx_answer.why,
			    "the quota of the share \"main\" (10240 bytes) is used up");
	/* Who writes nevertheless gets no file, and nothing stays. */
	assert_int_equal(do_put("/c", STOR, 0, much), -EDQUOT);
	assert_string_equal(fx_read("/data/c"), "<none>");
	/* Replacing does not count what goes. */
	assert_int_equal(do_put("/a", STOR, 0, much), 0);
	fx_close_session(&fx);
	fx_begin();
	/* A full share takes nothing more. */
	assert_int_equal(do_put("/2", STOR, 0, ""), 0);
	assert_int_equal(do_put("/3", STOR, 0, ""), 0);
	assert_int_equal(do_put("/4", STOR, 0, ""), -EDQUOT);
	assert_non_null(strstr(fx_answer.why, "(3 files)"));
	assert_int_equal(FX_ASK(vfs_mkdir, "/d", VFS_MODE_DEFAULT), -EDQUOT);
	assert_int_equal(FX_ASK(vfs_symlink, "a", "/l"), -EDQUOT);
	/* A file that is written in place is never cut: what was written too much is counted. */
	assert_int_equal(do_put("/a", APPE, 0, much), -EDQUOT);
	ASSERT_EXACT();
}

/* What is replaced stands for as many bytes as it has, once, and only while it is there. */
static void
test_replacing_ones_own_file_does_not_lift_the_quota(void **ctx)
{
	static char much[900 * KIB];

	(void)ctx;
	memset(much, 'x', sizeof(much) - 1);
	begin(1024 * KIB, 0);
	assert_int_equal(do_put("/a", STOR, 0, much), 0);
	assert_int_equal(open_it("/a", STOR), 0);
	for (uint64_t size = 512; size <= 1024; size += 512)
		assert_int_equal(do_grow(size * KIB), 0);
	for (uint64_t size = 1536; size <= 4096; size += 512)
		assert_int_equal(do_grow(size * KIB), -EDQUOT);
	assert_int_equal(record().held_bytes + sizeof(much) - 1, 1024 * KIB);
	assert_int_equal(do_abort(opened, 0), 0);
	assert_int_equal(record().held_bytes, 0);
	ASSERT_EXACT();
}

/* Also where much else counts for the user: a small file stands for its own bytes only. */
static void
test_a_small_file_makes_room_for_a_small_one(void **ctx)
{
	static char much[900 * KIB], little[100 * KIB];

	(void)ctx;
	memset(much, 'x', sizeof(much) - 1);
	memset(little, 'x', sizeof(little) - 1);
	begin(1024 * KIB, 0);
	assert_int_equal(do_put("/a", STOR, 0, much), 0);
	assert_int_equal(do_put("/b", STOR, 0, little), 0);
	assert_int_equal(open_it("/b", STOR), 0);
	assert_int_equal(do_grow(100 * KIB), 0);
	for (uint64_t size = 120; size <= 124; size++)
		assert_int_equal(do_grow(size * KIB), 0);
	for (uint64_t size = 125; size <= 1000; size += 25)
		assert_int_equal(do_grow(size * KIB), -EDQUOT);
	assert_int_equal(do_abort(opened, 0), 0);
	ASSERT_EXACT();
}

/* Clients synchronise with several connections, also where little is left. */
static void
test_several_sessions_replace_files_in_a_full_share(void **ctx)
{
	static char half[400 * KIB];
	struct session_fx first;
	uint32_t one;
	int fd;

	(void)ctx;
	memset(half, 'x', sizeof(half) - 1);
	begin(800 * KIB, 2);
	assert_int_equal(do_put("/a", STOR, 0, half), 0);
	assert_int_equal(do_put("/b", STOR, 0, half), 0);
	assert_int_equal(open_it("/a", STOR), 0);
	assert_int_equal(do_grow(sizeof(half) - 1), 0);
	one = opened;
	fd = fx_answer.fd;
	fx_answer.fd = -1;
	assert_int_equal(fd_pwrite_full(fd, half, sizeof(half) - 1, 0), 0);
	fd_close(&fd);
	first = fx;
	assert_int_equal(fx_open_session(&fx), 0);
	assert_int_equal(do_put("/b", STOR, 0, half), 0);
	fx_close_session(&fx);
	fx = first;
	assert_int_equal(do_commit(one, sizeof(half) - 1), 0);
	ASSERT_EXACT();
	assert_int_equal(record().held_bytes, 0);
	assert_int_equal(record().held_files, 0);
}

/* Renamed meanwhile, or removed so that others could take its room: then nothing goes. */
static void
test_what_is_not_replaced_after_all_needs_room(void **ctx)
{
	static char much[600 * KIB];
	const char *ways[] = { "rename", "unlink" };

	(void)ctx;
	memset(much, 'x', sizeof(much) - 1);
	begin(1024 * KIB, 3);
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		uint32_t ticket;

		assert_int_equal(do_put("/a", STOR, 0, much), 0);
		assert_int_equal(open_it("/a", STOR), 0);
		assert_int_equal(do_grow(sizeof(much) - 1), 0);
		ticket = fx_send(much);
		/* A session publishes what it writes when its name is used: so it is another's. */
		{
			struct session_fx first = fx;

			assert_int_equal(fx_open_session(&fx), 0);
			if (i == 0)
				assert_int_equal(do_rename("/a", "/b", 0), 0);
			else
				assert_int_equal(FX_ASK(vfs_unlink, "/a"), 0);
			if (i == 1)
				assert_int_equal(do_put("/b", STOR, 0, much), 0);
			fx_close_session(&fx);
			fx = first;
		}
		assert_int_equal(do_commit(ticket, sizeof(much) - 1), -EDQUOT);
		assert_string_equal(fx_read("/data/a"), "<none>");
		ASSERT_EXACT();
		assert_int_equal(record().held_bytes, 0);
		assert_int_equal(record().held_files, 0);
		assert_int_equal(FX_ASK(vfs_unlink, "/b"), 0);
	}
}

static void
test_an_empty_file_is_replaced_where_no_more_files_may_be(void **ctx)
{
	(void)ctx;
	begin(0, 1);
	assert_int_equal(do_put("/a", STOR, 0, ""), 0);
	assert_int_equal(do_put("/a", STOR, 0, "abc"), 0);
	assert_int_equal(do_put("/a", STOR, 0, "abcd"), 0);
	assert_int_equal(do_put("/b", STOR, 0, ""), -EDQUOT);
	ASSERT_EXACT();
	assert_int_equal(record().held_files, 0);
}

static void
test_two_sessions_cannot_overrun_it_together(void **ctx)
{
	struct session_fx first, second;
	uint64_t limits = 0;

	(void)ctx;
	begin(1024 * KIB, 0);
	first = fx;
	assert_int_equal(open_it("/a", STOR), 0);
	assert_int_equal(do_grow(600 * KIB), 0);
	limits += fx_answer.r.limit;
	assert_int_equal(fx_open_session(&second), 0);
	fx = second;
	assert_int_equal(open_it("/b", STOR), 0);
	assert_int_equal(do_grow(600 * KIB), -EDQUOT);
	assert_int_equal(do_grow(1024 * KIB - limits), 0);
	limits += fx_answer.r.limit;
	assert_int_equal(limits, 1024 * KIB);
	/* Random writes to a file that is there are no way around. */
	assert_int_equal(do_put("/c", STOR, 0, ""), -EDQUOT);
	/* What the first one gives back, the second gets. */
	fx_close_session(&first);
	assert_int_equal(do_put("/c", STOR, 0, "now"), 0);
	fx_close_session(&fx);
	fx_begin();
	ASSERT_EXACT();
}

static void
test_what_the_dead_held_is_free_and_is_counted_again(void **ctx)
{
	int status;
	pid_t pid;

	(void)ctx;
	begin(1024 * KIB, 0);
	fx_close_session(&fx);
	pid = fork();
	if (pid == 0) {
		fx_begin();
		if (open_it("/a", STOR) < 0 || do_grow(1024 * KIB) < 0)
			_exit(1);
		(void)fx_send("half a file");
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(record().held_bytes, 1024 * KIB);
	fx_begin();
	assert_int_equal(record().held_bytes, 0);
	assert_int_equal(record().bytes, strlen("half a file"));
	ASSERT_EXACT();
	assert_int_equal(do_put("/b", STOR, 0, "x"), 0);
	ASSERT_EXACT();
}

static void
test_space_that_is_shown_is_what_the_quota_leaves(void **ctx)
{
	(void)ctx;
	begin(1024 * KIB, 10);
	assert_int_equal(do_put("/a", STOR, 0, "hello"), 0);
	assert_int_equal(FX_ASK(vfs_statvfs, "/"), 0);
	assert_int_equal(fx_answer.r.space.blocks, 1024 * KIB / fx_answer.r.space.fragment_size);
	assert_int_equal(fx_answer.r.space.blocks_avail,
			 (1024 * KIB - 5) / fx_answer.r.space.fragment_size);
	assert_int_equal(fx_answer.r.space.files, 10);
	assert_int_equal(fx_answer.r.space.files_avail, 9);
}

static void
test_what_was_there_before_the_quota_counts(void **ctx)
{
	(void)ctx;
	fx_share(0, "main", "/", "/data", RIGHTS_ALL);
	fx_write("/data/old", "1234");
	begin(5, 0);
	assert_int_equal(record().bytes, 4);
	assert_int_equal(do_put("/a", STOR, 0, "ab"), -EDQUOT);
	assert_int_equal(do_put("/a", STOR, 0, "b"), 0);
	ASSERT_EXACT();
}

static void
test_max_file_size_holds_at_any_offset(void **ctx)
{
	struct vfs_change grow = { .set = VFS_SET_SIZE, .size = 11 };

	(void)ctx;
	fx_shares[0].max_file_bytes = 10;
	fx_begin();
	assert_int_equal(open_it("/a", SFTP_PUT), 0);
	assert_int_equal(fx_answer.r.limit, 10);
	assert_int_equal(do_grow(10), 0);
	assert_int_equal(do_grow(11), -EFBIG);
	assert_int_equal(FX_ASK(vfs_fsetattr, opened, &grow), -EFBIG);
	fx_close_session(&fx);
	fx_begin();
	assert_int_equal(do_put("/a", STOR, 0, "0123456789"), 0);
	assert_int_equal(FX_ASK(vfs_setattr, "/a", 0, &grow), -EFBIG);
	assert_int_equal(open_it("/a", VFS_OPEN_WRITE), 0);
	assert_int_equal(FX_ASK(vfs_fsetattr, opened, &grow), -EFBIG);
}

/* A count walks through the whole share: no client may cause one by what it does in order. */
static void
test_what_a_session_ends_itself_is_not_counted_anew(void **ctx)
{
	const enum conf_upload ways[] = { CONF_UPLOAD_ATOMIC, CONF_UPLOAD_DIRECT };

	(void)ctx;
	begin(100 * KIB, 100);
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		fx_shares[0].upload = ways[i];
		assert_int_equal(do_break("/empty", STOR, 0, ""), 0);
		assert_int_equal(record().flags, TALLY_KNOWN);
		assert_int_equal(do_break("/new", STOR, 0, "some"), 0);
		assert_int_equal(record().flags, TALLY_KNOWN);
		assert_int_equal(do_put("/new", STOR, 0, "all of it"), 0);
		assert_int_equal(do_break("/new", APPE, 0, "more"), 0);
		assert_int_equal(do_break("/new", STOR, 0, "less"), 0);
		assert_int_equal(record().flags, TALLY_KNOWN);
		assert_int_equal(open_it("/open", STOR), 0);
		assert_int_equal(FX_ASK(vfs_unlink, "/new"), 0);
		assert_int_equal(FX_ASK(vfs_unlink, "/open"), 0);
		assert_int_equal(do_abort(opened, 0), 0);
		fx_close_session(&fx);
		assert_int_equal(record().flags, TALLY_KNOWN);
		ASSERT_EXACT();
		fx_begin();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FX_TEST(test_everything_that_a_client_does_is_counted),
		FX_TEST(test_an_upload_that_breaks_twice_is_counted_once),
		FX_TEST(test_uploads_end_at_the_quota_and_say_so),
		FX_TEST(test_replacing_ones_own_file_does_not_lift_the_quota),
		FX_TEST(test_a_small_file_makes_room_for_a_small_one),
		FX_TEST(test_several_sessions_replace_files_in_a_full_share),
		FX_TEST(test_what_is_not_replaced_after_all_needs_room),
		FX_TEST(test_an_empty_file_is_replaced_where_no_more_files_may_be),
		FX_TEST(test_two_sessions_cannot_overrun_it_together),
		FX_TEST(test_what_the_dead_held_is_free_and_is_counted_again),
		FX_TEST(test_space_that_is_shown_is_what_the_quota_leaves),
		FX_TEST(test_what_was_there_before_the_quota_counts),
		FX_TEST(test_max_file_size_holds_at_any_offset),
		FX_TEST(test_what_a_session_ends_itself_is_not_counted_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
