/* SPDX-License-Identifier: ISC */
/* monitor.h - who are you: one process per connection, as root in system mode. */
#ifndef SERVER_MONITOR_H
#define SERVER_MONITOR_H

#include <sys/socket.h>

#include "conf/conf.h"
#include "server/wire.h"

struct monitor {
	const struct conf *conf;
	const struct conf_listener *listener;
	const struct wire_servers *servers;
	int client_fd;	   /* handed to wire, and closed here */
	int listener_sock; /* claims go there */
	int signer_sock;   /* signatures come from there */
	int hooks_sock;	   /* events go there; -1: nobody wants them */
	int gate_sock;	   /* passive ports for its worker; -1: none are wanted */
	struct sockaddr_storage local, peer;
	struct sockaddr_storage bound; /* where the socket is: local, but behind a balancer */
	uint64_t login_deadline_ms;
};

/* Runs until the session is over; never returns. The exit status is an enum monitor_exit. */
NORETURN void monitor_run(struct monitor *m);

#endif
