/* SPDX-License-Identifier: ISC */
/* test_ipc.c - messages between processes, and the descriptors that travel with them. */
#include "tests/unit/pair_fixture.h"

#include <cap-ng.h>
#include <sys/resource.h>
#include <sys/wait.h>

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR(test_a_message_arrives_with_its_descriptor),
		PAIR(test_two_descriptors_are_refused_and_neither_is_kept),
		PAIR(test_a_descriptor_waits_while_too_many_are_under_way),
		PAIR(test_a_descriptor_that_nobody_asked_for_is_dropped),
		PAIR(test_a_cut_or_short_message_is_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
