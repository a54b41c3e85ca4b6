/* SPDX-License-Identifier: ISC */
/*
 * monitor.c - starts wire, lets auth/ decide who its client is and monitor_login.c start the
 * worker, and then waits for the end. Reads nothing from the client.
 *
 *	WAITING --LOGGED_IN, slot, PAM session, worker ready--> WORKING
 *	   |                                                       | wire or worker gone
 *	   '------- wire gone, deadline, tries -------> over <-----'
 *
 * Distrusts: wire, each of whose words goes through monitor_hear.c.
 */
#include "server/monitor.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/random.h>
#include <unistd.h>

#include "server/base/beat.h"
#include "server/base/clock.h"
#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/monitor_hook.h"
#include "server/monitor_in.h"
#include "server/process.h"

/* The front end says goodbye at the deadline; wire is killed when it did not. */
#define DEADLINE_GRACE_MS 3000
/* When one of the two is gone, the other has this long to say its last words. */
#define LAST_WORDS_MS 700
/* A worker that ends uploads of a session that broke. */
#define WORKER_END_MS 5000
/* How often the socket of a dead one is looked at: it holds a MiB at most. */
#define LAST_LOOKS 4000
/* A hang is seen after limits.stall-time, and at most this part of it later. */
#define STALL_LOOKS 4
/* Records of wire in one second; the rest is counted and dropped. */
#define WIRE_RECORDS_PER_SECOND 50

static struct mon mon;

/* ---- names and records ---- */

const char *
monitor_protocol(const struct mon *self)
{
	return self->m->listener->protocol == CONF_SFTP ? "sftp" : "ftps";
}

void
monitor_stamp_records(const struct mon *self)
{
	struct log_value user, client;
	char fields[LOG_SESSION_MAX];
	struct text t;

	text_init(&t, fields, sizeof(fields));
	text_printf(&t, "session=%s proto=%s addr=%s", self->session, monitor_protocol(self),
		    self->addr);
	if (self->user[0])
		text_printf(&t, " user=%s", log_q(&user, self->user));
	if (self->client[0])
		text_printf(&t, " client=%s", log_q(&client, self->client));
	log_session(t.cut ? "session=?" : fields);
}

static void
name_session(void)
{
	uint32_t random[2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		die("no randomness for a session id");
	ignore_result(snprintf(mon.session, sizeof(mon.session), "%08" PRIx32 "%08" PRIx32,
			       random[0], random[1]));
	source_text(&mon.m->peer, mon.addr);
	monitor_stamp_records(&mon);
}

static void
start_wire(void)
{
	struct monitor *m = mon.m;
	struct session *s;
	int ends[2], sign[2];
	pid_t pid;

	if (ipc_pair(ends) < 0 || ipc_pair(sign) < 0)
		die("no socket pair: %s", strerror(errno));
	mon.wire_beat = beat_new();
	pid = sandbox_fork_wire(m->conf);
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid > 0) {
		fd_close(&ends[1]);
		fd_close(&sign[1]);
		fd_close(&m->client_fd);
		mon.wire_sock = ends[0];
		mon.sign_sock = sign[0];
		child_started(&mon.wire, pid);
		return;
	}
	process_name("wire", "coffer-wire", "%s %s", mon.addr, monitor_protocol(&mon));
	process_keep((int[]) { m->client_fd, ends[1], sign[1] }, 3, false);
	s = mem_new(1, sizeof(*s));
	s->conf = m->conf;
	s->listener = m->listener;
	s->client_fd = m->client_fd;
	s->peer = m->peer;
	s->local = m->local;
	s->login_deadline_ms = m->login_deadline_ms;
	s->auth = auth_new(ends[1]);
	s->beat = mon.wire_beat;
	memcpy(s->peer_addr, mon.addr, sizeof(mon.addr));
	wire_run(s, m->servers, sign[1]);
}

/* ---- the loop ---- */

static bool
listener_says_stop(void)
{
	uint8_t room[256];
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err;

	err =
	    ipc_recv(mon.m->listener_sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);
	if (err == -EPIPE)
		fd_close(&mon.m->listener_sock); /* sessions outlive their listener */
	return err == 0 && type == LISTEN_MSG_STOP;
}

/* When wire and worker are looked at again: never, where nothing is too long. */
static uint64_t
next_look(void)
{
	uint64_t part = mon.m->conf->limits.stall_ms / STALL_LOOKS;

	if (!mon.working)
		return mon.m->login_deadline_ms + DEADLINE_GRACE_MS;
	return clock_after(part);
}

/*
 * Neither of the two has a turn that lasts, unless the filesystem hangs. Who hangs cannot end
 * himself; the other one can still say goodbye.
 */
static bool
hangs(struct child *c, const struct beat *beat, const char *name)
{
	const uint64_t most = mon.m->conf->limits.stall_ms, busy = beat_busy_ms(beat);

	if (!mon.working || most == 0 || busy < most)
		return false;
	log_warn("stalled", "process=%s busy_ms=%" PRIu64, name, busy);
	child_kill(c);
	mon.end = SESSION_STALLED;
	mon.end_said = true;
	return true;
}

