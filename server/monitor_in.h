/* SPDX-License-Identifier: ISC */
/* monitor_in.h - what the files of monitor share: the one connection of this process. */
#ifndef SERVER_MONITOR_IN_H
#define SERVER_MONITOR_IN_H

#include "auth/auth_serve.h"
#include "server/base/beat.h"
#include "server/base/rate.h"
#include "server/child.h"
#include "server/listen_msg.h"
#include "server/monitor.h"
#include "server/session.h"
#include "server/sign_serve.h"
#include "server/source.h"

struct mon {
	struct monitor *m;
	struct child wire, worker;
	struct beat *wire_beat, *worker_beat; /* theirs to write */
	int wire_sock;
	int sign_sock; /* wire's other socket: requests for signatures */
	int worker_sock;
	struct sign_serve sign;
	struct auth_serve *auth;
	bool working, crashed;
	bool unbound; /* it was told */
	bool has_ticket_key;
	uint8_t ticket_key[AUTH_TICKET_KEY]; /* from the listener, for wire */
	bool stop;			     /* the listener wants it */
	uint32_t asked;			     /* questions to the listener so far */
	char addr[SESSION_ADDR_MAX], session[17], client[128], user[ACCOUNT_NAME_MAX];
	uint64_t started_ms;
	enum session_end end;
	bool end_said;
	struct rate records;
	uint64_t records_dropped;
};

/* What auth/ borrows from monitor (auth_serve.h). Stays valid as long as mon. */
struct auth_host monitor_auth_host(struct mon *mon);

/*
 * monitor_hear.c - takes one message, if there is one. AUTH_STEP_END: the session is over, for the
 * reason in mon->end if there is one. answers: whether wire still waits for some.
 */
enum auth_step monitor_hear_wire(struct mon *mon, bool answers);
enum auth_step monitor_hear_worker(struct mon *mon);

/*
 * The client is who he says: takes a slot, opens the PAM session, starts the worker and gives its
 * socket to wire; or refuses all the same.
 */
enum auth_step monitor_log_in(struct mon *mon);

/* auth_host.certificate */
int monitor_certificate(void *ctx, const uint8_t *handshake, size_t len,
			struct auth_certificate *ret, char *ret_reason, size_t reason_size);

/* The fields that every record of this connection has: again after one of them changed. */
void monitor_stamp_records(const struct mon *mon);
const char *monitor_protocol(const struct mon *mon);

/* A message to the listener that has nothing else to say. One that is gone hears nothing. */
void monitor_tell_listener(const struct mon *mon, enum listen_msg what);

#endif
