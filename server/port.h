/* SPDX-License-Identifier: ISC */
/*
 * port.h - sockets for FTP data connections. Gate holds the passive ports and gives what comes to
 * them to the session of its address (gate.h); worker makes active ones; wire can create none. It
 * checks the peer once more, and speaks TLS. Asked over the same channel as vfs.h, so answers come
 * in order with those.
 */
#ifndef SERVER_PORT_H
#define SERVER_PORT_H

#include <stdint.h>
#include <sys/socket.h>

#include "server/base/ask.h"

struct port_reply {
	int err; /* 0, -EADDRINUSE (no passive port is free), -EPERM (active mode is off), -errno */
	const char *why; /* words for the client */
	uint16_t port;	 /* listen: the port */
	int *
	    fd; /* listen: the line for port_accept(); connect: a connecting socket, non-blocking */
};

typedef void port_fn(void *ctx, struct port_reply *reply);

/*
 * A passive port at random in the range, on the address that the control connection reached, for
 * connections from its peer. Closing the line gives it back.
 */
int port_listen(struct ask *a, port_fn *fn, void *ctx) MUST_CHECK;
/* The next connection that came: non-blocking. Returns 0, -EAGAIN, or -EPIPE: no more will come. */
int port_accept(int line, int *ret_fd) MUST_CHECK;
/* A connection to the peer of the control connection at this port (active mode). */
int port_connect(struct ask *a, uint16_t port, port_fn *fn, void *ctx) MUST_CHECK;

#endif
