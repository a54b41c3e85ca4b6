/* SPDX-License-Identifier: ISC */
/* test_users.c - the users file: reading, weighing, changing. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/users.h"
#include "server/base/text.h"

static char dir[64], path[128];

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/coffer-users-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/users", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	char lock[128];

	(void)state;
	unlink(path);
	snprintf(lock, sizeof(lock), "%s/.users.lock", dir);
	unlink(lock);	   /* a lock stays: who waits for it has it open */
	return rmdir(dir); /* fails, and the test with it, when something was left behind */
}

static void
put_file(const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void
assert_file(const char *text)
{
	char room[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, room, sizeof(room) - 1);

	assert_true(n >= 0);
	room[n] = '\0';
	close(fd);
	assert_string_equal(room, text);
}

static void
test_a_line_is_read_field_by_field(void **state)
{
	struct user u;

	(void)state;
	put_file("# people\n\nann:$y$x:1500:1600:Ann, sales:/srv/ann:/bin/false\r\nbob:!:7:8:::\n",
		 0600);
	assert_int_equal(users_find(path, "ann", &u), 0);
	assert_string_equal(u.name, "ann");
	assert_string_equal(u.hash, "$y$x");
	assert_int_equal(u.uid, 1500);
	assert_int_equal(u.gid, 1600);
	assert_string_equal(u.gecos, "Ann, sales");
	assert_string_equal(u.home, "/srv/ann");
	assert_int_equal(users_find(path, "bob", &u), 0);
	assert_string_equal(u.home, "");
	assert_int_equal(users_find(path, "an", &u), -ENOENT);
	assert_int_equal(users_find(path, "", &u), -ENOENT);
	assert_int_equal(users_find(path, "ann:$y$x", &u), -ENOENT);
}

static void
test_lines_that_cannot_be_read_are_no_users(void **state)
{
	static const char *const lines[] = {
		"u",
		"u:",
		"u:h",
		"u:h:1",
		"u:h:1:2",
		"u:h:1:2:g",
		"u:h:x:2:g:/h:/s",
		"u:h:-1:2:g:/h:/s",
		"u:h:4294967295:2:g:/h:/s",
		"u:h:1:99999999999999999999:g:/h:/s",
		"u:h:1:2:g:home:/s",
		"u:h:1:2:g:/h:/s:more",
		"u:h\x01:1:2:g:/h:/s",
	};
	struct user u;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		put_file(lines[i], 0600);
		/* He is there, so he is nobody of the system's either. */
		assert_int_equal(users_find(path, "u", &u),
				 lines[i][1] == ':' ? -EBADMSG : -ENOENT);
	}
	/* The shell may be missing; a line without its end is a line. */
	put_file("u:h:1:2:g:/h", 0600);
	assert_int_equal(users_find(path, "u", &u), 0);
}

static void
test_a_file_that_others_can_write_is_not_read(void **state)
{
	static const struct {
		mode_t mode;
		int err;
	} cases[] = { { 0600, 0 }, { 0644, 0 }, { 0640, 0 }, { 0660, -EPERM }, { 0602, -EPERM } };
	struct user u;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		put_file("u:h:1:2:g:/h:/s\n", cases[i].mode);
		assert_int_equal(users_find(path, "u", &u), cases[i].err);
	}
	assert_int_equal(users_find(dir, "u", &u), -EPERM);
	assert_int_equal(users_find("/nonexistent/users", "u", &u), -ENOENT);
}

static void
test_a_password_fits_only_its_hash(void **state)
{
	struct user u = { .name = "u" };
	char again[USERS_HASH_MAX];

	(void)state;
	assert_int_equal(users_hash("correct horse", u.hash, sizeof(u.hash)), 0);
	assert_int_equal(strncmp(u.hash, "$y$", 3), 0);
	assert_true(users_verify(&u, "correct horse"));
	assert_false(users_verify(&u, "correct hors"));
	assert_false(users_verify(&u, ""));
	assert_false(users_verify(NULL, "correct horse"));
	assert_int_equal(users_hash("correct horse", again, sizeof(again)), 0);
	assert_string_not_equal(u.hash, again);
}

static void
test_hashes_that_fit_nothing(void **state)
{
	static const char *const hashes[] = { "",   "!",      "*",  "x", "!$6$coffer$abc",
					      "*0", "secret", "$y$" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(hashes); i++) {
		struct user u = { .name = "u" };

		assert_int_equal(text_copy(u.hash, sizeof(u.hash), hashes[i]), 0);
		assert_false(users_verify(&u, hashes[i]));
		assert_false(users_verify(&u, ""));
	}
}

