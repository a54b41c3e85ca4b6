/* SPDX-License-Identifier: ISC */
/*
 * test_upload_rivals.c - several sessions at one file: one writes, and what the others do between
 * our look at a file and our lock on it does no harm.
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
	assert_int_equal(do_open("/a", REST, 2), -EACCES);
	assert_string_equal(fx_read("/a"), "01THEIRS");
}

static int rival = -1;

static void
rival_ends(void)
{
	fd_close(&rival);
}

static void
rival_ends_next(void)
{
	before_lock = rival_ends;
}

/* Whoever finds the lock taken, and then free, has not had the file open himself. */
static void
test_a_rival_that_ends_meanwhile_does_not_make_an_upload_write_in_place(void **state)
{
	uint32_t ticket;

	(void)state;
	fx_write("/a", "old");
	fx_begin();
	rival = open(fx_path("/a"), O_WRONLY | O_CLOEXEC);
	assert_int_equal(flock(rival, LOCK_EX), 0);
	before_lock = rival_ends_next;
	assert_int_equal(do_open("/a", SFTP_PUT, 0), 0);
	ticket = fx_send("half");
	assert_string_equal(fx_read("/a"), "old");
	assert_int_equal(do_abort(ticket, 4), 0);
	assert_string_equal(fx_read("/a"), "old");
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
		FX_TEST(test_second_writer_is_told_to_wait),
		FX_TEST(test_a_rival_that_ends_meanwhile_does_not_make_an_upload_write_in_place),
		FX_TEST(test_what_another_session_appended_stays),
		FX_TEST(test_who_looks_at_a_new_part_is_no_other_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
