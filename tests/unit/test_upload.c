/* SPDX-License-Identifier: ISC */
/*
 * test_upload.c - the promises about uploads (design.md section 5): nothing is seen before its
 * clean end, nothing that was there is harmed by what broke, and what broke can be gone on with.
 */
#include "tests/unit/vfs_fixture.h"

#include <sys/file.h>
#include <sys/syscall.h>

#include "server/vfs/part.h"

/* What another session does between our look at a file and our lock on it. */
static void (*before_lock)(void);

int
flock(int fd, int operation)
{
	void (*act)(void) = before_lock;

	before_lock = NULL;
	if (act)
		act();
	return (int)syscall(SYS_flock, fd, operation);
}

static void
test_new_file_appears_at_commit_and_not_before(void **state)
{
	uint32_t ticket;

	(void)state;
	fx_begin();
	assert_int_equal(do_open("/a", STOR, 0), 0);
	ticket = fx_send("hello");
	assert_string_equal(fx_read("/a"), "<none>");
	assert_int_equal(fx_hidden("/"), 1);
	assert_int_equal(do_commit(ticket, 5), 0);
	assert_int_equal(fx_answer.r.attr.size, 5);
	assert_string_equal(fx_read("/a"), "hello");
	assert_int_equal(fx_hidden("/"), 0);
	assert_non_null(strstr(fx_log, "transfer op=put path=/a bytes=5 "));
}

