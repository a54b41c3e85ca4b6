/* SPDX-License-Identifier: ISC */
/*
 * test_ssh_shim.c - our recv, send and poll: the ring for one socket, the kernel for every other.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "protocols/sftp/ssh_shim.h"
#include "server/base/fd.h"

static int ours[2], other[2];

static int
open_sockets(void **state)
{
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ours), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
	ssh_shim_set(ours[0]);
	return 0;
}

static int
close_sockets(void **state)
{
	(void)state;
	ssh_shim_set(-1);
	for (int i = 0; i < 2; i++) {
		fd_close(&ours[i]);
		fd_close(&other[i]);
	}
	return 0;
}

static short
poll_one(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, timeout_ms) > 0 ? p.revents : 0;
}

static void
test_bytes_come_in_order_and_in_pieces(void **state)
{
	char room[4];

	(void)state;
	assert_int_equal(send(ours[1], "abcdef", 6, 0), 6);
	assert_false(ssh_shim_holds());
	assert_int_equal(recv(ours[0], room, 4, 0), 4);
	assert_memory_equal(room, "abcd", 4);
	assert_true(ssh_shim_holds());
	assert_int_equal(poll_one(ours[0], POLLIN, 0), POLLIN); /* the kernel has nothing more */
	assert_int_equal(recv(ours[0], room, 4, 0), 2);
	assert_memory_equal(room, "ef", 2);
	assert_false(ssh_shim_holds());
	assert_int_equal(poll_one(ours[0], POLLIN, 0), 0);
}

static void
test_the_end_is_seen_behind_the_last_byte(void **state)
{
	char room[8];

	(void)state;
	assert_int_equal(send(ours[1], "x", 1, 0), 1);
	fd_close(&ours[1]);
	assert_int_equal(recv(ours[0], room, 8, 0), 1);
	assert_int_equal(recv(ours[0], room, 8, 0), 0);
}

static void
test_other_sockets_are_left_to_the_kernel(void **state)
{
	char room[8];

	(void)state;
	assert_int_equal(poll_one(other[0], POLLIN, 0), 0);
	assert_int_equal(send(other[1], "abc", 3, 0), 3);
	assert_int_equal(poll_one(other[0], POLLIN, 0), POLLIN);
	assert_int_equal(recv(other[0], room, 8, MSG_PEEK), 3);
	assert_int_equal(recv(other[0], room, 2, 0), 2);
	assert_false(ssh_shim_holds());
	assert_int_equal(recv(other[0], room, 8, MSG_DONTWAIT), 1);
	assert_int_equal(recv(other[0], room, 8, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void
test_what_the_loop_saw_is_told_once(void **state)
{
	struct pollfd p = { .fd = ours[0], .events = POLLOUT };

	(void)state;
	assert_int_equal(ssh_shim_poll(&p, 1, 0), 1);
	assert_int_equal(poll_one(ours[0], POLLOUT, 0), POLLOUT);
	/* From here on the kernel is asked again, and says the same. */
	assert_int_equal(poll_one(ours[0], POLLIN | POLLOUT, 0), POLLOUT);
}

static void
test_a_full_socket_takes_nothing_and_is_no_error(void **state)
{
	static const uint8_t much[1 << 20];
	static uint8_t room[1 << 20];
	ssize_t n;

	(void)state;
	while ((n = send(ours[0], much, sizeof(much), MSG_DONTWAIT)) == (ssize_t)sizeof(much))
		;
	assert_true(n >= 0);
	while ((n = send(ours[0], much, sizeof(much), MSG_DONTWAIT)) > 0)
		;
	assert_int_equal(n, 0);
	/* Now the kernel is asked, until it has said that there is room. */
	assert_int_equal(poll_one(ours[0], POLLOUT, 0), 0);
	while (recv(ours[1], room, sizeof(room), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(poll_one(ours[0], POLLOUT, 0), POLLOUT);
	assert_int_equal(send(ours[0], much, 10, MSG_DONTWAIT), 10);
	assert_int_equal(poll_one(ours[0], POLLIN | POLLOUT, 0), POLLOUT);
	fd_close(&ours[1]);
	assert_int_equal(send(ours[0], much, 10, MSG_DONTWAIT | MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
}

static void
test_held_input_is_hidden_but_can_be_peeked(void **state)
{
	const uint8_t *at;
	char room[8];
	bool end;

	(void)state;
	ssh_shim_hold(true);
	assert_int_equal(send(ours[1], "SSH-", 4, 0), 4);
	assert_int_equal(ssh_shim_peek(&at, &end), 4);
	assert_int_equal(send(ours[1], "2.0\n", 4, 0), 4);
	assert_int_equal(ssh_shim_peek(&at, &end), 8);
	assert_memory_equal(at, "SSH-2.0\n", 8);
	assert_false(end);
	assert_false(ssh_shim_holds());
	assert_int_equal(poll_one(ours[0], POLLIN, 0), 0);
	assert_int_equal(poll_one(ours[0], POLLIN | POLLOUT, 0), POLLOUT);
	ssh_shim_hold(false);
	assert_int_equal(poll_one(ours[0], POLLIN, 0), POLLIN);
	assert_int_equal(recv(ours[0], room, 8, 0), 8);
	fd_close(&ours[1]);
	assert_int_equal(ssh_shim_peek(&at, &end), 0);
	assert_true(end);
}

#define WITH_SOCKETS(test) cmocka_unit_test_setup_teardown(test, open_sockets, close_sockets)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SOCKETS(test_bytes_come_in_order_and_in_pieces),
		WITH_SOCKETS(test_a_full_socket_takes_nothing_and_is_no_error),
		WITH_SOCKETS(test_the_end_is_seen_behind_the_last_byte),
		WITH_SOCKETS(test_other_sockets_are_left_to_the_kernel),
		WITH_SOCKETS(test_what_the_loop_saw_is_told_once),
		WITH_SOCKETS(test_held_input_is_hidden_but_can_be_peeked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
