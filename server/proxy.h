/* SPDX-License-Identifier: ISC */
/*
 * proxy.h - PROXY protocol, versions 1 and 2 (haproxy.org, doc/proxy-protocol.txt): what a load
 * balancer puts in front of a connection, to say where that came from. Pure.
 */
#ifndef SERVER_PROXY_H
#define SERVER_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/base/mem.h"

/* Of version 2: its head and the most that we read behind it (addresses and extensions). */
#define PROXY_MAX (16 + 2048)

struct proxy {
	size_t len; /* of the header: what is behind belongs to the client */
	bool local; /* no addresses: the balancer itself asks, or does not know */
	struct sockaddr_storage peer, reached;
};

/*
 * Looks at the first bytes of a connection. Returns 0, -EAGAIN (more is needed), or -EBADMSG (this
 * is no such header, or none of TCP).
 */
int proxy_parse(const uint8_t *at, size_t len, struct proxy *ret) MUST_CHECK;

#endif
