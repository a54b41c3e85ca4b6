/* SPDX-License-Identifier: ISC */
/*
 * test_part.c - what becomes of uploads that broke: what is kept, for whom, how it is gone on with,
 * and what is swept away.
 */
#include "tests/unit/vfs_fixture.h"

#include "server/vfs/part.h"

static void
test_broken_new_upload_is_kept_for_resume(void **state)
{
	(void)state;
	fx_begin();
	assert_int_equal(do_break("/a", STOR, 0, "hello"), 0);
	assert_string_equal(fx_read("/a"), "<none>");
	assert_int_equal(do_list("/"), 0);
	assert_int_equal(fx_answer.entry_count, 0);
	/* SIZE shows it, REST goes on, in a new session too. */
	fx_close_session(&fx);
	fx_begin();
	assert_int_equal(do_stat("/a"), 0);
	assert_int_equal(fx_answer.r.attr.size, 5);
	assert_int_equal(do_open("/a", VFS_OPEN_READ, 0), -ENOENT);
	assert_int_equal(do_put("/a", REST, 6, "!"), -ERANGE);
	assert_int_equal(do_put("/a", REST, 5, " world"), 0);
	assert_string_equal(fx_read("/a"), "hello world");
	assert_int_equal(fx_hidden("/"), 0);
}

static void
test_broken_replacement_leaves_the_old_file_and_refuses_to_splice(void **state)
{
	(void)state;
	fx_write("/a", "old content");
	fx_begin();
	assert_int_equal(do_break("/a", STOR, 0, "new"), 0);
	assert_string_equal(fx_read("/a"), "old content");
	assert_int_equal(do_open("/a", REST, 3), -ESTALE);
	assert_non_null(strstr(fx_answer.why, "rolled back"));
	fx_close_session(&fx);
	fx_begin();
	assert_int_equal(do_open("/a", APPE, 0), -ESTALE);
	assert_int_equal(do_open("/a", VFS_OPEN_WRITE, 0), -ESTALE);
	assert_int_equal(do_put("/a", STOR, 0, "all new"), 0);
	assert_int_equal(do_put("/a", APPE, 0, "!"), 0);
	assert_string_equal(fx_read("/a"), "all new!");
	assert_int_equal(fx_hidden("/"), 0);
}

static void
test_resume_cuts_only_when_the_transfer_begins(void **state)
{
	uint32_t ticket;

	(void)state;
	fx_begin();
	assert_int_equal(do_break("/a", STOR, 0, "0123456789"), 0);
	/* The data connection never came: nothing is lost. */
	assert_int_equal(do_open("/a", REST, 4), 0);
	assert_true(fx_answer.r.needs_begin);
	ticket = fx_answer.r.ticket;
	assert_int_equal(do_abort(ticket, 0), 0);
	assert_int_equal(do_stat("/a"), 0);
	assert_int_equal(fx_answer.r.attr.size, 10);
	assert_int_equal(do_put("/a", REST, 4, "xy"), 0);
	assert_string_equal(fx_read("/a"), "0123xy");
}

static void
test_restart_on_a_complete_file_keeps_the_beginning_and_nothing_else(void **state)
{
	(void)state;
	fx_write("/a", "0123456789");
	fx_begin();
	assert_int_equal(do_put("/a", REST, 4, "xy"), 0);
	assert_string_equal(fx_read("/a"), "0123xy");
	assert_int_equal(do_put("/a", REST, 6, "!"), 0);
	assert_string_equal(fx_read("/a"), "0123xy!");
	assert_int_equal(do_open("/a", REST, 8), -ERANGE);
	assert_string_equal(fx_answer.why, "only 7 bytes are there");
	assert_int_equal(do_break("/a", REST, 2, "zz"), 0);
	assert_string_equal(fx_read("/a"), "0123xy!");
	assert_int_equal(do_put("/a", REST, 0, "all"), 0);
	assert_string_equal(fx_read("/a"), "all");
	assert_int_equal(do_open("/none", REST, 3), -ERANGE);
}

