/* SPDX-License-Identifier: ISC */
/* test_base.c - materials: bytes, text, numbers, rates, messages, questions. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cap-ng.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/base/ask.h"
#include "server/base/buf.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/rate.h"
#include "server/base/text.h"

static void
test_what_was_put_is_what_is_taken(void **state)
{
	uint8_t room[64];
	char text[8];
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	buf_put_u8(&b, 0xfe);
	buf_put_u16(&b, 0xfedc);
	buf_put_u32(&b, 0xfedcba98u);
	buf_put_u64(&b, 0xfedcba9876543210u);
	buf_put_cstring(&b, "seven77");
	assert_int_equal(buf_get_u8(&b), 0xfe);
	assert_int_equal(buf_get_u16(&b), 0xfedc);
	assert_int_equal(buf_get_u32(&b), 0xfedcba98u);
	assert_true(buf_get_u64(&b) == 0xfedcba9876543210u);
	assert_string_equal(buf_get_cstring(&b, text, sizeof(text)), "seven77");
	assert_int_equal(buf_done(&b), 0);
}

static void
test_a_failure_sticks_until_the_end(void **state)
{
	uint8_t room[8];
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	buf_put_u64(&b, 1);
	buf_put_u8(&b, 1);
	assert_true(b.bad);
	buf_reset(&b);
	buf_put_u32(&b, 5); /* a string of five bytes, of which three are there */
	buf_put_bytes(&b, "abc", 3);
	assert_null(buf_get_string(&b, &(size_t) { 0 }));
	assert_int_equal(buf_get_u8(&b), 0);
	assert_int_equal(buf_done(&b), -EBADMSG);
}

static void
test_text_with_a_zero_byte_is_no_text(void **state)
{
	uint8_t room[16];
	char text[16];
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	buf_put_string(&b, "a\0b", 3);
	assert_string_equal(buf_get_cstring(&b, text, sizeof(text)), "");
	assert_true(b.bad);
}

static void
test_left_over_bytes_are_a_bad_message(void **state)
{
	uint8_t room[4];
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	buf_put_u16(&b, 1);
	buf_get_u8(&b);
	assert_int_equal(buf_done(&b), -EBADMSG);
}

static void
test_numbers_from_outside(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int err;
		uint64_t value;
	} cases[] = {
		{ "0", 9, 0, 0 },
		{ "9", 9, 0, 9 },
		{ "10", 9, -EINVAL, 0 },
		{ "", 9, -EINVAL, 0 },
		{ "-1", 9, -EINVAL, 0 },
		{ "+1", 9, -EINVAL, 0 },
		{ " 1", 9, -EINVAL, 0 },
		{ "1 ", 9, -EINVAL, 0 },
		{ "1x", 9, -EINVAL, 0 },
		{ "0x1", 9, -EINVAL, 0 },
		{ "1e3", UINT64_MAX, -EINVAL, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -EINVAL, 0 },
		{ "99999999999999999999999", UINT64_MAX, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint64_t value = 77;

		assert_int_equal(num_u64(cases[i].text, cases[i].max, &value), cases[i].err);
		assert_true(value == (cases[i].err ? 77 : cases[i].value));
	}
}

static void
test_cut_text_says_so_and_stays_ended(void **state)
{
	char room[6];
	struct text t;

	(void)state;
	text_init(&t, room, sizeof(room));
	text_printf(&t, "%s", "12345");
	assert_false(t.cut);
	text_putc(&t, '6');
	assert_true(t.cut);
	assert_string_equal(room, "12345");
	text_reset(&t);
	text_quote(&t, "a\"b");
	assert_string_equal(room, "a\"\"b");
}

static void
test_utf8(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "", true },
		{ "plain", true },
		{ "\xc3\xbc", true },
		{ "\xf0\x9f\x90\xbf", true },
		{ "\xc0\xaf", false },
		{ "\xe0\x80\xaf", false },
		{ "\xed\xa0\x80", false },
		{ "\xf4\x90\x80\x80", false },
		{ "\xc3", false },
		{ "\x80", false },
		{ "\xf8\x88\x80\x80", false },
		{ "\xef\xbf\xbf", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(text_is_utf8(cases[i].text), cases[i].ok);
}

