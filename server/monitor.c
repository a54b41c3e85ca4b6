/* SPDX-License-Identifier: ISC */
/*
 * monitor.c - starts wire, decides with auth/ who its client is, starts the worker, and then waits for
 * the end. Reads nothing from the client.
 *
 *	WAITING --LOGGED_IN, slot, PAM session, worker ready--> WORKING --wire or worker gone--> over
 *	   '------------------------ wire gone, deadline, tries -----------------------------> over
 *
 * Distrusts: wire. Everything of it but a well-formed message in the right state ends the session.
 */
#include "server/monitor.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/auth_msg.h"
#include "auth/auth_serve.h"
#include "server/base/clock.h"
#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/rate.h"
#include "server/base/text.h"
#include "server/identity.h"
#include "server/listen_msg.h"
#include "server/process.h"
#include "server/sandbox_filter.h"
#include "server/sign_serve.h"
#include "server/source.h"
#include "server/worker.h"

/* The front end says goodbye at the deadline; wire is killed when it did not. */
#define DEADLINE_GRACE_MS 3000
/* A worker that opens its shares on a sick filesystem may take this long. */
#define WORKER_READY_MS 20000
/* When one of the two is gone, the other has this long to say its last words. */
#define LAST_WORDS_MS 700
/* A worker that ends uploads of a session that broke. */
#define WORKER_END_MS 5000
/* Records of wire in one second; the rest is counted and dropped. */
#define WIRE_RECORDS_PER_SECOND 50

struct child {
	pid_t pid;
	int pidfd; /* -1: not there */
};

static struct {
	struct monitor *m;
	struct child wire, worker;
	int wire_sock;
	int sign_sock; /* wire's other socket: requests for signatures */
	int worker_sock;
	struct sign_serve sign;
	struct auth_serve *auth;
	bool working, crashed;
	bool stop; /* the listener wants it */
	char addr[SESSION_ADDR_MAX], session[17], client[128], user[ACCOUNT_NAME_MAX];
	uint64_t started_ms;
	enum session_end end;
	bool end_said;
	struct rate records;
	uint64_t records_dropped;
} mon;

/* ---- names and records ---- */

static const char *
protocol_name(void)
{
	return mon.m->listener->protocol == CONF_SFTP ? "sftp" : "ftps";
}

static void
stamp_records(void)
{
	struct log_value user, client;
	char fields[480];
	struct text t;

	text_init(&t, fields, sizeof(fields));
	text_printf(&t, "session=%s proto=%s addr=%s", mon.session, protocol_name(), mon.addr);
	if (mon.user[0])
		text_printf(&t, " user=%s", log_q(&user, mon.user));
	if (mon.client[0])
		text_printf(&t, " client=%s", log_q(&client, mon.client));
	log_session(fields);
}

