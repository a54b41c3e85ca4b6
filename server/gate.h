/* SPDX-License-Identifier: ISC */
/*
 * gate.h - one process that owns nothing holds the passive ports of all sessions, so that a port
 * serves several clients at one time: who connects to it is handed to the session of his address.
 * It also reads the PROXY headers of trusted load balancers, so that no process with rights reads a
 * byte that came over the network.
 *
 *	listener --control--> gate               sessions with their addresses; connections with a
 *	                                         header in front
 *	worker --its session's socket--> gate    "a port, please"; the answer is a line, which worker
 *	                                         gives to wire
 *	gate --line--> wire                      connections; when wire closes the line, the port is
 *	                                         given back
 */
#ifndef SERVER_GATE_H
#define SERVER_GATE_H

#include <stdint.h>
#include <sys/socket.h>

#include "conf/conf.h"
#include "server/sandbox.h"

/* Runs in a fresh fork until control and all sessions are gone; never returns. */
NORETURN void gate_run(const struct conf *conf, const struct sandbox_ids *ids, int control);

/*
 * A session's socket. local is where its ports will be, peer who may connect to them; nobody can
 * say something else later. Returns 0 or -errno.
 */
int gate_connect(int control, const struct sockaddr_storage *local,
		 const struct sockaddr_storage *peer, int *ret_sock) MUST_CHECK;

/* Hands over a connection that begins with a PROXY header; fd stays the caller's. 0 or -errno. */
int gate_read_header(int control, uint32_t door, int fd) MUST_CHECK;

struct gate_headed {
	uint32_t door;
	int fd;				     /* the caller's now */
	struct sockaddr_storage peer, local; /* as the header says */
};

/* The next one whose header was read. Returns 0, -EAGAIN, or -errno: gate is gone or mad. */
int gate_headed(int control, struct gate_headed *ret) MUST_CHECK;

/* In worker: a passive port, and the line for wire. Waits. Returns 0, -EADDRINUSE, -EPIPE... */
int gate_listen(int sock, uint16_t *ret_port, int *ret_line) MUST_CHECK;

#endif
