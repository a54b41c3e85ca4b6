/* SPDX-License-Identifier: ISC */
/*
 * port.h - sockets for FTP data connections. Worker makes them (it owns no privilege, and wire can
 * create none); wire accepts, checks the peer, and speaks TLS on them. Asked over the same channel as
 * vfs.h, so answers come in order with those.
 */
#ifndef SERVER_PORT_H
#define SERVER_PORT_H

#include <stdint.h>
#include <sys/socket.h>

#include "server/base/ask.h"

struct port_reply {
	int err;	 /* 0, -EADDRINUSE (no passive port is free), -EPERM (active mode is off), -errno */
	const char *why; /* words for the client */
	uint16_t port;	 /* listen: the port */
	int *fd;	 /* listen: a listening socket; connect: a connecting one, non-blocking */
};

typedef void port_fn(void *ctx, struct port_reply *reply);

/* A listening socket on the address that the control connection reached, port at random in the range. */
int port_listen(struct ask *a, port_fn *fn, void *ctx) MUST_CHECK;
/* A connection to the peer of the control connection at this port (active mode). */
int port_connect(struct ask *a, uint16_t port, port_fn *fn, void *ctx) MUST_CHECK;

#endif
