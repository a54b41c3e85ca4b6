/* SPDX-License-Identifier: ISC */
/*
 * test_upload.c - the promises about uploads (design.md section 5): nothing is seen before its
 * clean end, nothing that was there is harmed by what broke, and what broke can be gone on with.
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FX_TEST(test_new_file_appears_at_commit_and_not_before),
		FX_TEST(test_replacement_is_one_rename),
		FX_TEST(test_broken_new_upload_is_kept_for_resume),
		FX_TEST(test_broken_replacement_leaves_the_old_file_and_refuses_to_splice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