static void
test_log_values_are_one_harmless_word(void **state)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
		{ "plain-1.txt", "plain-1.txt" },
		{ "", "\"\"" },
		{ NULL, "-" },
		{ "two words", "\"two words\"" },
		{ "a=b", "\"a=b\"" },
		{ "q\"q\\", "\"q\\\"q\\\\\"" },
		{ "new\nline\x1b[0m", "\"new\\x0aline\\x1b[0m\"" },
		{ "\xc2\x9b"
		  "2J\xc2\xa9",
		  "\"\\xc2\\x9b"
		  "2J\xc2\xa9\"" },
		{ "\xc3\xbc", "\"\xc3\xbc\"" },
		{ "\xff", "\"\\xff\"" },
	};
	char longer[4000];
	struct log_value v;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_string_equal(log_q(&v, cases[i].value), cases[i].want);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	log_q(&v, longer);
	assert_string_equal(v.room + strlen(v.room) - 3, "...");
	longer[0] = ' ';
	log_q(&v, longer);
	assert_string_equal(v.room + strlen(v.room) - 4, "...\"");
}

static void
test_a_rate_lets_a_burst_pass_and_then_no_more(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, 1000);
	assert_int_equal(rate_allows(&r, 5000), 1000);
	rate_take(&r, 1000);
	assert_true(rate_allows(&r, 1000) < 1000);
	rate_take(&r, 10000); /* a debt of more than nine seconds */
	assert_int_equal(rate_allows(&r, 1), 0);
	assert_true(rate_wait_ms(&r) > 8000);
	rate_init(&r, 0);
	assert_int_equal(rate_allows(&r, 5000), 5000);
}

static int ends[2];

static int
make_pair(void **state)
{
	(void)state;
	return ipc_pair(ends);
}

static int
close_pair(void **state)
{
	(void)state;
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	return 0;
}

static void
test_a_message_arrives_with_its_descriptor(void **state)
{
	uint8_t room[64], got[64];
	FD_OWN int null = open("/dev/null", O_RDONLY | O_CLOEXEC), fd = -1;
	struct buf b;
	uint16_t type;
	uint32_t id;

	(void)state;
	ipc_begin(&b, room, sizeof(room), 0x123, 9);
	buf_put_u8(&b, 5);
	assert_int_equal(ipc_send(ends[0], &b, null), 0);
	assert_int_equal(ipc_recv(ends[1], 0, got, sizeof(got), &b, &type, &id, &fd), 0);
	assert_int_equal(type, 0x123);
	assert_int_equal(id, 9);
	assert_int_equal(buf_get_u8(&b), 5);
	assert_true(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
}

/* The padding behind one descriptor has room for a second; the kernel calls that complete. */
static void
test_two_descriptors_are_refused_and_neither_is_kept(void **state)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	uint8_t room[64];
	struct buf b;
	int fds[2], got = -1, before;
	struct iovec part;
	struct msghdr msg = { .msg_iov = &part,
			      .msg_iovlen = 1,
			      .msg_control = control.room,
			      .msg_controllen = sizeof(control.room) };
	uint16_t type;
	uint32_t id;

	(void)state;
	fds[0] = fds[1] = ends[0];
	ipc_begin(&b, room, sizeof(room), 1, 0);
	part = (struct iovec) { .iov_base = room, .iov_len = b.end };
	control.head = (struct cmsghdr) { .cmsg_level = SOL_SOCKET,
					  .cmsg_type = SCM_RIGHTS,
					  .cmsg_len = CMSG_LEN(sizeof(fds)) };
	memcpy(CMSG_DATA(&control.head), fds, sizeof(fds));
	assert_true(sendmsg(ends[0], &msg, 0) > 0);
	before = dup(ends[0]);
	assert_int_equal(close(before), 0);
	assert_int_equal(ipc_recv(ends[1], 0, room, sizeof(room), &b, &type, &id, &got), -EBADMSG);
	assert_int_equal(got, -1);
	assert_int_equal(dup(ends[0]), before);
	close(before);
}

/* In a process that may not pass more descriptors than it may open, and sends one too many. */
static int
send_in_a_crowd(void)
{
	const struct rlimit few = { .rlim_cur = 32, .rlim_max = 32 };
	uint8_t room[64], got[64];
	int crowd[2], err = 0, passed = 0;
	struct buf b;
	uint16_t type;
	uint32_t id;

	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0 || setrlimit(RLIMIT_NOFILE, &few) < 0 ||
	    ipc_pair(crowd) < 0)
		return 1;
	ipc_begin(&b, room, sizeof(room), 1, 1);
	while (passed < 100 && (err = ipc_send_now(crowd[0], &b, 0)) == 0)
		passed++;
	if (err != -ETOOMANYREFS)
		return 2;
	if (fork() == 0) {
		poll(NULL, 0, 50);
		while (ipc_recv(crowd[1], MSG_DONTWAIT, got, sizeof(got), &b, &type, &id, NULL) ==
		       0)
			;
		_exit(0);
	}
	return ipc_send(ends[0], &b, 0) == 0 ? 0 : 3;
}

