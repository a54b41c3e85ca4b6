/* SPDX-License-Identifier: ISC */
/* gate_call.c - the asking sides of gate.h: listener and worker. */
#include "server/gate.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/gate_in.h"
#include "server/gate_msg.h"

int
gate_connect(int control, const struct sockaddr_storage *local, const struct sockaddr_storage *peer,
	     int *ret_sock)
{
	uint8_t room[GATE_MSG_MAX];
	int ends[2], err;
	struct buf b;

	err = ipc_pair(ends);
	if (err < 0)
		return err;
	ipc_begin(&b, room, sizeof(room), GATE_MSG_CLIENT, 0);
	buf_put_string(&b, local, sizeof(*local));
	buf_put_string(&b, peer, sizeof(*peer));
	err = ipc_send_now(control, &b, ends[1]);
	fd_close(&ends[1]);
	if (err < 0)
		fd_close(&ends[0]);
	else
		*ret_sock = ends[0];
	return err;
}

int
gate_read_header(int control, uint32_t door, int fd)
{
	uint8_t room[64];
	struct buf b;

	ipc_begin(&b, room, sizeof(room), GATE_MSG_HEADER, 0);
	buf_put_u32(&b, door);
	return ipc_send_now(control, &b, fd);
}

bool
gate_get_address(struct buf *b, struct sockaddr_storage *ret)
{
	size_t len;
	const uint8_t *at = buf_get_string(b, &len);

	if (!at || len != sizeof(*ret))
		return false;
	memcpy(ret, at, sizeof(*ret));
	return ret->ss_family == AF_INET || ret->ss_family == AF_INET6;
}

int
gate_headed(int control, struct gate_headed *ret)
{
	uint8_t room[GATE_MSG_MAX];
	FD_OWN int fd = -1;
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err = ipc_recv(control, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, &fd);

	if (err < 0)
		return err;
	ret->door = buf_get_u32(&b);
	if (type != GATE_MSG_HEADED || fd < 0 || !gate_get_address(&b, &ret->peer) ||
	    !gate_get_address(&b, &ret->local) || buf_done(&b) < 0)
		return -EBADMSG;
	ret->fd = fd_give(&fd);
	return 0;
}

int
gate_listen(int sock, uint16_t *ret_port, int *ret_line)
{
	struct pollfd wait = { .fd = sock, .events = POLLIN };
	uint8_t room[64];
	FD_OWN int line = -1;
	struct buf b;
	uint16_t type, port;
	uint32_t id, err;

	ipc_begin(&b, room, sizeof(room), GATE_MSG_LISTEN, 0);
	if (ipc_send(sock, &b, -1) < 0 || poll(&wait, 1, IPC_SEND_MS) <= 0 ||
	    ipc_recv(sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, &line) < 0)
		return -EPIPE;
	err = buf_get_u32(&b);
	port = buf_get_u16(&b);
	if (type != GATE_MSG_PORT || buf_done(&b) < 0 || err > 4095 || (err == 0) != (line >= 0))
		return -EPIPE;
	if (err == 0) {
		*ret_port = port;
		*ret_line = fd_give(&line);
	}
	return -(int)err;
}
