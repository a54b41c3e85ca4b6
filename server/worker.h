/* SPDX-License-Identifier: ISC */
/* worker.h - the hands: one process per login, with the rights of its user and no others. */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include <sys/socket.h>

#include "auth/account.h"
#include "conf/conf.h"

struct worker {
	const struct conf *conf;
	const struct account *account;
	int wire_sock;	  /* questions come from here, distrusted */
	int monitor_sock; /* we say worker_msg there; its end means that we must go */
	bool ports;	  /* the session's protocol wants data connections */
	int gate_sock;	  /* passive ports come from there; -1: none are wanted */
	struct sockaddr_storage local, peer;
	struct beat *beat; /* for monitor */
};

enum worker_msg {
	WORKER_MSG_READY = 0x400, /* the first one to monitor: u32 errno, 0: ready */
	WORKER_MSG_EVENT, /* then, where hooks want them: u64 lost before it, event of hook.h */
};

/* Runs until the session is over; never returns. */
NORETURN void worker_run(struct worker *w);

#endif
