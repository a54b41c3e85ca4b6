/* SPDX-License-Identifier: ISC */
/*
 * ipc.c - datagrams with a head and at most one descriptor.
 * Must not: know what a message means. Every sender and receiver of ours goes through here.
 */
#include "server/base/ipc.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "server/base/clock.h"
#include "server/base/fd.h"

int
ipc_pair(int ret_ends[2])
{
	/* Room for a full listing in flight both ways; the kernel charges twice the bytes. */
	const int room = 512 * 1024;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_ends) < 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		(void)setsockopt(ret_ends[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return 0;
}

void
ipc_begin(struct buf *b, void *storage, size_t size, uint16_t type, uint32_t id)
{
	buf_init(b, storage, size);
	buf_put_u16(b, type);
	buf_put_u32(b, id);
}

int
ipc_send_now(int sock, const struct buf *b, int pass_fd)
{
	struct iovec part = { .iov_base = b->at, .iov_len = b->end };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	ssize_t n;

	if (b->bad || b->end > IPC_MESSAGE_MAX)
		return -EMSGSIZE;
	if (pass_fd >= 0) {
		memset(&control, 0, sizeof(control));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &pass_fd, sizeof(int));
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	return errno == EAGAIN || errno == ENOBUFS ? -EAGAIN
	       : errno == ECONNRESET		   ? -EPIPE
						   : -errno;
}

int
ipc_send(int sock, const struct buf *b, int pass_fd)
{
	uint64_t deadline = clock_after(IPC_SEND_MS);
	int err;

	while ((err = ipc_send_now(sock, b, pass_fd)) == -EAGAIN) {
		struct pollfd wait = { .fd = sock, .events = POLLOUT };

		if (clock_ms() >= deadline)
			return -ETIMEDOUT;
		if (poll(&wait, 1, clock_poll(deadline)) < 0 && errno != EINTR)
			return -errno;
	}
	return err;
}

static int
take_fd(struct msghdr *msg)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(msg);
	int fd;

	if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS ||
	    head->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

int
ipc_recv(int sock, int flags, void *storage, size_t size, struct buf *b, uint16_t *ret_type,
	 uint32_t *ret_id, int *ret_fd)
{
	struct iovec part = { .iov_base = storage, .iov_len = size };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	FD_OWN int fd = -1;
	uint16_t type;
	uint32_t id;
	ssize_t n;

	if (ret_fd) {
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
	}
	do
		n = recvmsg(sock, &msg, flags | (ret_fd ? MSG_CMSG_CLOEXEC : 0));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (ret_fd)
		fd = take_fd(&msg);
	if (n == 0)
		return -EPIPE;
	/* MSG_CTRUNC without a descriptor asked for is a stranger's attachment that the kernel
	 * dropped. */
	if ((msg.msg_flags & MSG_TRUNC) || (ret_fd && (msg.msg_flags & MSG_CTRUNC)))
		return -EBADMSG;
	buf_init_read(b, storage, (size_t)n);
	type = buf_get_u16(b);
	id = buf_get_u32(b);
	if (b->bad)
		return -EBADMSG;
	*ret_type = type;
	*ret_id = id;
	if (ret_fd)
		*ret_fd = fd_give(&fd);
	return 0;
}
