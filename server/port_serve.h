/* SPDX-License-Identifier: ISC */
/*
 * port_serve.h - the answering side of port.h: worker's. Addresses come from monitor, never from
 * wire.
 */
#ifndef SERVER_PORT_SERVE_H
#define SERVER_PORT_SERVE_H

#include <stdint.h>
#include <sys/socket.h>

#include "conf/conf.h"
#include "server/base/buf.h"

struct port_serve {
	const struct conf *conf;
	int gate;			     /* gate.h; -1: nothing passive */
	struct sockaddr_storage local, peer; /* of the control connection */
};

/* As vfs_serve_message(): 0, -EBADMSG (the session ends), or -errno of the sending. */
int port_serve_message(struct port_serve *p, int sock, uint16_t type, uint32_t id,
		       struct buf *b) MUST_CHECK;

#endif