static void
test_append_goes_on_with_a_part_and_with_a_file(void **state)
{
	(void)state;
	fx_begin();
	assert_int_equal(do_break("/a", STOR, 0, "one "), 0);
	assert_int_equal(do_put("/a", APPE, 0, "two "), 0);
	assert_string_equal(fx_read("/a"), "one two ");
	assert_int_equal(do_put("/a", APPE, 0, "three"), 0);
	assert_string_equal(fx_read("/a"), "one two three");
	assert_int_equal(do_put("/new", APPE, 0, "new"), 0);
	assert_string_equal(fx_read("/new"), "new");
	/* In place: what was appended before it broke stays. */
	assert_int_equal(do_break("/new", APPE, 0, "er"), 0);
	assert_string_equal(fx_read("/new"), "newer");
}

static void
test_mark_goes_when_the_file_changes(void **state)
{
	(void)state;
	fx_write("/a", "old content");
	fx_begin();
	assert_int_equal(do_break("/a", STOR, 0, "new"), 0);
	assert_int_equal(do_open("/a", REST, 3), -ESTALE);
	fx_write("/a", "changed by somebody");
	assert_int_equal(do_put("/a", APPE, 0, "!"), 0);
	assert_string_equal(fx_read("/a"), "changed by somebody!");
	assert_int_equal(fx_hidden("/"), 0);
}

static void
test_mark_is_one_users_affair(void **state)
{
	(void)state;
	fx_write("/a", "old");
	fx_begin();
	assert_int_equal(do_break("/a", STOR, 0, "new"), 0);
	snprintf(fx_account.name, sizeof(fx_account.name), "bert");
	assert_int_equal(do_put("/a", APPE, 0, "er"), 0);
	assert_string_equal(fx_read("/a"), "older");
}

static void
test_kept_part_is_one_users_affair(void **state)
{
	(void)state;
	fx_begin();
	assert_int_equal(do_break("/a", STOR, 0, "anna's"), 0);
	snprintf(fx_account.name, sizeof(fx_account.name), "bert");
	assert_int_equal(do_stat("/a"), -ENOENT);
	assert_int_equal(do_open("/a", REST, 3), -ERANGE);
	assert_int_equal(do_put("/a", STOR, 0, "bert's"), 0);
	assert_string_equal(fx_read("/a"), "bert's");
}

static void
test_old_parts_are_not_there_and_are_swept_away(void **state)
{
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct dirent *e;
	DIR *d;

	(void)state;
	fx_begin();
	assert_int_equal(do_break("/a", STOR, 0, "part"), 0);
	assert_int_equal(do_break("/b", STOR, 0, "part"), 0);
	d = opendir(fx_dir);
	while ((e = readdir(d))) {
		if (strncmp(e->d_name, ".coffer-", 8) == 0)
			assert_int_equal(utimensat(dirfd(d), e->d_name, old, 0), 0);
	}
	closedir(d);
	assert_int_equal(do_stat("/a"), -ENOENT);
	assert_int_equal(fx_hidden("/"), 1);
	assert_int_equal(do_list("/"), 0);
	assert_int_equal(fx_hidden("/"), 0);
}

static void
test_nothing_is_kept_where_the_share_says_so(void **state)
{
	(void)state;
	fx_shares[0].partial_keep_ms = 0;
	fx_begin();
	assert_int_equal(do_break("/a", STOR, 0, "part"), 0);
	assert_int_equal(fx_hidden("/"), 0);
	assert_int_equal(do_stat("/a"), -ENOENT);
}

static void
test_empty_broken_upload_leaves_nothing(void **state)
{
	(void)state;
	fx_begin();
	assert_int_equal(do_break("/a", STOR, 0, ""), 0);
	assert_int_equal(fx_hidden("/"), 0);
	/* An empty one that ended cleanly is an empty file. */
	assert_int_equal(do_put("/a", STOR, 0, ""), 0);
	assert_string_equal(fx_read("/a"), "");
}

static void
test_dead_writers_are_found_and_their_parts_kept(void **state)
{
	(void)state;
	fx_begin();
	/* What a worker leaves that is killed: the parts, and no lock. */
	fx_write("/.coffer-part~af63dc4c8601ec8c~a", "orphan");
	assert_int_equal(do_stat("/a"), -ENOENT); /* it may have been born just now */
	sleep(3);
	assert_int_equal(do_stat("/a"), 0);
	assert_int_equal(fx_answer.r.attr.size, 6);
	assert_int_equal(do_put("/a", REST, 6, "age"), 0);
	assert_string_equal(fx_read("/a"), "orphanage");
}

