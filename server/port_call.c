/* SPDX-License-Identifier: ISC */
/* port_call.c - the asking side of port.h, in wire. */
#include "server/port.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/gate_msg.h"
#include "server/port_msg.h"

struct call {
	port_fn *fn;
	void *ctx;
	bool has_port;
};

static void
answered(void *ctx, int err, const char *why, struct buf *b, int *fd)
{
	struct call call = *(struct call *)ctx;
	struct port_reply reply = { .err = err, .why = why, .fd = fd };

	free(ctx);
	if (err == 0) {
		if (call.has_port)
			reply.port = buf_get_u16(b);
		if (buf_done(b) < 0 || *fd < 0)
			reply.err = -EPIPE;
	}
	call.fn(call.ctx, &reply);
}

static int
send_call(struct ask *a, const struct buf *b, bool has_port, port_fn *fn, void *ctx)
{
	struct call *call = mem_new(1, sizeof(*call));
	int err;

	call->fn = fn;
	call->ctx = ctx;
	call->has_port = has_port;
	err = ask_send(a, b, answered, call);
	if (err < 0)
		free(call);
	return err;
}

int
port_listen(struct ask *a, port_fn *fn, void *ctx)
{
	uint8_t room[16];
	struct buf b;

	ask_begin(a, &b, room, sizeof(room), PORT_MSG_LISTEN);
	return send_call(a, &b, true, fn, ctx);
}

int
port_connect(struct ask *a, uint16_t port, port_fn *fn, void *ctx)
{
	uint8_t room[16];
	struct buf b;

	ask_begin(a, &b, room, sizeof(room), PORT_MSG_CONNECT);
	buf_put_u16(&b, port);
	return send_call(a, &b, false, fn, ctx);
}

int
port_accept(int line, int *ret_fd)
{
	uint8_t room[32];
	FD_OWN int fd = -1;
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err = ipc_recv(line, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, &fd);

	if (err == -EAGAIN)
		return err;
	if (err < 0 || type != GATE_MSG_CAME || buf_done(&b) < 0 || fd < 0)
		return -EPIPE;
	*ret_fd = fd_give(&fd);
	return 0;
}
