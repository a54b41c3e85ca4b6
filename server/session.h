/* SPDX-License-Identifier: ISC */
/*
 * session.h - what a front end holds: the client's socket, the way to monitor, and after login the
 * way to worker. Lives in wire.
 *
 *	GREETED --auth_recv says OK, session_login()--> LOGGED_IN --> ended (the front end returns)
 *
 * A front end is one function that speaks its protocol until the session is over. It polls
 * client_fd, auth_fd(auth), and once logged in ask_fd(ask), beside what else it opened.
 */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "auth/auth.h"
#include "conf/conf.h"
#include "server/base/ask.h"
#include "server/base/beat.h"
#include "server/pace.h"
#include "server/vfs/vfs.h"

#define SESSION_ADDR_MAX 46 /* an IPv6 address as text, with its 0 */

/* Why a session ended; session_end_name() has the word for the log. */
enum session_end {
	SESSION_QUIT,	      /* the client said goodbye */
	SESSION_LOST,	      /* its connection broke or just ended */
	SESSION_IDLE,	      /* limits.idle-time */
	SESSION_LOGIN_TIME,   /* limits.login-time */
	SESSION_TRIES,	      /* too many wrong logins */
	SESSION_PROTOCOL,     /* it broke the protocol */
	SESSION_MONITOR_GONE, /* our monitor is gone */
	SESSION_WORKER_GONE,  /* our worker is gone */
	SESSION_SHUTDOWN,     /* the server stops, or somebody was kicked */
	SESSION_STALLED, /* limits.stall-time: wire or worker hung in a call; monitor says so */
};

struct session {
	const struct conf *conf;
	const struct conf_listener *listener;
	int client_fd; /* non-blocking, TCP_NODELAY */
	struct sockaddr_storage peer, local;
	char peer_addr[SESSION_ADDR_MAX]; /* without a port; IPv4-mapped addresses as IPv4 */
	struct auth *auth;
	struct beat
	    *beat; /* for monitor: every loop rests while it waits, and works when it does not */
	uint64_t login_deadline_ms; /* clock_ms(); the front end ends with SESSION_LOGIN_TIME */

	/* From login on. */
	bool logged_in;
	bool binding_preferred; /* FTPS: data connections that do not resume are served */
	char user[65];
	char start_dir[256];
	struct ask *ask;
	struct vfs *vfs;
	struct pace up, down; /* rates of file data */
};

/* Takes the worker's socket and the facts out of a verdict that says AUTH_OK. */
void session_login(struct session *s, struct auth_verdict *verdict);

const char *session_end_name(enum session_end end);

/*
 * Names the client for logs and admin tools ("FileZilla 3.66.4", "OpenSSH_9.2p1"). May be called
 * more than once. Not trusted.
 */
void session_client(struct session *s, const char *name);

#endif
