/* SPDX-License-Identifier: ISC */
/* test_ask.c - questions and answers: their order, their number, and how they leave together. */
#include "tests/unit/pair_fixture.h"

#include "server/base/ask.h"

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
		PAIR(test_answers_come_in_order),
		PAIR(test_gathered_questions_leave_together_and_none_is_lost),
		PAIR(test_gathered_questions_wait_for_a_full_socket_in_order),
		PAIR(test_an_answer_out_of_order_gives_the_channel_up),
		PAIR(test_what_is_told_expects_no_answer),
		PAIR(test_questions_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
