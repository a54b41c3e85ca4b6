/* SPDX-License-Identifier: ISC */
/*
 * test_vfs_serve.c - questions and answers over a real socket: reading, listing, tickets, distrust.
 */
#include "tests/unit/vfs_fixture.h"

static void
test_stat_tells_type_size_and_owner(void **state)
{
	(void)state;
	fx_write("/a", "hello");
	fx_begin();
	assert_int_equal(do_stat("/a"), 0);
	assert_int_equal(fx_answer.r.attr.type, VFS_FILE);
	assert_int_equal(fx_answer.r.attr.size, 5);
	assert_string_equal(fx_answer.r.attr.owner, "anna");
	assert_int_equal(do_stat("/"), 0);
	assert_int_equal(fx_answer.r.attr.type, VFS_DIR);
	assert_int_equal(do_stat("/x/../a"), 0);
	assert_int_equal(do_stat("/b"), -ENOENT);
	assert_int_equal(do_stat("/a/b"), -ENOTDIR);
}

static void
test_download_passes_a_readable_descriptor_only(void **state)
{
	char room[16];

	(void)state;
	fx_write("/a", "hello");
	fx_begin();
	assert_int_equal(do_open("/a", VFS_OPEN_READ, 0), 0);
	assert_int_equal(fx_answer.r.attr.size, 5);
	assert_int_equal(pread(fx_answer.fd, room, sizeof(room), 0), 5);
	assert_int_equal(fcntl(fx_answer.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(do_commit(fx_answer.r.ticket, 5), 0);
	assert_non_null(strstr(fx_log, "transfer op=get path=/a bytes=5 "));
	assert_non_null(strstr(fx_log, "outcome=complete"));
}

static void
test_listing_shows_every_entry_over_many_messages(void **state)
{
	char name[64];

	(void)state;
	for (int i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "/a-file-with-some-name-%04d", i);
		fx_write(name, "");
	}
	fx_begin();
	assert_int_equal(do_list("/"), 0);
	assert_int_equal(fx_answer.entry_count, 1500);
	assert_non_null(fx_entry("a-file-with-some-name-0000"));
	assert_non_null(fx_entry("a-file-with-some-name-1499"));
	assert_null(fx_entry("."));
	assert_null(fx_entry(".."));
}

static void
test_ended_ticket_is_none(void **state)
{
	uint32_t ticket;

	(void)state;
	fx_write("/a", "hello");
	fx_begin();
	assert_int_equal(do_open("/a", VFS_OPEN_READ, 0), 0);
	ticket = fx_answer.r.ticket;
	assert_int_equal(do_commit(ticket, 5), 0);
	assert_int_equal(do_commit(ticket, 5), -EBADF);
	assert_int_equal(do_open("/a", VFS_OPEN_READ, 0), 0);
	assert_int_not_equal(fx_answer.r.ticket, ticket);
	assert_int_equal(FX_ASK(vfs_fstat, ticket), -EBADF);
	assert_int_equal(FX_ASK(vfs_fstat, 0xffffffff), -EBADF);
	assert_int_equal(FX_ASK(vfs_readdir, ticket), -EBADF);
}

/* Asks for the commit of a ticket, queued; returns what the serving said. */
static int
queue(uint16_t type, struct buf *b)
{
	uint16_t got;
	uint32_t id;

	b->pos = 0;
	got = buf_get_u16(b);
	id = buf_get_u32(b);
	assert_int_equal(got, type);
	return vfs_serve_queue(fx.serve, fx.sock, type, id, b);
}

static void
test_queued_answers_leave_together_and_a_ticket_that_was_not_told_ends_the_session(void **state)
{
	uint8_t room[256], got[1024];
	struct buf b;
	uint16_t type;
	uint32_t id;
	FD_OWN int fd = -1;

	(void)state;
	fx_write("/a", "hello");
	fx_begin();
	for (uint32_t i = 0; i < 3; i++) {
		ipc_begin(&b, room, sizeof(room), VFS_MSG_OPEN, i);
		buf_put_string(&b, "/a", 2);
		buf_put_u32(&b, VFS_OPEN_READ);
		buf_put_u32(&b, VFS_MODE_DEFAULT);
		buf_put_u64(&b, 0);
		assert_int_equal(queue(VFS_MSG_OPEN, &b), 0);
	}
	assert_int_equal(recv(ask_fd(fx.ask), got, sizeof(got), MSG_DONTWAIT), -1);
	ipc_begin(&b, room, sizeof(room), VFS_MSG_COMMIT, 3);
	buf_put_u32(&b, 1u << 16 | 2); /* the third file, as one could guess */
	buf_put_u64(&b, 0);
	assert_int_equal(queue(VFS_MSG_COMMIT, &b), -EBADMSG);
	assert_int_equal(vfs_serve_flush(fx.serve, fx.sock), 0);
	for (uint32_t i = 0; i < 3; i++) {
		fd_close(&fd);
		assert_int_equal(
		    ipc_recv(ask_fd(fx.ask), MSG_DONTWAIT, got, sizeof(got), &b, &type, &id, &fd),
		    0);
		assert_int_equal(id, i);
		assert_true(fd >= 0);
	}
	/* Told, it may be ended. */
	ipc_begin(&b, room, sizeof(room), VFS_MSG_COMMIT, 3);
	buf_put_u32(&b, 1u << 16 | 2);
	buf_put_u64(&b, 0);
	assert_int_equal(queue(VFS_MSG_COMMIT, &b), 0);
	assert_int_equal(vfs_serve_flush(fx.serve, fx.sock), 0);
	assert_non_null(strstr(fx_log, "transfer op=get path=/a bytes=0"));
}

static void
test_open_files_are_bounded(void **state)
{
	int err = 0, count = 0;

	(void)state;
	fx_write("/a", "hello");
	fx_begin();
	while (count < 1000 && (err = do_open("/a", VFS_OPEN_READ, 0)) == 0)
		count++;
	assert_int_equal(err, -EMFILE);
	assert_int_equal(count, 16 + 8);
}

static void
test_malformed_question_ends_the_session(void **state)
{
	static const struct {
		uint16_t type;
		const char *bytes;
		size_t len;
	} cases[] = {
		{ VFS_MSG_STAT, "", 0 },
		{ VFS_MSG_STAT, "\0\0\0\1/\0\0\0", 8 },
		{ VFS_MSG_STAT, "\0\0\0\1/\0\0\0\0x", 10 },
		{ VFS_MSG_STAT, "\0\0\0\2/\0\0\0\0\0", 10 },
		{ VFS_MSG_STAT, "\377\377\377\377/", 5 },
		{ VFS_MSG_COMMIT, "\0\0\0\0", 4 },
		{ VFS_MSG_RENAME, "\0\0\0\1/\0\0\0\1/", 10 },
		{ VFS_MSG_STAT - 1, "", 0 },
		{ VFS_MSG_END, "", 0 },
	};

	(void)state;
	fx_begin();
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buf b;

		buf_init_read(&b, cases[i].bytes, cases[i].len);
		assert_int_equal(vfs_serve_message(fx.serve, fx.sock, cases[i].type, 1, &b),
				 -EBADMSG);
	}
}

