/* SPDX-License-Identifier: ISC */
/* gate_in.h - what the files of gate share. */
#ifndef SERVER_GATE_IN_H
#define SERVER_GATE_IN_H

#include <poll.h>

#include "conf/conf.h"
#include "server/base/buf.h"
#include "server/gate.h"

/* What is polled, and who wants to know: made anew for every turn. */
struct gate_polls {
	struct pollfd *at;
	size_t count, max;
};

static inline void
gate_poll(struct gate_polls *p, int fd)
{
	if (p->count < p->max)
		p->at[p->count++] = (struct pollfd) { .fd = fd, .events = POLLIN };
}

/* gate_ports.c - sessions, their ports, and who comes to them. Sizes are fixed by conf. */
void gate_ports_init(const struct conf *conf);
size_t gate_ports_max(void);
bool gate_ports_any(void);
/* A session; takes sock. */
void gate_ports_client(int sock, const struct sockaddr_storage *local,
		       const struct sockaddr_storage *peer);
void gate_ports_poll(struct gate_polls *p);
/* When to look again although nothing was polled for; CLOCK_NEVER: not before. */
uint64_t gate_ports_deadline(void);
/* Looks at what polled from index first on; must follow gate_ports_poll(). */
void gate_ports_pump(const struct gate_polls *p, size_t first);
/* Who came to a port from this address, maybe by way of a header: to its session, or closed. */
void gate_ports_came(int fd, const struct sockaddr_storage *local,
		     const struct sockaddr_storage *peer, uint16_t port);

/* gate_headers.c - connections in front of which a PROXY header is being read. */
#define GATE_HEADERS 64
enum gate_for { GATE_FOR_DOOR, GATE_FOR_PORT };
/* Takes fd. number is the door or the port; local is where the port is. */
void gate_header_begin(enum gate_for what, uint32_t number, int fd,
		       const struct sockaddr_storage *local);
uint64_t gate_headers_deadline(void);
void gate_headers_poll(struct gate_polls *p);
void gate_headers_pump(const struct gate_polls *p, size_t first, int control);

/* An address out of a message: IPv4 or IPv6. */
bool gate_get_address(struct buf *b, struct sockaddr_storage *ret);

#endif
