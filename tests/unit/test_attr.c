/* SPDX-License-Identifier: ISC */
/* test_attr.c - modes and owners: what a client may ask for, what stays, and what it is shown. */
#include "tests/unit/vfs_fixture.h"

static void
test_modes_from_clients_stay_within_the_share(void **state)
{
	struct vfs_change change = { .set = VFS_SET_MODE, .mode = 06777 };
	struct stat st;

	(void)state;
	fx_shares[0].file_mode = 0664;
	fx_shares[0].dir_mode = 0770;
	fx_begin();
	assert_int_equal(FX_ASK(vfs_open, "/a", STOR, 04755, 0), 0);
	assert_int_equal(do_commit(fx_send(""), 0), 0);
	assert_int_equal(stat(fx_path("/a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(FX_ASK(vfs_open, "/ro", STOR, 0444, 0), 0);
	assert_int_equal(do_commit(fx_send("x"), 1), 0);
	assert_int_equal(stat(fx_path("/ro"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(do_put("/b", STOR, 0, ""), 0);
	assert_int_equal(stat(fx_path("/b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0664);
	assert_int_equal(FX_ASK(vfs_setattr, "/a", 0, &change), 0);
	assert_int_equal(stat(fx_path("/a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0664);
	assert_int_equal(FX_ASK(vfs_mkdir, "/d", 07777), 0);
	assert_int_equal(stat(fx_path("/d"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0770);
}

static void
test_a_file_is_executable_only_when_it_was_asked_for(void **state)
{
	struct vfs_change change = { .set = VFS_SET_MODE, .mode = 0777 };
	struct stat st;

	(void)state;
	fx_shares[0].file_mode = 0755;
	fx_begin();
	assert_int_equal(do_put("/ftp", STOR, 0, "x"), 0);
	assert_int_equal(stat(fx_path("/ftp"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(FX_ASK(vfs_open, "/program", SFTP_PUT, 0777, 0), 0);
	assert_int_equal(do_commit(fx_send("x"), 1), 0);
	assert_int_equal(stat(fx_path("/program"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(FX_ASK(vfs_setattr, "/ftp", 0, &change), 0);
	assert_int_equal(stat(fx_path("/ftp"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	/* Who has no say gets what FTP gets, whatever he asks for. */
	fx_close_session(&fx);
	fx_shares[0].rights = RIGHTS_ALL & ~(uint32_t)RIGHT_CHMOD;
	fx_shares[0].mode_requests = CONF_MODES_IGNORE;
	fx_begin();
	assert_int_equal(FX_ASK(vfs_open, "/b", SFTP_PUT, 0777, 0), 0);
	assert_int_equal(do_commit(fx_send("x"), 1), 0);
	assert_int_equal(stat(fx_path("/b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static void
test_mode_requests_without_the_right_do_what_the_share_says(void **state)
{
	struct vfs_change change = { .set = VFS_SET_MODE, .mode = 0600 };
	static const struct {
		enum conf_mode_requests requests;
		int err;
		uint32_t mine, theirs;
		const char *log[2];
	} cases[] = {
		{ CONF_MODES_IGNORE,
		  0,
		  0644,
		  0666,
		  { "/mine result=ignored", "/theirs result=ignored" } },
		{ CONF_MODES_APPLY,
		  0,
		  0600,
		  0666,
		  { "/mine result=ok", "/theirs result=ignored" } },
		{ CONF_MODES_REFUSE,
		  -EACCES,
		  0644,
		  0666,
		  { "/mine result=EACCES", "/theirs result=EACCES" } },
	};
	struct stat st;

	(void)state;
	fx_shares[0].rights = RIGHTS_ALL & ~(uint32_t)RIGHT_CHMOD;
	fx_shares[0].mode_requests = CONF_MODES_IGNORE;
	fx_write("/theirs", "x");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		fx_shares[0].mode_requests = cases[i].requests;
		fx_begin();
		assert_int_equal(do_put("/mine", STOR, 0, "x"), 0);
		assert_int_equal(FX_ASK(vfs_setattr, "/mine", 0, &change), cases[i].err);
		assert_int_equal(FX_ASK(vfs_setattr, "/theirs", 0, &change), cases[i].err);
		assert_int_equal(stat(fx_path("/mine"), &st), 0);
		assert_int_equal(st.st_mode & 07777, cases[i].mine);
		assert_int_equal(stat(fx_path("/theirs"), &st), 0);
		assert_int_equal(st.st_mode & 07777, cases[i].theirs);
		for (size_t k = 0; k < COUNT_OF(cases[i].log); k++)
			assert_non_null(strstr(fx_log, cases[i].log[k]));
		fx_log[0] = '\0';
		assert_int_equal(FX_ASK(vfs_unlink, "/mine"), 0);
		fx_close_session(&fx);
	}
}

static void
test_owners_cannot_be_changed_but_may_be_repeated(void **state)
{
	struct vfs_change change = { .set = VFS_SET_OWNER | VFS_SET_GROUP };

	(void)state;
	fx_write("/a", "x");
	fx_begin();
	assert_int_equal(do_stat("/a"), 0);
	change.uid = fx_answer.r.attr.uid;
	change.gid = fx_answer.r.attr.gid;
	assert_int_equal(FX_ASK(vfs_setattr, "/a", 0, &change), 0);
	assert_null(strstr(fx_log, "op=chown"));
	change.uid++;
	assert_int_equal(FX_ASK(vfs_setattr, "/a", 0, &change), -EPERM);
	assert_non_null(strstr(fx_log, "change op=chown path=/a result=EPERM"));
}

/* A record of its own has what takes a right of its own; the rest is part of the transfer. */
static void
test_what_is_changed_through_a_handle_by_a_right_is_recorded(void **state)
{
	struct vfs_change change = { .set = VFS_SET_MODE | VFS_SET_TIMES,
				     .mode = 0600,
				     .mtime = 1000,
				     .atime = VFS_TIME_KEEP };
	uint32_t ticket;

	(void)state;
	fx_write("/theirs", "x");
	fx_begin();
	assert_int_equal(do_open("/theirs", VFS_OPEN_READ, 0), 0);
	ticket = fx_answer.r.ticket;
	assert_int_equal(FX_ASK(vfs_fsetattr, ticket, &change), 0);
	assert_non_null(strstr(fx_log, "change op=chmod path=/theirs result=ok"));
	assert_non_null(strstr(fx_log, "change op=times path=/theirs result=ok"));
	change.set = VFS_SET_OWNER;
	change.uid = fx_account.uid + 1;
	assert_int_equal(FX_ASK(vfs_fsetattr, ticket, &change), -EPERM);
	assert_non_null(strstr(fx_log, "change op=chown path=/theirs result=EPERM"));
	assert_int_equal(do_commit(ticket, 1), 0);
	change.set = VFS_SET_MODE | VFS_SET_TIMES;
	fx_log[0] = '\0';
	assert_int_equal(do_open("/mine", SFTP_PUT, 0), 0);
	ticket = fx_send("x");
	assert_int_equal(FX_ASK(vfs_fsetattr, ticket, &change), 0);
	assert_int_equal(do_commit(ticket, 1), 0);
	assert_null(strstr(fx_log, "change "));
}

static void
test_hidden_owners_are_shown_as_the_user(void **state)
{
	(void)state;
	fx_shares[0].owners = CONF_OWNERS_HIDDEN;
	fx_account.uid = 4711;
	fx_write("/a", "x");
	fx_begin();
	assert_int_equal(do_stat("/a"), 0);
	assert_int_equal(fx_answer.r.attr.uid, 4711);
	assert_string_equal(fx_answer.r.attr.owner, "anna");
	assert_string_equal(fx_answer.r.attr.group, "anna");
}

static void
test_a_mount_is_listed_with_the_rights_of_its_root(void **state)
{
	struct conf_rule rules[] = { { .path = (char[]) { "/" }, .rights = RIGHTS_READ_ONLY },
				     { .path = (char[]) { "/in" }, .rights = RIGHTS_ALL } };
	uint32_t listed;

	(void)state;
	fx_share(1, "pub", "/pub", "/pub-dir", RIGHTS_ALL);
	fx_shares[1].rules = rules;
	fx_shares[1].rule_count = COUNT_OF(rules);
	fx_begin();
	assert_int_equal(do_list("/"), 0);
	assert_non_null(fx_entry("pub"));
	listed = fx_entry("pub")->attr.rights;
	assert_int_equal(do_stat("/pub"), 0);
	assert_int_equal(listed, fx_answer.r.attr.rights);
	assert_false(listed & RIGHT_CREATE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FX_TEST(test_modes_from_clients_stay_within_the_share),
		FX_TEST(test_a_file_is_executable_only_when_it_was_asked_for),
		FX_TEST(test_mode_requests_without_the_right_do_what_the_share_says),
		FX_TEST(test_owners_cannot_be_changed_but_may_be_repeated),
		FX_TEST(test_what_is_changed_through_a_handle_by_a_right_is_recorded),
		FX_TEST(test_a_mount_is_listed_with_the_rights_of_its_root),
		FX_TEST(test_hidden_owners_are_shown_as_the_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
