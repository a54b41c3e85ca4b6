/* SPDX-License-Identifier: ISC */
/* wire.h - the mouth: one process per connection, which alone speaks to the client. */
#ifndef SERVER_WIRE_H
#define SERVER_WIRE_H

#include "conf/conf.h"
#include "server/sandbox.h"
#include "server/session.h"
#include "server/sign.h"

struct ssh_server;
struct tls_server;

/* What the listener made ready before any fork, so that every wire has it warm. */
struct wire_servers {
	struct tls_server *tls;
	struct ssh_server *ssh;
	struct sandbox_ids ids;
	struct sign_keys keys; /* public halves */
	int signer;	       /* control socket of the process with the other halves */
	pid_t signer_pid;      /* 0: it does not run */
	/* When it was last started, and when to start it again; CLOCK_NEVER: it runs. */
	uint64_t signer_since_ms, signer_again_ms;
	int hooks, hooks_in; /* both ends of the way to coffer-hooks; -1: no hooks */
	pid_t hooks_pid;     /* 0: it does not run */
	uint64_t
	    hooks_again_ms; /* when to start it again; CLOCK_NEVER: it runs, or is not wanted */
	int gate;	    /* control socket of the process with the passive ports: gate.h */
	pid_t gate_pid;	    /* 0: it does not run */
	uint64_t gate_since_ms, gate_again_ms; /* as for the signer */
};

/*
 * Speaks the listener's protocol on s->client_fd until it is over; never returns. Signatures are
 * asked for on sign_sock.
 */
NORETURN void wire_run(struct session *s, const struct wire_servers *servers, int sign_sock);

#endif