static void
name_session(void)
{
	uint32_t random[2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		die("no randomness for a session id");
	ignore_result(
	    snprintf(mon.session, sizeof(mon.session), "%08" PRIx32 "%08" PRIx32, random[0], random[1]));
	source_text(&mon.m->peer, mon.addr);
	stamp_records();
}

/* ---- children ---- */

static void
child_started(struct child *c, pid_t pid)
{
	c->pid = pid;
	c->pidfd = pidfd_open(pid, 0);
	if (c->pidfd < 0)
		die("pidfd_open: %s", strerror(errno));
}

/* Takes the child's status off; a death by a signal that is not ours is a crash. */
static void
child_ended(struct child *c, const char *name, bool killed_by_us)
{
	int status;

	while (waitpid(c->pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid: %s", strerror(errno));
	fd_close(&c->pidfd);
	if (WIFEXITED(status) && WEXITSTATUS(status) > 128) {
		log_error("watchdog", "process=%s status=%d", name, WEXITSTATUS(status));
		mon.crashed = true;
	}
	if (WIFSIGNALED(status) && !killed_by_us) {
		log_error("crash", "process=%s signal=%d name=%s", name, WTERMSIG(status),
			  sigabbrev_np(WTERMSIG(status)));
		mon.crashed = true;
	}
}

/* Gives the child ms to end by itself, then kills it. */
static void
child_finish(struct child *c, const char *name, uint64_t ms)
{
	struct pollfd wait = { .fd = c->pidfd, .events = POLLIN };
	uint64_t deadline = clock_ms() + ms;
	bool killed = false;

	if (c->pidfd < 0)
		return;
	while (!wait.revents) {
		if (poll(&wait, 1, clock_poll(deadline)) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		if (!wait.revents && clock_ms() >= deadline) {
			kill(c->pid, SIGKILL);
			killed = true;
			deadline = CLOCK_NEVER;
		}
	}
	child_ended(c, name, killed);
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
	process_name("wire", "coffer-wire", "%s %s", mon.addr, protocol_name());
	process_keep((int[]){ m->client_fd, ends[1], sign[1] }, 3, false);
	s = mem_new(1, sizeof(*s));
	s->conf = m->conf;
	s->listener = m->listener;
	s->client_fd = m->client_fd;
	s->peer = m->peer;
	s->local = m->local;
	s->login_deadline_ms = m->login_deadline_ms;
	s->auth = auth_new(ends[1]);
	memcpy(s->peer_addr, mon.addr, sizeof(mon.addr));
	wire_run(s, m->servers, sign[1]);
}

/* auth_host.session_id */
static const uint8_t *
session_id(void *ctx, size_t *ret_len)
{
	(void)ctx;
	*ret_len = mon.sign.session_id_len;
	return mon.sign.session_id;
}

/* auth_host.host_key: of the key that signed the first exchange hash. */
static const uint8_t *
host_key(void *ctx, size_t *ret_len)
{
	const struct sign_keys *keys = &mon.m->servers->keys;

	(void)ctx;
	for (size_t i = 0; i < keys->count; i++) {
		const struct sign_key *key = &keys->at[i];

		if (key->purpose != SIGN_SSH || key->id != mon.sign.session_key)
			continue;
		*ret_len = key->spki_len;
		return key->spki;
	}
	return NULL;
}

/* auth_host.as_user: a child with the account's rights runs fn; its exit status is the answer. */
static int
run_as_user(void *ctx, const struct account *account, int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	(void)ctx;
	if (pid < 0)
		return -EIO;
	if (pid == 0) {
		process_keep(NULL, 0, true);
		sandbox_worker_user(mon.m->conf, account);
		_exit(fn(arg) == 0 ? 0 : 1);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -EIO;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EACCES;
}

/* ---- from a good login to a worker ---- */

/*
 * Asks the listener and waits for the answer of this type, which stands in b then, over room. A wish to
 * stop that comes between is kept. Returns 0, or -EPIPE: it is gone, or does not answer.
 */
static int
ask_listener(const struct buf *question, uint16_t want, uint8_t *room, size_t size, struct buf *b)
{
	struct pollfd wait = { .fd = mon.m->listener_sock, .events = POLLIN };
	uint16_t type = 0;
	uint32_t id;

	if (ipc_send(mon.m->listener_sock, question, -1) < 0)
		return -EPIPE;
	for (int i = 0; i < 2; i++) {
		if (poll(&wait, 1, IPC_SEND_MS) <= 0 ||
		    ipc_recv(mon.m->listener_sock, MSG_DONTWAIT, room, size, b, &type, &id, NULL) < 0)
			return -EPIPE;
		if (type == want)
			return 0;
		mon.stop |= type == LISTEN_MSG_STOP;
	}
	return -EPIPE;
}

/* auth_host.failed */
static uint64_t
login_failed(void *ctx, const char *user)
{
	uint8_t room[512];
	struct buf b, answer;
	uint32_t ms;

	(void)ctx;
	ipc_begin(&b, room, sizeof(room), LISTEN_MSG_FAILED, 0);
	buf_put_cstring(&b, user);
	if (ask_listener(&b, LISTEN_MSG_DELAY, room, sizeof(room), &answer) < 0)
		return 0;
	ms = buf_get_u32(&answer);
	return buf_done(&answer) == 0 ? ms : 0;
}

/* auth_host.use_code. Without a listener nobody remembers codes, so none is good. */
static bool
use_code(void *ctx, const char *user, uint64_t step)
{
	uint8_t room[512];
	struct buf b, answer;

	(void)ctx;
	ipc_begin(&b, room, sizeof(room), LISTEN_MSG_CODE, 0);
	buf_put_cstring(&b, user);
	buf_put_u64(&b, step);
	return ask_listener(&b, LISTEN_MSG_GRANTED, room, sizeof(room), &answer) == 0 &&
	       buf_get_u8(&answer) == 1;
}

static bool
claim_slot(char *reason, size_t size)
{
	uint8_t room[512];
	struct buf b, answer;
	bool yes;

	ipc_begin(&b, room, sizeof(room), LISTEN_MSG_CLAIM, 0);
	buf_put_cstring(&b, auth_serve_account(mon.auth)->name);
	if (ask_listener(&b, LISTEN_MSG_GRANTED, room, sizeof(room), &answer) < 0)
		return true; /* the listener is gone; so are its limits, and nobody new comes */
	yes = buf_get_u8(&answer) == 1;
	buf_get_cstring(&answer, reason, size);
	return buf_done(&answer) == 0 && yes;
}

/* Forks the worker. Returns its socket for wire, or -1. */
static int
fork_worker(void)
{
	struct worker w = { .conf = mon.m->conf,
			    .account = auth_serve_account(mon.auth),
			    .ports = mon.m->listener->protocol != CONF_SFTP,
			    .local = mon.m->local,
			    .peer = mon.m->peer };
	int to_wire[2], to_us[2];
	pid_t pid;

	if (ipc_pair(to_wire) < 0 || ipc_pair(to_us) < 0)
		die("no socket pair: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		log_error("fork", "reason=%s", strerror(errno));
		return -1;
	}
	if (pid == 0) {
		/* pam_limits may have set one: a write fails then, and nobody dies of it. */
		(void)signal(SIGXFSZ, SIG_IGN);
		process_name("worker", "coffer-worker", "%s@%s %s", mon.user, mon.addr,
			     protocol_name());
		process_keep((int[]){ to_wire[1], to_us[1] }, 2, true);
		w.wire_sock = to_wire[1];
		w.monitor_sock = to_us[1];
		worker_run(&w);
	}
	fd_close(&to_wire[1]);
	fd_close(&to_us[1]);
	mon.worker_sock = to_us[0];
	child_started(&mon.worker, pid);
	return to_wire[0];
}

/* Waits for the worker's word that its shares are open. Returns 0 or -errno. */
static int
wait_for_worker(void)
{
	struct pollfd wait = { .fd = mon.worker_sock, .events = POLLIN };
	uint8_t room[64];
	struct buf b;
	uint16_t type;
	uint32_t id, err;

	if (poll(&wait, 1, WORKER_READY_MS) <= 0)
		return -ETIMEDOUT;
	if (ipc_recv(mon.worker_sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL) < 0)
		return -EPIPE;
	err = buf_get_u32(&b);
	if (type != WORKER_MSG_READY || buf_done(&b) < 0 || err > 4095)
		return -EBADMSG;
	return -(int)err;
}

static void
drop_worker(void)
{
	fd_close(&mon.worker_sock);
	child_finish(&mon.worker, "worker", LAST_WORDS_MS);
}

static enum auth_step
refuse_login(const char *reason)
{
	enum auth_step step;

	step = auth_serve_refuse(mon.auth, reason);
	mon.user[0] = '\0';
	stamp_records();
	return step;
}

/* The client is who he says. Gives him a worker, or refuses all the same. */
static enum auth_step
log_in(void)
{
	const struct account *account = auth_serve_account(mon.auth);
	FD_OWN int worker_fd = -1;
	char reason[160] = "";
	int err;

	ignore_result(text_copy(mon.user, sizeof(mon.user), account->name)); /* same size */
	stamp_records();
	if (!claim_slot(reason, sizeof(reason)))
		return refuse_login(reason);
	if (mon.m->conf->mode == CONF_SYSTEM && identity_lend_groups(account) < 0)
		return refuse_login("his groups could not be taken");
	if (auth_serve_open_session(mon.auth) < 0)
		return refuse_login("the PAM session could not be opened");
	worker_fd = fork_worker();
	if (worker_fd < 0)
		return refuse_login("no process for the worker");
	err = wait_for_worker();
	if (err < 0) {
		drop_worker();
		return refuse_login(err == -ENOENT ? "not one share could be opened"
						   : "the worker did not start");
	}
	log_notice("login", "method=%s uid=%u gid=%u", auth_serve_method(mon.auth), account->uid,
		   account->gid);
	process_name("monitor", "coffer-monitor", "%s@%s %s", mon.user, mon.addr, protocol_name());
	mon.working = true;
	mon.sign.logged_in = true;
	sandbox_monitor_working();
	return auth_serve_accept(mon.auth, worker_fd) < 0 ? AUTH_STEP_END : AUTH_STEP_GO_ON;
}

/* ---- messages of wire ---- */

static enum auth_step
on_log(struct buf *b)
{
	static char event[64], fields[LOG_RECORD_MAX];
	uint8_t level = buf_get_u8(b);

	buf_get_cstring(b, event, sizeof(event));
	buf_get_cstring(b, fields, sizeof(fields));
	if (buf_done(b) < 0 || level > LOG_LEVEL_DEBUG)
		return AUTH_STEP_END;
	if (rate_allows(&mon.records, 1) == 0) {
		mon.records_dropped++;
		return AUTH_STEP_GO_ON;
	}
	rate_take(&mon.records, 1);
	/* wire may be the client's by now: its words must not look like ours. */
	for (char *p = event; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-'))
			*p = '?';
	for (char *p = fields; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	log_record((enum log_level)level, "wire", event, fields);
	return AUTH_STEP_GO_ON;
}

/* A process of ours wanted what its filter forbids; the kernel is ending it already. */
static enum auth_step
on_violation(struct buf *b, const char *process)
{
	uint32_t call = buf_get_u32(b);

	if (buf_done(b) == 0)
		log_error("sandbox-violation", "process=%s call=%s number=%u", process,
			  filter_call_name(call), call);
	mon.crashed = true;
	return AUTH_STEP_END;
}

/* The worker speaks to us once more only when it breaks its own filter, or by its end. */
static void
hear_worker(void)
{
	uint8_t room[64];
	struct buf b;
	uint16_t type;
	uint32_t id;

	if (ipc_recv(mon.worker_sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL) == 0 &&
	    type == FILTER_MSG_VIOLATION)
		(void)on_violation(&b, "worker");
}

static enum auth_step
on_client(struct buf *b)
{
	buf_get_cstring(b, mon.client, sizeof(mon.client));
	if (buf_done(b) < 0)
		return AUTH_STEP_END;
	stamp_records();
	return AUTH_STEP_GO_ON;
}

static enum auth_step
on_end(struct buf *b)
{
	mon.end = (enum session_end)buf_get_u8(b);
	mon.end_said = true;
	return AUTH_STEP_END;
}

static enum auth_step
serve_wire(void)
{
	static uint8_t room[AUTH_MSG_MAX];
	enum auth_step step;
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err;

	err = ipc_recv(mon.wire_sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);
	if (err == -EAGAIN)
		return AUTH_STEP_GO_ON;
	if (err < 0)
		return AUTH_STEP_END;
	switch (type) {
	case AUTH_MSG_LOG:
		return on_log(&b);
	case AUTH_MSG_CLIENT:
		return on_client(&b);
	case AUTH_MSG_END:
		return on_end(&b);
	case FILTER_MSG_VIOLATION:
		return on_violation(&b, "wire");
	default:
		step = auth_serve_message(mon.auth, type, &b);
		mem_wipe(room, b.end);
		return step == AUTH_STEP_LOGGED_IN ? log_in() : step;
	}
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

	err = ipc_recv(mon.m->listener_sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);
	if (err == -EPIPE)
		fd_close(&mon.m->listener_sock); /* sessions outlive their listener */
	return err == 0 && type == LISTEN_MSG_STOP;
}

/* Waits until something ends the session. */
static void
watch(void)
{
	for (;;) {
		uint64_t deadline =
		    mon.working ? CLOCK_NEVER : mon.m->login_deadline_ms + DEADLINE_GRACE_MS;
		struct pollfd fds[] = {
			{ .fd = mon.wire_sock, .events = POLLIN },
			{ .fd = mon.wire.pidfd, .events = POLLIN },
			{ .fd = mon.worker.pidfd, .events = POLLIN },
			{ .fd = mon.m->listener_sock, .events = POLLIN },
			{ .fd = mon.sign_sock, .events = POLLIN },
		};

		if (poll(fds, COUNT_OF(fds), clock_poll(deadline)) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		if (fds[0].revents && serve_wire() == AUTH_STEP_END)
			return;
		if (fds[4].revents && sign_serve_message(&mon.sign) < 0)
			return;
		if (fds[1].revents || fds[2].revents)
			return;
		if (mon.stop || (fds[3].revents && listener_says_stop())) {
			mon.end = SESSION_SHUTDOWN;
			mon.end_said = true;
			return;
		}
		if (clock_ms() >= deadline) {
			mon.end = SESSION_LOGIN_TIME;
			mon.end_said = true;
			return;
		}
	}
}

/* wire first, so that it can tell the client; then worker, which ends open uploads. */
static void
finish(void)
{
	bool worker_first;

	if (mon.worker_sock >= 0)
		hear_worker();
	worker_first = !mon.end_said && mon.working && mon.worker.pidfd >= 0 &&
			    poll(&(struct pollfd){ .fd = mon.worker.pidfd, .events = POLLIN }, 1, 0) > 0;

	if (worker_first) {
		child_ended(&mon.worker, "worker", false);
		mon.end = SESSION_WORKER_GONE;
		mon.end_said = true;
	}
	if (mon.end == SESSION_SHUTDOWN || mon.end == SESSION_LOGIN_TIME)
		fd_close(&mon.wire_sock); /* wire ends when we are gone for it */
	child_finish(&mon.wire, "wire", LAST_WORDS_MS);
	fd_close(&mon.wire_sock);
	child_finish(&mon.worker, "worker", WORKER_END_MS);
}

void
monitor_run(struct monitor *m)
{
	struct auth_host host = { .as_user = run_as_user, .session_id = session_id, .host_key = host_key,
				 .failed = login_failed, .use_code = use_code };
	struct log_value quoted;

	mon.m = m;
	mon.wire.pidfd = mon.worker.pidfd = mon.worker_sock = -1;
	mon.end = SESSION_LOST;
	mon.started_ms = clock_ms();
	rate_init(&mon.records, WIRE_RECORDS_PER_SECOND);
	name_session();
	process_name("monitor", "coffer-monitor", "%s %s", mon.addr, protocol_name());
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
	log_event(mon.working ? LOG_LEVEL_NOTICE : LOG_LEVEL_INFO, mon.working ? "logout" : "disconnect",
		  "reason=%s duration_ms=%" PRIu64, session_end_name(mon.end),
		  clock_ms() - mon.started_ms);
	auth_serve_free(mon.auth);
	_exit(mon.crashed   ? MONITOR_EXIT_CRASH
	      : mon.working ? MONITOR_EXIT_OK
	      : mon.end == SESSION_LOGIN_TIME ? MONITOR_EXIT_LATE
			    : MONITOR_EXIT_NO_LOGIN);
}
