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
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"

/*
 * The kernel counts the descriptors that a user has under way, over all his processes, and refuses
 * more with ETOOMANYREFS. Some arrive at any moment; this is how long until the next try.
 */
#define CROWDED_MS 5

int
ipc_line(int ret_ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_ends) < 0 ? -errno : 0;
}

int
ipc_pair(int ret_ends[2])
{
	/* Room for a full listing in flight both ways; the kernel charges twice the bytes. */
	const int room = 512 * 1024;
	int err = ipc_line(ret_ends);

	if (err < 0)
		return err;
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

void
ipc_set_id(const struct buf *b, uint32_t id)
{
	struct buf head;

	buf_init(&head, b->at + sizeof(uint16_t), sizeof(id));
	buf_put_u32(&head, id);
}

/* What goes beside a message: room for one descriptor. */
union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

static void
attach(struct msghdr *msg, union control *control, int fd)
{
	if (fd < 0)
		return;
	memset(control, 0, sizeof(*control));
	control->head.cmsg_level = SOL_SOCKET;
	control->head.cmsg_type = SCM_RIGHTS;
	control->head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control->head), &fd, sizeof(int));
	msg->msg_control = control->room;
	msg->msg_controllen = sizeof(control->room);
}

/* How a send failed: -EAGAIN when there is no room now. */
static int
send_error(void)
{
	return errno == EAGAIN || errno == ENOBUFS ? -EAGAIN
	       : errno == ECONNRESET		   ? -EPIPE
						   : -errno;
}

int
ipc_send_now(int sock, const struct buf *b, int pass_fd)
{
	struct iovec part = { .iov_base = b->at, .iov_len = b->end };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
	union control control;
	ssize_t n;

	if (b->bad || b->end > IPC_MESSAGE_MAX)
		return -EMSGSIZE;
	attach(&msg, &control, pass_fd);
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? 0 : send_error();
}

static bool
may_go_later(int err)
{
	return err == -EAGAIN || err == -ETOOMANYREFS;
}

/*
 * Waits for room, or for fewer descriptors under way, in which case the socket has room and only
 * time helps. Returns 0, or -ETIMEDOUT when it has taken too long.
 */
static int
wait_for_room(int sock, int why, uint64_t deadline)
{
	struct pollfd wait = { .fd = sock, .events = POLLOUT };
	const bool crowded = why == -ETOOMANYREFS;

	if (clock_ms() >= deadline)
		return -ETIMEDOUT;
	if (poll(&wait, crowded ? 0 : 1, crowded ? CROWDED_MS : clock_poll(deadline)) < 0 &&
	    errno != EINTR)
		return -errno;
	return 0;
}

int
ipc_send(int sock, const struct buf *b, int pass_fd)
{
	uint64_t deadline = 0;
	int err;

	while (may_go_later(err = ipc_send_now(sock, b, pass_fd))) {
		deadline = deadline ? deadline : clock_after(IPC_SEND_MS);
		err = wait_for_room(sock, err, deadline);
		if (err < 0)
			return err;
	}
	return err;
}

bool
ipc_batch_put(struct ipc_batch *t, const struct buf *b, int pass_fd)
{
	if (b->bad || t->count == IPC_BATCH_MAX || b->end > sizeof(t->room) - t->used)
		return false;
	memcpy(t->room + t->used, b->at, b->end);
	t->out[t->count].at = t->used;
	t->out[t->count].len = b->end;
	t->out[t->count].fd = pass_fd;
	t->count++;
	t->used += b->end;
	return true;
}

void
ipc_batch_clear(struct ipc_batch *t)
{
	t->count = 0;
	t->used = 0;
}

int
ipc_batch_send_now(int sock, struct ipc_batch *t, unsigned int *sent)
{
	struct mmsghdr all[IPC_BATCH_MAX];
	struct iovec parts[IPC_BATCH_MAX];
	union control controls[IPC_BATCH_MAX];

	memset(all, 0, sizeof(all));
	for (unsigned int i = *sent; i < t->count; i++) {
		parts[i].iov_base = t->room + t->out[i].at;
		parts[i].iov_len = t->out[i].len;
		all[i].msg_hdr.msg_iov = &parts[i];
		all[i].msg_hdr.msg_iovlen = 1;
		attach(&all[i].msg_hdr, &controls[i], t->out[i].fd);
	}
	while (*sent < t->count) {
		int n = sendmmsg(sock, all + *sent, t->count - *sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EINTR)
			return send_error();
		*sent += n > 0 ? (unsigned int)n : 0;
	}
	return 0;
}

int
ipc_batch_send(int sock, struct ipc_batch *t)
{
	unsigned int sent = 0;
	uint64_t deadline = 0;
	int err;

	while (may_go_later(err = ipc_batch_send_now(sock, t, &sent))) {
		deadline = deadline ? deadline : clock_after(IPC_SEND_MS);
		err = wait_for_room(sock, err, deadline);
		if (err < 0)
			break;
	}
	ipc_batch_clear(t);
	return err;
}

/* -EBADMSG: there are more than one, as the padding has room for a second. They are closed. */
static int
take_fd(struct msghdr *msg, int *ret_fd)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(msg);
	size_t count;

	if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
		return 0;
	count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (count == 1) {
		memcpy(ret_fd, CMSG_DATA(head), sizeof(*ret_fd));
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(head) + i * sizeof(fd), sizeof(fd));
		close(fd);
	}
	return -EBADMSG;
}

int
ipc_recv(int sock, int flags, void *storage, size_t size, struct buf *b, uint16_t *ret_type,
	 uint32_t *ret_id, int *ret_fd)
{
	struct iovec part = { .iov_base = storage, .iov_len = size };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
	union control control;
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
	if (ret_fd && take_fd(&msg, &fd) < 0)
		return -EBADMSG;
	if (n == 0)
		return -EPIPE;
	/*
	 * MSG_CTRUNC without a descriptor asked for is a stranger's attachment that the kernel
	 * dropped.
	 */
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