static void
test_a_descriptor_waits_while_too_many_are_under_way(void **state)
{
	int status = -1;
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0)
		_exit(send_in_a_crowd());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
test_a_descriptor_that_nobody_asked_for_is_dropped(void **state)
{
	uint8_t room[64], got[64];
	int before = dup(0), after;
	struct buf b;
	uint16_t type;
	uint32_t id;

	(void)state;
	close(before);
	ipc_begin(&b, room, sizeof(room), 1, 1);
	assert_int_equal(ipc_send(ends[0], &b, 0), 0);
	assert_int_equal(ipc_recv(ends[1], 0, got, sizeof(got), &b, &type, &id, NULL), 0);
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

static void
test_a_cut_or_short_message_is_bad(void **state)
{
	uint8_t room[128] = { 0 }, got[64];
	struct buf b;
	uint16_t type;
	uint32_t id;

	(void)state;
	assert_int_equal(send(ends[0], room, sizeof(room), 0), sizeof(room));
	assert_int_equal(ipc_recv(ends[1], 0, got, sizeof(got), &b, &type, &id, NULL), -EBADMSG);
	assert_int_equal(send(ends[0], room, 3, 0), 3);
	assert_int_equal(ipc_recv(ends[1], 0, got, sizeof(got), &b, &type, &id, NULL), -EBADMSG);
	fd_close(&ends[0]);
	assert_int_equal(ipc_recv(ends[1], 0, got, sizeof(got), &b, &type, &id, NULL), -EPIPE);
}

static void
note_answer(void *ctx, int err, const char *why, struct buf *b, int *fd)
{
	int **next = ctx;

	(void)why, (void)b, (void)fd;
	*(*next)++ = err;
}

static void
answer(uint32_t id, int err)
{
	uint8_t room[64];
	struct buf b;

	answer_begin(&b, room, sizeof(room), 1, id, err, "");
	assert_int_equal(ipc_send(ends[1], &b, -1), 0);
}

static void
ask_one(struct ask *a, int **next)
{
	uint8_t room[16];
	struct buf b;

	ask_begin(a, &b, room, sizeof(room), 1);
	assert_int_equal(ask_send(a, &b, note_answer, next), 0);
}

static void
test_answers_come_in_order(void **state)
{
	struct ask *a = ask_new(fd_give(&ends[0]));
	int got[4] = { 1, 1, 1, 1 }, *next = got;

	(void)state;
	ask_one(a, &next);
	ask_one(a, &next);
	answer(0, 0);
	answer(1, -ENOENT);
	assert_int_equal(ask_pump(a), 0);
	assert_int_equal(got[0], 0);
	assert_int_equal(got[1], -ENOENT);
	assert_int_equal(ask_open(a), 0);
	ask_free(a);
}

/* How many messages are there? */
static int
count_messages(int sock)
{
	uint8_t room[64];
	int n = 0;

	while (recv(sock, room, sizeof(room), MSG_DONTWAIT) > 0)
		n++;
	return n;
}

static void
test_gathered_questions_leave_together_and_none_is_lost(void **state)
{
	struct ask *a = ask_new(fd_give(&ends[0]));
	int got[IPC_BATCH_MAX + 3] = { 0 }, *next = got;

	(void)state;
	ask_gather(a);
	for (int i = 0; i < IPC_BATCH_MAX; i++)
		ask_one(a, &next);
	assert_int_equal(count_messages(ends[1]), 0);
	ask_one(a, &next);
	assert_int_equal(count_messages(ends[1]), IPC_BATCH_MAX);
	ask_flush(a);
	assert_int_equal(count_messages(ends[1]), 1);
	ask_flush(a);
	ask_one(a, &next);
	ask_one(a, &next);
	assert_int_equal(ask_pump(a), 0); /* sends, too */
	assert_int_equal(count_messages(ends[1]), 2);
	for (unsigned int i = 0; i < IPC_BATCH_MAX + 3; i++)
		answer(i, -(int)i);
	assert_int_equal(ask_pump(a), 0);
	for (int i = 0; i < IPC_BATCH_MAX + 3; i++)
		assert_int_equal(got[i], -i);
	ask_free(a);
}

static void
test_gathered_questions_wait_for_a_full_socket_in_order(void **state)
{
	struct ask *a = ask_new(fd_give(&ends[0]));
	int got[ASK_MAX], *next = got, room = 1, count = 0;
	uint8_t big[500], in[600];
	struct buf b;
	uint16_t type;
	uint32_t id;

	(void)state;
	assert_int_equal(setsockopt(ask_fd(a), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	ask_gather(a);
	for (int i = 0; i < ASK_MAX; i++) {
		ask_begin(a, &b, big, sizeof(big), 1);
		while (b.end < sizeof(big))
			buf_put_u8(&b, (uint8_t)i);
		assert_int_equal(ask_send(a, &b, note_answer, &next), 0);
	}
	ask_flush(a);
	assert_true(ask_events(a) & POLLOUT);
	while (count < ASK_MAX) {
		int err = ipc_recv(ends[1], MSG_DONTWAIT, in, sizeof(in), &b, &type, &id, NULL);

		if (err == -EAGAIN) {
			assert_int_equal(ask_pump(a), 0);
			continue;
		}
		assert_int_equal(err, 0);
		assert_int_equal(id, count);
		assert_int_equal(in[499], count++);
	}
	ask_free(a);
}

static void
test_an_answer_out_of_order_gives_the_channel_up(void **state)
{
	struct ask *a = ask_new(fd_give(&ends[0]));
	int got[4] = { 1, 1, 1, 1 }, *next = got;

	(void)state;
	ask_one(a, &next);
	ask_one(a, &next);
	answer(1, 0);
	assert_int_equal(ask_pump(a), -EBADMSG);
	assert_int_equal(got[0], -EPIPE);
	assert_int_equal(got[1], -EPIPE);
	ask_free(a);
}

static void
test_what_is_told_expects_no_answer(void **state)
{
	struct ask *a = ask_new(fd_give(&ends[0]));
	uint8_t room[16], got[64];
	int results[1] = { 1 }, *next = results;
	struct buf b;
	uint16_t type;
	uint32_t id;

	(void)state;
	ask_begin(a, &b, room, sizeof(room), 1);
	assert_int_equal(ask_send(a, &b, NULL, NULL), 0);
	assert_int_equal(ask_open(a), 0);
	assert_int_equal(ipc_recv(ends[1], 0, got, sizeof(got), &b, &type, &id, NULL), 0);
	assert_true(id & ASK_TELL);
	ask_one(a, &next);
	assert_int_equal(ipc_recv(ends[1], 0, got, sizeof(got), &b, &type, &id, NULL), 0);
	assert_false(id & ASK_TELL);
	answer(id, 0);
	assert_int_equal(ask_pump(a), 0);
	assert_int_equal(results[0], 0);
	ask_free(a);
}

static void
test_questions_are_bounded(void **state)
{
	struct ask *a = ask_new(fd_give(&ends[0]));
	int got[ASK_MAX + 1], *next = got;
	uint8_t room[16];
	struct buf b;

	(void)state;
	for (int i = 0; i < ASK_MAX; i++)
		ask_one(a, &next);
	ask_begin(a, &b, room, sizeof(room), 1);
	assert_int_equal(ask_send(a, &b, note_answer, NULL), -EBUSY);
	ask_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_put_is_what_is_taken),
		cmocka_unit_test(test_a_failure_sticks_until_the_end),
		cmocka_unit_test(test_text_with_a_zero_byte_is_no_text),
		cmocka_unit_test(test_left_over_bytes_are_a_bad_message),
		cmocka_unit_test(test_numbers_from_outside),
		cmocka_unit_test(test_cut_text_says_so_and_stays_ended),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_log_values_are_one_harmless_word),
		cmocka_unit_test(test_a_rate_lets_a_burst_pass_and_then_no_more),
		cmocka_unit_test_setup_teardown(test_a_message_arrives_with_its_descriptor,
						make_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_two_descriptors_are_refused_and_neither_is_kept, make_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_a_descriptor_waits_while_too_many_are_under_way, make_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_a_descriptor_that_nobody_asked_for_is_dropped,
						make_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_a_cut_or_short_message_is_bad, make_pair,
						close_pair),
		cmocka_unit_test_setup_teardown(test_answers_come_in_order, make_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_gathered_questions_leave_together_and_none_is_lost, make_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_gathered_questions_wait_for_a_full_socket_in_order, make_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_an_answer_out_of_order_gives_the_channel_up,
						make_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_what_is_told_expects_no_answer, make_pair,
						close_pair),
		cmocka_unit_test_setup_teardown(test_questions_are_bounded, make_pair, close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