static void
test_questions_may_be_sent_without_waiting(void **state)
{
	(void)state;
	fx_begin();
	fx_answer.came = false;
	assert_int_equal(vfs_mkdir(fx.vfs, "/d", 0755, NULL, NULL), 0);
	assert_int_equal(vfs_mkdir(fx.vfs, "/d/e", 0755, NULL, NULL), 0);
	assert_int_equal(vfs_rename(fx.vfs, "/d/e", "/f", 0, NULL, NULL), 0);
	assert_int_equal(vfs_stat(fx.vfs, "/f", 0, fx_on_answer, &fx_answer), 0);
	assert_int_equal(fx_pump(), 0);
	assert_true(fx_answer.came);
	assert_int_equal(fx_answer.r.err, 0);
	assert_int_equal(fx_answer.r.attr.type, VFS_DIR);
}

static void
test_overlong_path_is_not_sent(void **state)
{
	char path[VFS_PATH_MAX + 1];

	(void)state;
	fx_begin();
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(vfs_stat(fx.vfs, path, 0, fx_on_answer, &fx_answer), -ENAMETOOLONG);
	path[300] = '\0';
	assert_int_equal(do_stat(path), -ENAMETOOLONG);
}

/* Nothing that wire can send does more than end its session. */
static void
test_random_messages_are_answered_or_refused(void **state)
{
	unsigned int seed = 42;
	uint8_t bytes[96], room[1024];

	(void)state;
	assert_int_equal(mkdir(fx_path("/a"), 0755), 0);
	fx_write("/a/b", "x");
	fx_begin();
	for (int i = 0; i < 40000; i++) {
		uint16_t type =
		    (uint16_t)(VFS_MSG_STAT + rand_r(&seed) % (VFS_MSG_END - VFS_MSG_STAT));
		struct buf b, answer;
		uint16_t answer_type;
		uint32_t id;
		size_t len;
		int fd = -1, err;

		buf_init(&b, bytes, sizeof(bytes));
		/* Half of them begin like a path, so that they get further. */
		if (rand_r(&seed) % 2) {
			buf_put_cstring(&b, rand_r(&seed) % 2 ? "/a/b" : "/a/new");
			if (rand_r(&seed) % 2)
				buf_put_cstring(&b, "/a/other");
		}
		len = b.end + (size_t)(rand_r(&seed) % 5) * 4;
		for (size_t k = b.end; k < len; k++)
			bytes[k] = rand_r(&seed) % 3 ? 0 : (uint8_t)rand_r(&seed);
		buf_init_read(&b, bytes, len);
		err = vfs_serve_message(fx.serve, fx.sock, type, 7, &b);
		assert_true(err == 0 || err == -EBADMSG);
		if (err == 0) {
			assert_int_equal(ipc_recv(ask_fd(fx.ask), MSG_DONTWAIT, room, sizeof(room),
						  &answer, &answer_type, &id, &fd),
					 0);
			assert_int_equal(answer_type, type);
			fd_close(&fd);
		}
		fx_log[0] = '\0';
	}
	assert_int_equal(do_stat("/"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FX_TEST(test_stat_tells_type_size_and_owner),
		FX_TEST(test_download_passes_a_readable_descriptor_only),
		FX_TEST(test_listing_shows_every_entry_over_many_messages),
		FX_TEST(test_ended_ticket_is_none),
		FX_TEST(
		    test_queued_answers_leave_together_and_a_ticket_that_was_not_told_ends_the_session),
		FX_TEST(test_open_files_are_bounded),
		FX_TEST(test_malformed_question_ends_the_session),
		FX_TEST(test_questions_may_be_sent_without_waiting),
		FX_TEST(test_overlong_path_is_not_sent),
		FX_TEST(test_random_messages_are_answered_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
