/* SPDX-License-Identifier: ISC */
/*
 * gate.c - the process that holds passive ports and reads PROXY headers. It owns nothing: no user,
 * no file, no key. Distrusts: workers, and the bytes of balancers. Trusts: listener.
 */
#include "server/gate.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/gate_in.h"
#include "server/gate_msg.h"
#include "server/process.h"

static void
hear_listener(int *control)
{
	static const struct sockaddr_storage nowhere;
	struct sockaddr_storage local, peer;
	uint8_t room[GATE_MSG_MAX];
	FD_OWN int fd = -1;
	struct buf b;
	uint16_t type;
	uint32_t id, door;
	int err = ipc_recv(*control, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, &fd);

	if (err == -EAGAIN)
		return;
	if (err == 0 && fd >= 0 && type == GATE_MSG_CLIENT && gate_get_address(&b, &local) &&
	    gate_get_address(&b, &peer) && buf_done(&b) == 0) {
		gate_ports_client(fd_give(&fd), &local, &peer);
	} else if (err == 0 && fd >= 0 && type == GATE_MSG_HEADER) {
		door = buf_get_u32(&b);
		if (buf_done(&b) == 0)
			gate_header_begin(GATE_FOR_DOOR, door, fd_give(&fd), &nowhere);
	} else {
		fd_close(control);
	}
}

NORETURN static void
serve_all(int control)
{
	struct gate_polls p = { .max = 1 + GATE_HEADERS + gate_ports_max() };

	p.at = mem_new(p.max, sizeof(*p.at));
	while (control >= 0 || gate_ports_any()) {
		size_t headers_at, ports_at;
		uint64_t until;

		p.count = 0;
		gate_poll(&p, control); /* poll(2) passes over -1 */
		headers_at = p.count;
		gate_headers_poll(&p);
		ports_at = p.count;
		gate_ports_poll(&p);
		until = clock_first(gate_headers_deadline(), gate_ports_deadline());
		if (poll(p.at, p.count, clock_poll(until)) < 0) {
			if (errno == EINTR)
				continue;
			die("poll: %s", strerror(errno));
		}
		gate_ports_pump(&p, ports_at);
		p.count = ports_at;
		gate_headers_pump(&p, headers_at, control);
		if (p.at[0].revents)
			hear_listener(&control);
	}
	_exit(0);
}

void
gate_run(const struct conf *conf, const struct sandbox_ids *ids, int control)
{
	process_name("gate", "coffer-gate", "%s", "");
	process_stdio();
	/* ^C and a stop are the listener's; this process ends when its sockets do. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	gate_ports_init(conf);
	sandbox_gate(conf, ids);
	serve_all(control);
}