/* Waits until something ends the session. */
static void
watch(void)
{
	for (;;) {
		uint64_t deadline = next_look();
		struct pollfd fds[] = {
			{ .fd = mon.wire_sock, .events = POLLIN },
			{ .fd = mon.wire.pidfd, .events = POLLIN },
			{ .fd = mon.worker.pidfd, .events = POLLIN },
			{ .fd = mon.m->listener_sock, .events = POLLIN },
			{ .fd = mon.sign_sock, .events = POLLIN },
			{ .fd = mon.working ? mon.worker_sock : -1, .events = POLLIN },
		};

		if (poll(fds, COUNT_OF(fds), clock_poll(deadline)) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		if (fds[0].revents && monitor_hear_wire(&mon, true) == AUTH_STEP_END)
			return;
		if (fds[4].revents && sign_serve_message(&mon.sign) < 0)
			return;
		if (fds[5].revents && monitor_hear_worker(&mon) == AUTH_STEP_END)
			return;
		if (fds[1].revents || fds[2].revents)
			return;
		if (mon.stop || (fds[3].revents && listener_says_stop())) {
			mon.end = SESSION_SHUTDOWN;
			mon.end_said = true;
			return;
		}
		if (hangs(&mon.worker, mon.worker_beat, "worker") ||
		    hangs(&mon.wire, mon.wire_beat, "wire"))
			return;
		if (!mon.working && clock_ms() >= deadline) {
			mon.end = SESSION_LOGIN_TIME;
			mon.end_said = true;
			return;
		}
	}
}

/* What wire said before its end is still in the socket: records, and why it ended. */
static void
hear_wire_out(void)
{
	struct pollfd there = { .fd = mon.wire_sock, .events = POLLIN };

	for (int i = 0; i < LAST_LOOKS && poll(&there, 1, 0) > 0; i++)
		if (monitor_hear_wire(&mon, false) == AUTH_STEP_END)
			return;
}

/* wire first, so that it can tell the client; then worker, which ends open uploads. */
static void
finish(void)
{
	bool worker_first;

	if (mon.worker_sock >= 0)
		(void)monitor_hear_worker(&mon); /* it is over anyway */
	hear_wire_out();
	worker_first =
	    !mon.end_said && mon.working && mon.worker.pidfd >= 0 &&
	    poll(&(struct pollfd) { .fd = mon.worker.pidfd, .events = POLLIN }, 1, 0) > 0;

	if (worker_first) {
		mon.crashed |= child_ended(&mon.worker, "worker");
		mon.end = SESSION_WORKER_GONE;
		mon.end_said = true;
	}
	if (mon.end == SESSION_SHUTDOWN || mon.end == SESSION_LOGIN_TIME)
		shutdown(mon.wire_sock,
			 SHUT_WR); /* wire ends when we hang up; its last words still come */
	mon.crashed |= child_finish(&mon.wire, "wire", LAST_WORDS_MS);
	hear_wire_out();
	fd_close(&mon.wire_sock);
	if (mon.end ==
	    SESSION_STALLED) /* a wire that hangs holds its end: so the worker learns it */
		fd_close(&mon.worker_sock);
	mon.crashed |= child_finish(&mon.worker, "worker", WORKER_END_MS);
	/* What it had on its tongue: it is gone, so that is no more than a socket holds. */
	for (int i = 0; i < LAST_LOOKS && mon.worker_sock >= 0; i++)
		(void)monitor_hear_worker(&mon);
	monitor_hook_end(&mon);
}

void
monitor_run(struct monitor *m)
{
	struct auth_host host = monitor_auth_host(&mon);
	struct log_value quoted;

	mon.m = m;
	mon.wire.pidfd = mon.worker.pidfd = mon.worker_sock = -1;
	mon.end = SESSION_LOST;
	mon.started_ms = clock_ms();
	rate_init(&mon.records, WIRE_RECORDS_PER_SECOND);
	name_session();
	process_name("monitor", "coffer-monitor", "%s %s", mon.addr, monitor_protocol(&mon));
	sandbox_monitor();
	log_info("connect", "listener=%s", log_q(&quoted, m->listener->name));
	start_wire();
	sign_serve_init(&mon.sign, mon.sign_sock, m->signer_sock,
			m->listener->protocol == CONF_SFTP ? SIGN_SSH : SIGN_TLS);
	mon.auth = auth_serve_new(m->conf, m->listener, mon.wire_sock, mon.addr, &host);
	watch();
	finish();
	if (mon.records_dropped)
		log_warn("records-dropped", "count=%" PRIu64, mon.records_dropped);
	log_event(mon.working ? LOG_LEVEL_NOTICE : LOG_LEVEL_INFO,
		  mon.working ? "logout" : "disconnect", "reason=%s duration_ms=%" PRIu64,
		  session_end_name(mon.end), clock_ms() - mon.started_ms);
	monitor_tell_listener(&mon, LISTEN_MSG_CLOSING);
	auth_serve_free(mon.auth);
	_exit(mon.crashed		      ? MONITOR_EXIT_CRASH
	      : mon.working		      ? MONITOR_EXIT_OK
	      : mon.end == SESSION_LOGIN_TIME ? MONITOR_EXIT_LATE
					      : MONITOR_EXIT_NO_LOGIN);
}
