/* SPDX-License-Identifier: ISC */
/*
 * port_serve.c - ways for data connections, in worker: a passive port from gate, or an active
 * connection. Owns: connect of a session. Must not: use an address that wire named. An active
 * connection goes to the peer of the control connection and to no privileged port.
 */
#include "server/port_serve.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "server/base/ask.h"

#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/text.h"
#include "server/gate.h"
#include "server/port_msg.h"

static void
set_port(struct sockaddr_storage *a, uint16_t port)
{
	if (a->ss_family == AF_INET6)
		((struct sockaddr_in6 *)a)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)a)->sin_port = htons(port);
}

static socklen_t
addr_len(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static int
new_socket(int family, int *ret_fd)
{
	const int on = 1;
	FD_OWN int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	/* A port in TIME_WAIT is free for us; one that listens is not. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return -errno;
	*ret_fd = fd_give(&fd);
	return 0;
}

static int
serve_listen(struct port_serve *p, int sock, uint32_t id, struct buf *question)
{
	uint8_t room[512];
	FD_OWN int fd = -1;
	char why[160] = "";
	struct text words;
	struct buf b;
	uint16_t port = 0;
	int err;

	if (buf_done(question) < 0)
		return -EBADMSG;
	err = p->gate >= 0 ? gate_listen(p->gate, &port, &fd) : -EPIPE;
	text_init(&words, why, sizeof(why));
	if (err == -EADDRINUSE)
		text_printf(
		    &words,
		    "All passive ports (%u-%u) are in use; try again in a moment, or ask the "
		    "administrator for a larger range.",
		    p->conf->ftps.passive_first, p->conf->ftps.passive_last);
	else if (err == -EPIPE)
		text_puts(&words, "The server lost its passive ports; please connect again.");
	answer_begin(&b, room, sizeof(room), PORT_MSG_LISTEN, id, err, why);
	if (err == 0)
		buf_put_u16(&b, port);
	return ipc_send(sock, &b, fd);
}

static int
connect_to_peer(const struct port_serve *p, uint16_t port, int *ret_fd)
{
	struct sockaddr_storage from = p->local, to = p->peer;
	FD_OWN int fd = -1;
	int err = new_socket(to.ss_family, &fd);

	if (err < 0)
		return err;
	/*
	 * Firewalls expect the address that the client knows, whatever the routing table prefers.
	 */
	set_port(&from, 0);
	if (bind(fd, (struct sockaddr *)&from, addr_len(&from)) < 0)
		return -errno;
	set_port(&to, port);
	if (connect(fd, (struct sockaddr *)&to, addr_len(&to)) < 0 && errno != EINPROGRESS)
		return -errno;
	*ret_fd = fd_give(&fd);
	return 0;
}

static int
serve_connect(struct port_serve *p, int sock, uint32_t id, struct buf *question)
{
	uint16_t port = buf_get_u16(question);
	const char *why = "";
	uint8_t room[512];
	FD_OWN int fd = -1;
	struct buf b;
	int err = 0;

	if (buf_done(question) < 0)
		return -EBADMSG;
	if (!p->conf->ftps.active) {
		err = -EPERM;
		why = "Active mode is off on this server; switch your client to passive mode.";
	} else if (port < 1024) {
		err = -EPERM;
		why = "Data connections to ports below 1024 are not made.";
	} else {
		err = connect_to_peer(p, port, &fd);
	}
	answer_begin(&b, room, sizeof(room), PORT_MSG_CONNECT, id, err, why);
	return ipc_send(sock, &b, fd);
}

int
port_serve_message(struct port_serve *p, int sock, uint16_t type, uint32_t id, struct buf *b)
{
	switch (type) {
	case PORT_MSG_LISTEN:
		return serve_listen(p, sock, id, b);
	case PORT_MSG_CONNECT:
		return serve_connect(p, sock, id, b);
	default:
		return -EBADMSG;
	}
}