static void
test_replacement_is_one_rename(void **state)
{
	uint32_t ticket;
	struct stat st;

	(void)state;
	fx_write("/a", "old content");
	assert_int_equal(chmod(fx_path("/a"), 0640), 0);
	fx_begin();
	assert_int_equal(do_open("/a", STOR, 0), 0);
	ticket = fx_send("new");
	assert_string_equal(fx_read("/a"), "old content");
	assert_int_equal(do_commit(ticket, 3), 0);
	assert_string_equal(fx_read("/a"), "new");
	assert_int_equal(fx_hidden("/"), 0);
	assert_int_equal(stat(fx_path("/a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

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
test_second_writer_is_told_to_wait(void **state)
{
	struct session_fx first;
	uint32_t new_ticket, old_ticket, append_ticket;

	(void)state;
	fx_write("/old", "old");
	fx_write("/log", "log");
	fx_begin();
	assert_int_equal(do_open("/new", STOR, 0), 0);
	new_ticket = fx_send("first");
	assert_int_equal(do_open("/old", STOR, 0), 0);
	old_ticket = fx_send("first");
	assert_int_equal(do_open("/log", APPE, 0), 0);
	append_ticket = fx_send("first");
	first = fx;
	fx_begin();
	/* A user of another name too. */
	snprintf(fx_account.name, sizeof(fx_account.name), "bert");
	assert_int_equal(do_open("/new", STOR, 0), -EBUSY);
	assert_non_null(strstr(fx_answer.why, "another upload"));
	assert_int_equal(do_open("/new", STOR | VFS_OPEN_EXCL, 0), -EEXIST);
	assert_int_equal(do_open("/old", STOR, 0), -EBUSY);
	assert_int_equal(do_open("/old", APPE, 0), -EBUSY);
	assert_int_equal(do_open("/old", VFS_OPEN_WRITE, 0), -EBUSY);
	assert_int_equal(do_open("/log", APPE, 0), -EBUSY);
	assert_int_equal(do_open("/log", STOR, 0), -EBUSY);
	/* Readers are not blocked, and see what was there. */
	assert_int_equal(do_open("/old", VFS_OPEN_READ, 0), 0);
	assert_int_equal(fx_answer.r.attr.size, 3);
	assert_int_equal(do_open("/new", VFS_OPEN_READ, 0), -ENOENT);
	assert_int_equal(do_stat("/new"), -ENOENT);
	fx_close_session(&fx);
	fx = first;
	snprintf(fx_account.name, sizeof(fx_account.name), "anna");
	assert_int_equal(do_commit(new_ticket, 5), 0);
	assert_int_equal(do_commit(old_ticket, 5), 0);
	assert_int_equal(do_commit(append_ticket, 5), 0);
	assert_string_equal(fx_read("/new"), "first");
	assert_string_equal(fx_read("/old"), "first");
	assert_string_equal(fx_read("/log"), "logfirst");
}

static void
test_session_sees_what_it_is_writing(void **state)
{
	uint32_t ticket, times_ticket;
	struct vfs_change times = { .set = VFS_SET_TIMES, .mtime = 5000, .atime = 5000 };
	struct stat st;

	(void)state;
	fx_begin();
	assert_int_equal(do_open("/a", SFTP_PUT, 0), 0);
	ticket = fx_send("hello");
	assert_int_equal(do_stat("/a"), 0);
	assert_int_equal(fx_answer.r.attr.size, 5);
	assert_int_equal(do_list("/"), 0);
	assert_int_equal(fx_answer.entry_count, 1);
	assert_non_null(fx_entry("a"));
	assert_int_equal(do_open("/a", VFS_OPEN_READ, 0), 0);
	assert_int_equal(fx_answer.r.attr.size, 5);
	assert_int_equal(do_commit(fx_answer.r.ticket, 0), 0);
	assert_string_equal(fx_read("/a"), "<none>");
	assert_int_equal(do_commit(ticket, 5), 0);
	/* Times set on the handle stand behind the last write. */
	assert_int_equal(do_open("/b", SFTP_PUT, 0), 0);
	times_ticket = fx_answer.r.ticket;
	{
		int fd = fx_answer.fd;

		fx_answer.fd = -1;
		assert_int_equal(FX_ASK(vfs_fsetattr, times_ticket, &times), 0);
		assert_int_equal(fd_pwrite_full(fd, "late", 4, 0), 0);
		fd_close(&fd);
	}
	assert_int_equal(do_commit(times_ticket, 4), 0);
	assert_int_equal(stat(fx_path("/b"), &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 5000);
}

static void
test_path_operation_publishes_what_is_written(void **state)
{
	struct vfs_change mode = { .set = VFS_SET_MODE, .mode = 0600 };
	uint32_t ticket;
	struct stat st;

	(void)state;
	fx_begin();
	assert_int_equal(do_open("/a", SFTP_PUT, 0), 0);
	ticket = fx_send("hello");
	assert_int_equal(do_rename("/a", "/b", 0), 0);
	assert_string_equal(fx_read("/b"), "hello");
	assert_int_equal(do_commit(ticket, 5), 0);
	assert_string_equal(fx_read("/b"), "hello");
	assert_string_equal(fx_read("/a"), "<none>");

	assert_int_equal(do_open("/c", SFTP_PUT, 0), 0);
	ticket = fx_send("hello");
	assert_int_equal(FX_ASK(vfs_link, "/c", "/c2"), 0);
	assert_int_equal(do_commit(ticket, 5), 0);
	assert_string_equal(fx_read("/c2"), "hello");

	assert_int_equal(do_open("/d", SFTP_PUT, 0), 0);
	ticket = fx_send("hello");
	assert_int_equal(FX_ASK(vfs_setattr, "/d", 0, &mode), 0);
	assert_int_equal(do_commit(ticket, 5), 0);
	assert_int_equal(stat(fx_path("/d"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	assert_int_equal(do_open("/e", SFTP_PUT, 0), 0);
	ticket = fx_send("hello");
	assert_int_equal(FX_ASK(vfs_unlink, "/e"), 0);
	assert_int_equal(do_commit(ticket, 5), 0);
	assert_string_equal(fx_read("/e"), "<none>");

	assert_int_equal(do_open("/f", SFTP_PUT, 0), 0);
	ticket = fx_send("hello");
	assert_int_equal(FX_ASK(vfs_mkdir, "/f", 0755), -EEXIST);
	assert_int_equal(FX_ASK(vfs_symlink, "x", "/f"), -EEXIST);
	assert_int_equal(do_commit(ticket, 5), 0);
	assert_int_equal(fx_hidden("/"), 0);
}

static void
test_session_may_open_twice_what_it_writes(void **state)
{
	uint32_t first, second;

	(void)state;
	fx_begin();
	assert_int_equal(do_open("/a", SFTP_PUT | VFS_OPEN_READ, 0), 0);
	first = fx_send("0123456789");
	assert_int_equal(do_open("/a", VFS_OPEN_WRITE, 0), 0);
	second = fx_send("ab");
	assert_int_equal(do_open("/a", SFTP_PUT, 0), 0);
	assert_int_equal(do_commit(fx_send("x"), 1), 0);
	assert_int_equal(do_commit(second, 2), 0);
	assert_int_equal(do_commit(first, 10), 0);
	assert_string_equal(fx_read("/a"), "x");
	assert_int_equal(fx_hidden("/"), 0);
}

static void
test_directory_may_be_renamed_under_an_upload(void **state)
{
	uint32_t ticket;

	(void)state;
	assert_int_equal(mkdir(fx_path("/d"), 0755), 0);
	fx_begin();
	assert_int_equal(do_open("/d/a", SFTP_PUT, 0), 0);
	ticket = fx_send("hello");
	assert_int_equal(do_rename("/d", "/e", 0), 0);
	assert_int_equal(do_stat("/e/a"), 0);
	assert_int_equal(fx_answer.r.attr.size, 5);
	assert_int_equal(do_commit(ticket, 5), 0);
	assert_string_equal(fx_read("/e/a"), "hello");
	assert_non_null(strstr(fx_log, "change op=rename path=/d to=/e result=ok"));
}

static void
test_upload_through_a_link_goes_to_the_file(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(mkdir(fx_path("/d"), 0755), 0);
	fx_write("/d/f", "old");
	assert_int_equal(symlink("d/f", fx_path("/l")), 0);
	fx_begin();
	assert_int_equal(do_put("/l", STOR, 0, "new"), 0);
	assert_string_equal(fx_read("/d/f"), "new");
	assert_int_equal(lstat(fx_path("/l"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void
test_exclusive_and_unique_names(void **state)
{
	char name[16];
	uint32_t ticket;

	(void)state;
	fx_write("/a", "old");
	fx_begin();
	assert_int_equal(do_open("/a", STOR | VFS_OPEN_EXCL, 0), -EEXIST);
	assert_int_equal(do_open("/a", STOR | VFS_OPEN_UNIQUE, 0), 0);
	assert_int_equal(strncmp(fx_answer.text, "/a.", 3), 0);
	snprintf(name, sizeof(name), "%.15s", fx_answer.text);
	assert_int_equal(do_commit(fx_send("unique"), 6), 0);
	assert_string_equal(fx_read(name), "unique");
	assert_string_equal(fx_read("/a"), "old");
	assert_int_equal(do_open("/free", STOR | VFS_OPEN_UNIQUE, 0), 0);
	assert_string_equal(fx_answer.text, "/free");
	/* Somebody takes the name meanwhile: it is not taken away again. */
	ticket = fx_send("unique");
	fx_write("/free", "theirs");
	assert_int_equal(do_commit(ticket, 6), -EEXIST);
	assert_string_equal(fx_read("/free"), "theirs");
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

static void
test_bytes_that_are_not_there_are_no_success(void **state)
{
	(void)state;
	fx_write("/a", "old");
	fx_begin();
	assert_int_equal(do_open("/a", STOR, 0), 0);
	assert_int_equal(do_commit(fx_send("new"), 4), -EIO);
	assert_string_equal(fx_read("/a"), "old");
	assert_non_null(strstr(fx_log, "outcome=aborted reason=EIO"));
}

static void
test_limits_of_the_share_hold(void **state)
{
	(void)state;
	fx_shares[0].max_file_bytes = 5;
	fx_begin();
	assert_int_equal(do_open("/a", STOR, 0), 0);
	assert_int_equal(fx_answer.r.limit, 5);
	assert_int_equal(do_commit(fx_send("sixsix"), 6), -EFBIG);
	assert_non_null(strstr(fx_answer.why, "5 bytes"));
	assert_int_equal(fx_hidden("/"), 0);
	assert_int_equal(do_put("/a", STOR, 0, "five!"), 0);
	fx_shares[0].min_free_bytes = 1ull << 60;
	assert_int_equal(do_open("/b", STOR, 0), -ENOSPC);
	assert_int_equal(FX_ASK(vfs_mkdir, "/d", 0755), -ENOSPC);
}

static void
test_names_of_255_bytes_can_be_uploaded(void **state)
{
	char name[257] = "/", other[257];

	(void)state;
	memset(name + 1, 'n', 255);
	memcpy(other, name, sizeof(other));
	other[255] = 'x';
	fx_begin();
	assert_int_equal(do_break(name, STOR, 0, "one"), 0);
	assert_int_equal(do_break(other, STOR, 0, "other"), 0);
	assert_int_equal(do_put(name, REST, 3, "!"), 0);
	assert_string_equal(fx_read(name), "one!");
	assert_int_equal(do_put(other, REST, 5, "!"), 0);
	assert_string_equal(fx_read(other), "other!");
}

static void
test_direct_share_writes_under_the_name_but_harms_nothing_early(void **state)
{
	uint32_t ticket;

	(void)state;
	fx_shares[0].upload = CONF_UPLOAD_DIRECT;
	fx_write("/old", "old content");
	fx_begin();
	/* The data connection never came. */
	assert_int_equal(do_open("/old", STOR, 0), 0);
	assert_true(fx_answer.r.needs_begin);
	assert_int_equal(do_abort(fx_answer.r.ticket, 0), 0);
	assert_string_equal(fx_read("/old"), "old content");
	assert_int_equal(do_open("/new", STOR, 0), 0);
	assert_string_equal(fx_read("/new"), "");
	assert_int_equal(do_abort(fx_answer.r.ticket, 0), 0);
	assert_string_equal(fx_read("/new"), "<none>");
	/* It breaks: the bytes are there, and can be gone on with. */
	assert_int_equal(do_break("/new", STOR, 0, "part"), 0);
	assert_string_equal(fx_read("/new"), "part");
	assert_int_equal(do_put("/new", REST, 2, "th"), 0);
	assert_string_equal(fx_read("/new"), "path");
	assert_int_equal(do_put("/old", STOR, 0, "new"), 0);
	assert_string_equal(fx_read("/old"), "new");
	/* A clean empty stream empties it. */
	assert_int_equal(do_open("/old", STOR, 0), 0);
	ticket = fx_answer.r.ticket;
	assert_int_equal(do_commit(ticket, 0), 0);
	assert_string_equal(fx_read("/old"), "");
	assert_int_equal(do_open("/old", REST, 1), -ERANGE);
	/* SFTP truncates at once. */
	assert_int_equal(do_open("/new", SFTP_PUT, 0), 0);
	assert_false(fx_answer.r.needs_begin);
	assert_string_equal(fx_read("/new"), "");
	assert_int_equal(do_open("/new", STOR, 0), 0);
	assert_int_equal(fx_hidden("/"), 0);
}

static void
test_copy_between_tickets(void **state)
{
	uint32_t from, to;

	(void)state;
	fx_write("/a", "0123456789");
	fx_begin();
	assert_int_equal(do_open("/a", VFS_OPEN_READ, 0), 0);
	from = fx_answer.r.ticket;
	assert_int_equal(do_open("/b", SFTP_PUT, 0), 0);
	to = fx_answer.r.ticket;
	assert_int_equal(FX_ASK(vfs_copy, from, 2, 3, to, 0), 0);
	assert_int_equal(fx_answer.r.bytes, 3);
	assert_int_equal(FX_ASK(vfs_copy, from, 8, 0, to, 3), 0);
	assert_int_equal(fx_answer.r.bytes, 2);
	assert_int_equal(FX_ASK(vfs_copy, to, 0, 0, from, 0), -EACCES);
	assert_int_equal(FX_ASK(vfs_fsync, to), 0);
	assert_int_equal(do_commit(to, 5), 0);
	assert_string_equal(fx_read("/b"), "23489");
}

static void
test_durable_share_commits(void **state)
{
	(void)state;
	fx_shares[0].durable = true;
	fx_begin();
	assert_int_equal(do_put("/a", STOR, 0, "safe"), 0);
	assert_int_equal(do_put("/a", STOR, 0, "safer"), 0);
	assert_string_equal(fx_read("/a"), "safer");
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

static void
append_to_a(void)
{
	FILE *f = fopen(fx_path("/a"), "ae");

	assert_non_null(f);
	assert_true(fputs("THEIRS", f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
cut_a(void)
{
	assert_int_equal(truncate(fx_path("/a"), 2), 0);
}

/* Where the end is, is known behind the lock. */
static void
test_what_another_session_appended_stays(void **state)
{
	(void)state;
	fx_write("/a", "old");
	fx_begin();
	before_lock = append_to_a;
	assert_int_equal(do_put("/a", APPE, 0, "ours"), 0);
	assert_string_equal(fx_read("/a"), "oldTHEIRSours");
	before_lock = cut_a;
	assert_int_equal(do_open("/a", REST, 5), -ERANGE);
	assert_string_equal(fx_read("/a"), "ol");
	fx_close_session(&fx);
	fx_shares[0].upload = CONF_UPLOAD_DIRECT;
	fx_write("/a", "0123456789");
	fx_begin();
	before_lock = cut_a;
	assert_int_equal(do_open("/a", REST, 5), -ERANGE);
	fx_close_session(&fx);
	/* Whose right is to go on at the end must still be there. */
	fx_shares[0].rights = RIGHTS_APPEND_ONLY;
	fx_begin();
	before_lock = append_to_a;
	assert_int_equal(do_open("/a", REST, 2), -EBUSY);
	assert_string_equal(fx_read("/a"), "01THEIRS");
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

/* OPEN asks for a mode, and FSETSTAT for another one: the later word counts. */
static void
test_the_last_mode_that_was_asked_for_stands(void **state)
{
	struct vfs_change mode = { .set = VFS_SET_MODE };
	const uint32_t asked[] = { 0644, 0600, 0440 };
	struct stat st;

	(void)state;
	fx_begin();
	for (size_t i = 0; i <= COUNT_OF(asked); i++) {
		uint32_t ticket;

		assert_int_equal(FX_ASK(vfs_open, "/a", SFTP_PUT | VFS_OPEN_EXCL, 0400, 0), 0);
		ticket = fx_send("x");
		if (i < COUNT_OF(asked)) {
			mode.mode = asked[i];
			assert_int_equal(FX_ASK(vfs_fsetattr, ticket, &mode), 0);
		}
		assert_int_equal(do_commit(ticket, 1), 0);
		assert_int_equal(stat(fx_path("/a"), &st), 0);
		assert_int_equal(st.st_mode & 07777, i < COUNT_OF(asked) ? asked[i] : 0400);
		assert_int_equal(FX_ASK(vfs_unlink, "/a"), 0);
	}
}

static int looker = -1;

static void
look_ends(void)
{
	fd_close(&looker);
}

/* As a listing of another session does with every part that it meets. */
static void
look_at_part(void)
{
	char hidden[PART_NAME_MAX + 1] = "/";

	part_name(PART_ACTIVE, NULL, "a", hidden + 1);
	looker = open(fx_path(hidden), O_WRONLY | O_CLOEXEC);
	assert_true(looker >= 0);
	assert_int_equal(syscall(SYS_flock, looker, LOCK_EX | LOCK_NB), 0);
	before_lock = look_ends;
}

static void
test_who_looks_at_a_new_part_is_no_other_writer(void **state)
{
	(void)state;
	fx_begin();
	before_lock = look_at_part;
	assert_int_equal(do_put("/a", STOR, 0, "x"), 0);
	assert_null(before_lock);
	assert_string_equal(fx_read("/a"), "x");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FX_TEST(test_new_file_appears_at_commit_and_not_before),
		FX_TEST(test_replacement_is_one_rename),
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
		FX_TEST(test_second_writer_is_told_to_wait),
		FX_TEST(test_session_sees_what_it_is_writing),
		FX_TEST(test_path_operation_publishes_what_is_written),
		FX_TEST(test_session_may_open_twice_what_it_writes),
		FX_TEST(test_directory_may_be_renamed_under_an_upload),
		FX_TEST(test_upload_through_a_link_goes_to_the_file),
		FX_TEST(test_exclusive_and_unique_names),
		FX_TEST(test_dead_writers_are_found_and_their_parts_kept),
		FX_TEST(test_session_end_is_an_interruption),
		FX_TEST(test_part_with_a_gap_is_not_kept),
		FX_TEST(test_part_that_breaks_twice_is_still_kept),
		FX_TEST(test_bytes_that_are_not_there_are_no_success),
		FX_TEST(test_limits_of_the_share_hold),
		FX_TEST(test_names_of_255_bytes_can_be_uploaded),
		FX_TEST(test_direct_share_writes_under_the_name_but_harms_nothing_early),
		FX_TEST(test_copy_between_tickets),
		FX_TEST(test_durable_share_commits),
		FX_TEST(test_only_what_is_ours_and_too_old_is_swept),
		FX_TEST(test_a_part_that_was_exchanged_is_not_published),
		FX_TEST(test_what_another_session_appended_stays),
		FX_TEST(test_what_has_holes_is_not_kept),
		FX_TEST(test_the_last_mode_that_was_asked_for_stands),
		FX_TEST(test_who_looks_at_a_new_part_is_no_other_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