static double
seconds_of(const struct user *user)
{
	struct timespec a, b;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	assert_false(users_verify(user, "wrong"));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

static void
test_nobody_costs_as_much_as_somebody(void **state)
{
	struct user u = { .name = "u" }, locked = { .name = "l", .hash = "!" };
	double somebody, nobody, shut;

	(void)state;
	assert_int_equal(users_hash("right", u.hash, sizeof(u.hash)), 0);
	somebody = seconds_of(&u);
	nobody = seconds_of(NULL);
	shut = seconds_of(&locked);
	/* yescrypt takes tens of milliseconds, a refusal without it microseconds. */
	assert_true(nobody > somebody / 4 && nobody < somebody * 4);
	assert_true(shut > somebody / 4 && shut < somebody * 4);
}

static void
test_a_change_leaves_the_other_lines_alone(void **state)
{
	struct user u = { .name = "bob", .hash = "$y$new", .uid = 5, .gid = 6, .home = "/b" };

	(void)state;
	put_file("# who\nbobby:h:1:1:::\nbob:h:2:2:::\n  odd line\nann:h:3:3:::", 0640);
	assert_int_equal(users_set(path, &u), 0);
	assert_file("# who\nbobby:h:1:1:::\nbob:$y$new:5:6::/b:/usr/sbin/nologin\n  odd line\n"
		    "ann:h:3:3:::\n");
	assert_int_equal(users_delete(path, "bob"), 0);
	assert_file("# who\nbobby:h:1:1:::\n  odd line\nann:h:3:3:::\n");
	assert_int_equal(users_delete(path, "bob"), -ENOENT);
}

static void
test_a_change_keeps_the_mode_and_makes_a_missing_file(void **state)
{
	struct user u = { .name = "bob", .hash = "h", .uid = 5, .gid = 6, .home = "/b" };
	struct stat st;

	(void)state;
	assert_int_equal(users_set(path, &u), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(users_set(path, &u), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_file("bob:h:5:6::/b:/usr/sbin/nologin\n");
}

static void
test_a_field_cannot_make_a_second_line(void **state)
{
	static const struct user bad[] = {
		{ .name = "a:b", .hash = "h" },
		{ .name = "a", .hash = "h:0:0" },
		{ .name = "a", .hash = "h\nroot:x" },
		{ .name = "a", .hash = "h", .gecos = "x\ny" },
		{ .name = "a", .hash = "h", .home = "/x:y" },
		{ .name = "", .hash = "h" },
		{ .name = "..", .hash = "h" },
	};

	(void)state;
	put_file("ann:h:3:3:::\n", 0600);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(users_set(path, &bad[i]), -EINVAL);
	assert_file("ann:h:3:3:::\n");
}

struct heard {
	unsigned int users, lines[16], count;
};

static void
hear_user(void *ctx, const struct user *user)
{
	struct heard *h = ctx;

	(void)user;
	h->users++;
}

static void
hear_complaint(void *ctx, const struct conf_place *place, const char *text)
{
	struct heard *h = ctx;

	assert_null(strstr(text, "s3cret"));
	h->lines[h->count++] = place->line;
}

static void
test_every_fault_is_told_with_its_line(void **state)
{
	struct heard h = { 0 };

	(void)state;
	put_file("a:$y$s3cret:1:1:::\nb:s3cret\n#\nc:$1$salt$x:1:1:::\na:h:1:1:::\n", 0600);
	assert_int_equal(users_each(path, hear_user, hear_complaint, &h), 0);
	assert_int_equal(h.users, 3);
	assert_int_equal(h.count, 3);
	assert_int_equal(h.lines[0], 2); /* cannot be read */
	assert_int_equal(h.lines[1], 4); /* a weak kind */
	assert_int_equal(h.lines[2], 5); /* twice */
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		CASE(test_a_line_is_read_field_by_field),
		CASE(test_lines_that_cannot_be_read_are_no_users),
		CASE(test_a_file_that_others_can_write_is_not_read),
		CASE(test_a_password_fits_only_its_hash),
		CASE(test_hashes_that_fit_nothing),
		CASE(test_nobody_costs_as_much_as_somebody),
		CASE(test_a_change_leaves_the_other_lines_alone),
		CASE(test_a_change_keeps_the_mode_and_makes_a_missing_file),
		CASE(test_a_field_cannot_make_a_second_line),
		CASE(test_every_fault_is_told_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