static void
test_session_end_is_an_interruption(void **state)
{
	(void)state;
	fx_write("/old", "old");
	fx_begin();
	assert_int_equal(do_open("/new", STOR, 0), 0);
	(void)fx_send("part");
	/* Nobody has said how much was written where: something may be missing in it. */
	assert_int_equal(do_open("/random", SFTP_PUT, 0), 0);
	(void)fx_send("part");
	assert_int_equal(do_open("/old", SFTP_PUT, 0), 0);
	(void)fx_send("part");
	fx_close_session(&fx);
	assert_non_null(strstr(fx_log, "op=put path=/new bytes=0"));
	assert_non_null(strstr(fx_log, "outcome=aborted reason=session-ended"));
	assert_string_equal(fx_read("/old"), "old");
	fx_begin();
	assert_int_equal(do_stat("/new"), 0);
	assert_int_equal(do_stat("/random"), -ENOENT);
	assert_int_equal(do_open("/old", VFS_OPEN_WRITE | VFS_OPEN_CREATE, 0), -ESTALE);
}

static void
test_part_with_a_gap_is_not_kept(void **state)
{
	int fd;

	(void)state;
	fx_begin();
	assert_int_equal(do_open("/a", SFTP_PUT, 0), 0);
	fd = fx_answer.fd;
	fx_answer.fd = -1;
	assert_int_equal(fd_pwrite_full(fd, "end", 3, 100000), 0);
	fd_close(&fd);
	assert_int_equal(do_abort(fx_answer.r.ticket, 3), 0);
	assert_int_equal(do_stat("/a"), -ENOENT);
	assert_int_equal(fx_hidden("/"), 0);
}

static void
test_part_that_breaks_twice_is_still_kept(void **state)
{
	int fd;

	(void)state;
	fx_begin();
	assert_int_equal(do_break("/a", SFTP_PUT, 0, "one "), 0);
	/* As psftp's and lftp's reput: no TRUNC, no APPEND, and offsets of its own. */
	assert_int_equal(do_open("/a", VFS_OPEN_WRITE, 0), 0);
	fd = fx_answer.fd;
	fx_answer.fd = -1;
	assert_int_equal(fd_pwrite_full(fd, "two ", 4, 4), 0);
	fd_close(&fd);
	assert_int_equal(do_abort(fx_answer.r.ticket, 4), 0);
	assert_int_equal(do_stat("/a"), 0);
	assert_int_equal(fx_answer.r.attr.size, 8);
}

/* Makes a real file that was touched long ago. */
static void
make_old(const char *rest)
{
	const struct timespec times[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

	fx_write(rest, "old");
	assert_int_equal(utimensat(AT_FDCWD, fx_path(rest), times, 0), 0);
}

static void
test_only_what_is_ours_and_too_old_is_swept(void **state)
{
	static const char *const stay[] = {
		"/.coffer-other",    "/.coffer-",	   "/x.coffer-kept~a~0~b",
		"/kept~anna~0~name", "/.coffer-kept",	   "/plain",
		"/.coffer-part",     "/sub/.coffer-keep~", "/sub/file",
	};
	static const char *const go[] = { "/.coffer-kept~bert~0~b", "/.coffer-mark~anna~0~c",
					  "/.coffer-part~0~d" };
	char fresh[PART_NAME_MAX + 1];

	(void)state;
	fx_begin();
	assert_int_equal(mkdir(fx_path("/sub"), 0755), 0);
	assert_int_equal(do_break("/fresh", STOR, 0, "keep me"), 0);
	for (size_t i = 0; i < COUNT_OF(stay); i++)
		make_old(stay[i]);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT_OF(go); i++)
			make_old(go[i]);
		/* Its change of status was a moment ago, as of one that is being made. */
		if (round == 0)
			assert_int_equal(do_list("/"), 0);
		else
			assert_int_equal(do_put("/new", STOR, 0, "x"), 0);
		assert_string_equal(fx_read(go[0]), "<none>");
		assert_string_equal(fx_read(go[1]), "<none>");
		fx_close_session(&fx);
		fx_begin();
	}
	sleep(2);
	assert_int_equal(do_list("/"), 0);
	assert_string_equal(fx_read(go[2]), "<none>");
	for (size_t i = 0; i < COUNT_OF(stay); i++)
		assert_string_equal(fx_read(stay[i]), "old");
	part_name(PART_KEPT, "anna", "fresh", fresh + 1);
	fresh[0] = '/';
	assert_string_equal(fx_read(fresh), "keep me");
	/* A part whose writer lives stays, however old it looks. */
	assert_int_equal(do_open("/slow", STOR, 0), 0);
	part_name(PART_ACTIVE, NULL, "slow", fresh + 1);
	assert_int_equal(utimensat(AT_FDCWD, fx_path(fresh),
				   (struct timespec[2]) { { .tv_sec = 1 }, { .tv_sec = 1 } }, 0),
			 0);
	assert_int_equal(do_list("/"), 0);
	assert_string_equal(fx_read(fresh), "");
}

