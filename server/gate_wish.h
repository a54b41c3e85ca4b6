/* SPDX-License-Identifier: ISC */
/*
 * gate_wish.h - tables of gate: sessions, the ports that are open, and which session wants which.
 * Their sizes are fixed by conf.
 */
#ifndef SERVER_GATE_WISH_H
#define SERVER_GATE_WISH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "conf/conf.h"
#include "server/base/mem.h"

/* A session. */
struct gate_client {
	int sock; /* -1: the row is free */
	struct sockaddr_storage local, peer;
};

/* A port that is open because of somebody's wish. */
struct gate_hold {
	int fd; /* -1: the row is free */
	uint16_t port;
	struct sockaddr_storage local;
	unsigned int wishes;
	bool logged; /* a stranger came */
};

/* The client wants who comes to the port from its peer's address. */
struct gate_wish {
	int line; /* -1: the row is free */
	uint64_t number;
	const struct gate_client *client;
	struct gate_hold *hold;
	bool served; /* somebody was handed over just now: left alone for SERVED_MS at most */
};

struct gate_wishes {
	const struct conf *conf;
	struct gate_client *clients;
	struct gate_hold *holds;
	struct gate_wish *wishes;
	size_t clients_max, wishes_max;
	size_t clients_end, holds_end, wishes_end; /* behind the last row that is not free */
	uint64_t number;
};

void gate_wish_init(struct gate_wishes *t, const struct conf *conf);

/* A session comes, with its socket, which is closed when there is no row; and goes. */
void gate_wish_add_client(struct gate_wishes *t, int sock, const struct sockaddr_storage *local,
			  const struct sockaddr_storage *peer);
void gate_wish_drop_client(struct gate_wishes *t, struct gate_client *c);

/*
 * A port for the session, opened if need be. Returns 0, the port and the session's end of the line,
 * or -errno. When it has too many, its oldest goes.
 */
int gate_wish_new(struct gate_wishes *t, const struct gate_client *c, uint16_t *ret_port,
		  int *ret_end) MUST_CHECK;
/* Ends the line; a port that nobody wants any more is closed. */
void gate_wish_drop(struct gate_wishes *t, struct gate_wish *w);

/* Who wants somebody from that address at the port? NULL: nobody. */
struct gate_wish *gate_wish_find(const struct gate_wishes *t, const struct gate_hold *h,
				 const struct sockaddr_storage *peer);
/* The port, if it is open. */
struct gate_hold *gate_wish_find_hold(const struct gate_wishes *t,
				      const struct sockaddr_storage *local, uint16_t port);

#endif
