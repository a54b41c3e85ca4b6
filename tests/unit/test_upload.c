/* SPDX-License-Identifier: ISC */
/*
 * test_upload.c - the promises about uploads: nothing is seen before its clean end, nothing that
 * was there is harmed by what broke, and the session that writes sees what it has written. What
 * broke is test_part.c's, who else writes test_upload_rivals.c's.
 */
#include "tests/unit/vfs_fixture.h"

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
test_who_wants_a_new_file_does_not_publish_the_one_that_is_written(void **state)
{
	uint32_t ticket;

	(void)state;
	fx_begin();
	assert_int_equal(do_open("/a", SFTP_PUT, 0), 0);
	ticket = fx_send("half");
	assert_int_equal(do_open("/a", VFS_OPEN_WRITE | VFS_OPEN_CREATE | VFS_OPEN_EXCL, 0),
			 -EEXIST);
	assert_string_equal(fx_read("/a"), "<none>");
	assert_int_equal(do_commit(ticket, 4), 0);
	assert_string_equal(fx_read("/a"), "half");
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FX_TEST(test_new_file_appears_at_commit_and_not_before),
		FX_TEST(test_replacement_is_one_rename),
		FX_TEST(test_session_sees_what_it_is_writing),
		FX_TEST(test_path_operation_publishes_what_is_written),
		FX_TEST(test_who_wants_a_new_file_does_not_publish_the_one_that_is_written),
		FX_TEST(test_session_may_open_twice_what_it_writes),
		FX_TEST(test_directory_may_be_renamed_under_an_upload),
		FX_TEST(test_upload_through_a_link_goes_to_the_file),
		FX_TEST(test_exclusive_and_unique_names),
		FX_TEST(test_bytes_that_are_not_there_are_no_success),
		FX_TEST(test_limits_of_the_share_hold),
		FX_TEST(test_names_of_255_bytes_can_be_uploaded),
		FX_TEST(test_direct_share_writes_under_the_name_but_harms_nothing_early),
		FX_TEST(test_copy_between_tickets),
		FX_TEST(test_durable_share_commits),
		FX_TEST(test_the_last_mode_that_was_asked_for_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