/* Others may write in the directory: what has the hidden name need not be what we wrote. */
static void
test_a_part_that_was_exchanged_is_not_published(void **state)
{
	const bool plant[] = { false, true };
	char hidden[PART_NAME_MAX + 1] = "/";
	uint32_t ticket;

	(void)state;
	part_name(PART_ACTIVE, NULL, "a", hidden + 1);
	fx_begin();
	for (size_t i = 0; i < COUNT_OF(plant) * 2; i++) {
		assert_int_equal(do_open("/a", STOR, 0), 0);
		ticket = fx_send("mine");
		assert_int_equal(unlink(fx_path(hidden)), 0);
		if (plant[i / 2])
			fx_write(hidden, "theirs");
		if (i % 2 == 0) {
			assert_int_equal(do_commit(ticket, 4), -EIO);
			assert_non_null(strstr(fx_answer.why, "upload again"));
		} else {
			assert_int_equal(do_abort(ticket, 4), 0);
		}
		assert_string_equal(fx_read("/a"), "<none>");
		assert_string_equal(fx_read(hidden), plant[i / 2] ? "theirs" : "<none>");
		assert_int_equal(fx_hidden("/"), plant[i / 2]);
		(void)unlink(fx_path(hidden));
	}
}

/* What is gone on with must be a true beginning, whoever says how it ended, or nobody. */
static void
test_what_has_holes_is_not_kept(void **state)
{
	(void)state;
	fx_begin();
	for (int way = 0; way < 4; way++) {
		uint32_t ticket;

		assert_int_equal(do_open("/a", SFTP_PUT, 0), 0);
		ticket = fx_answer.r.ticket;
		assert_int_equal(fd_pwrite_full(fx_answer.fd, "front", 5, 0), 0);
		if (way != 3)
			assert_int_equal(fd_pwrite_full(fx_answer.fd, "behind", 6, 100), 0);
		fd_close(&fx_answer.fd);
		if (way == 0 || way == 3)
			assert_int_equal(do_abort(ticket, way == 0 ? 11 : 5), 0);
		else if (way == 1)
			assert_int_equal(do_abort(ticket, 0), 0);
		fx_close_session(&fx);
		fx_begin();
		assert_int_equal(fx_hidden("/"), way == 3);
	}
	assert_int_equal(do_stat("/a"), 0);
	assert_int_equal(fx_answer.r.attr.size, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FX_TEST(test_broken_new_upload_is_kept_for_resume),
		FX_TEST(test_broken_replacement_leaves_the_old_file_and_refuses_to_splice),
		FX_TEST(test_resume_cuts_only_when_the_transfer_begins),
		FX_TEST(test_restart_on_a_complete_file_keeps_the_beginning_and_nothing_else),
		FX_TEST(test_append_goes_on_with_a_part_and_with_a_file),
		FX_TEST(test_mark_goes_when_the_file_changes),
		FX_TEST(test_mark_is_one_users_affair),
		FX_TEST(test_kept_part_is_one_users_affair),
		FX_TEST(test_old_parts_are_not_there_and_are_swept_away),
		FX_TEST(test_nothing_is_kept_where_the_share_says_so),
		FX_TEST(test_empty_broken_upload_leaves_nothing),
		FX_TEST(test_dead_writers_are_found_and_their_parts_kept),
		FX_TEST(test_session_end_is_an_interruption),
		FX_TEST(test_part_with_a_gap_is_not_kept),
		FX_TEST(test_part_that_breaks_twice_is_still_kept),
		FX_TEST(test_only_what_is_ours_and_too_old_is_swept),
		FX_TEST(test_a_part_that_was_exchanged_is_not_published),
		FX_TEST(test_what_has_holes_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
