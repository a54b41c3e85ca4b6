/* SPDX-License-Identifier: ISC */
/*
 * monitor_login.c - what auth/ borrows from monitor to decide who the client is, and the way from a
 * good login to a worker. Distrusts: nothing here is read from wire; listener and worker are ours.
 */
#include "server/monitor_hook.h"
#include "server/monitor_in.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/identity.h"
#include "server/process.h"
#include "server/worker.h"

/* A worker that opens its shares on a sick filesystem may take this long. */
#define WORKER_READY_MS 20000
/* One that could not has this long to end. */
#define NOT_READY_MS 700

/* auth_host.session_id */
static const uint8_t *
session_id(void *ctx, size_t *ret_len)
{
	const struct mon *mon = ctx;
	*ret_len = mon->sign.session_id_len;
	return mon->sign.session_id;
}

/* auth_host.host_key: of the key that signed the first exchange hash. */
static const uint8_t *
host_key(void *ctx, size_t *ret_len)
{
	const struct mon *mon = ctx;
	const struct sign_keys *keys = &mon->m->servers->keys;

	for (size_t i = 0; i < keys->count; i++) {
		const struct sign_key *key = &keys->at[i];

		if (key->purpose != SIGN_SSH || key->id != mon->sign.session_key)
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
	const struct mon *mon = ctx;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -EIO;
	if (pid == 0) {
		process_keep(NULL, 0, true);
		sandbox_worker_user(mon->m->conf, account);
		_exit(fn(arg) == 0 ? 0 : 1);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -EIO;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EACCES;
}

/*
 * Begins a question. Its number comes back with the answer, so that a late one is not taken for
 * another.
 */
static void
begin_question(struct mon *mon, struct buf *b, uint8_t *room, size_t size, uint16_t type)
{
	ipc_begin(b, room, size, type, ++mon->asked);
}

/*
 * Asks the listener and waits for the answer of this type, which stands in b then, over room. A
 * wish to stop that comes between is kept. Returns 0, -EPIPE (it is gone), -ETIMEDOUT.
 */
static int
ask_listener(struct mon *mon, const struct buf *question, uint16_t want, uint8_t *room, size_t size,
	     struct buf *b)
{
	struct pollfd wait = { .fd = mon->m->listener_sock, .events = POLLIN };
	uint64_t deadline = clock_after(IPC_SEND_MS);
	uint16_t type = 0;
	uint32_t id;
	int err;

	if (ipc_send(mon->m->listener_sock, question, -1) < 0)
		return -EPIPE;
	while (clock_ms() < deadline) {
		if (poll(&wait, 1, clock_poll(deadline)) < 0 && errno != EINTR)
			return -errno;
		err =
		    ipc_recv(mon->m->listener_sock, MSG_DONTWAIT, room, size, b, &type, &id, NULL);
		if (err == 0 && type == want && id == mon->asked)
			return 0;
		if (err < 0 && err != -EAGAIN)
			return -EPIPE;
		mon->stop |= err == 0 && type == LISTEN_MSG_STOP;
	}
	return -ETIMEDOUT;
}

/* auth_host.failed */
static uint64_t
login_failed(void *ctx, const char *user)
{
	struct mon *mon = ctx;
	uint8_t room[512];
	struct buf b, answer;
	uint32_t ms;

	begin_question(mon, &b, room, sizeof(room), LISTEN_MSG_FAILED);
	buf_put_cstring(&b, user);
	if (ask_listener(mon, &b, LISTEN_MSG_DELAY, room, sizeof(room), &answer) < 0)
		return 0;
	ms = buf_get_u32(&answer);
	return buf_done(&answer) == 0 ? ms : 0;
}

/* auth_host.use_code. Without a listener nobody remembers codes, so none is good. */
static bool
use_code(void *ctx, const char *user, uint64_t step)
{
	struct mon *mon = ctx;
	uint8_t room[512];
	struct buf b, answer;

	begin_question(mon, &b, room, sizeof(room), LISTEN_MSG_CODE);
	buf_put_cstring(&b, user);
	buf_put_u64(&b, step);
	return ask_listener(mon, &b, LISTEN_MSG_GRANTED, room, sizeof(room), &answer) == 0 &&
	       buf_get_u8(&answer) == 1;
}

static bool
claim_slot(struct mon *mon, char *reason, size_t size)
{
	uint8_t room[512];
	const uint8_t *key;
	struct buf b, answer;
	bool yes;
	int err;

	begin_question(mon, &b, room, sizeof(room), LISTEN_MSG_CLAIM);
	buf_put_cstring(&b, auth_serve_account(mon->auth)->name);
	buf_put_u32(&b, auth_serve_sessions(mon->auth));
	err = ask_listener(mon, &b, LISTEN_MSG_GRANTED, room, sizeof(room), &answer);
	if (err == -EPIPE)
		return true; /* the listener is gone; so are its limits, and nobody new comes */
	if (err < 0) {
		ignore_result(text_copy(reason, size, "the listener did not answer")); /* it fits */
		return false;
	}
	yes = buf_get_u8(&answer) == 1;
	buf_get_cstring(&answer, reason, size);
	key = buf_get_bytes(&answer, sizeof(mon->ticket_key));
	if (key)
		memcpy(mon->ticket_key, key, sizeof(mon->ticket_key));
	mem_wipe(room, sizeof(room));
	mon->has_ticket_key = key && yes;
	return buf_done(&answer) == 0 && yes;
}

/* Forks the worker. Returns its socket for wire, or -1. */
static int
fork_worker(struct mon *mon)
{
	struct worker w = { .conf = mon->m->conf,
			    .account = auth_serve_account(mon->auth),
			    .ports = mon->m->listener->protocol != CONF_SFTP,
			    .gate_sock = mon->m->gate_sock,
			    .local = mon->m->bound,
			    .peer = mon->m->peer };
	int to_wire[2], to_us[2];
	pid_t pid;

	if (ipc_pair(to_wire) < 0 || ipc_pair(to_us) < 0)
		die("no socket pair: %s", strerror(errno));
	mon->worker_beat = w.beat = beat_new();
	pid = fork();
	if (pid < 0) {
		log_error("fork", "reason=\"%s\"", strerror(errno));
		for (size_t i = 0; i < 2; i++) {
			fd_close(&to_wire[i]);
			fd_close(&to_us[i]);
		}
		return -1;
	}
	if (pid == 0) {
		/* pam_limits may have set one: a write fails then, and nobody dies of it. */
		(void)signal(SIGXFSZ, SIG_IGN);
		process_name("worker", "coffer-worker", "%s@%s %s", mon->user, mon->addr,
			     monitor_protocol(mon));
		process_keep((int[]) { to_wire[1], to_us[1], w.gate_sock }, 3, true);
		w.wire_sock = to_wire[1];
		w.monitor_sock = to_us[1];
		worker_run(&w);
	}
	fd_close(&to_wire[1]);
	fd_close(&to_us[1]);
	mon->worker_sock = to_us[0];
	child_started(&mon->worker, pid);
	return to_wire[0];
}

/* Waits for the worker's word that its shares are open. Returns 0 or -errno. */
static int
wait_for_worker(const struct mon *mon)
{
	struct pollfd wait = { .fd = mon->worker_sock, .events = POLLIN };
	uint8_t room[64];
	struct buf b;
	uint16_t type;
	uint32_t id, err;

	if (poll(&wait, 1, WORKER_READY_MS) <= 0)
		return -ETIMEDOUT;
	if (ipc_recv(mon->worker_sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL) < 0)
		return -EPIPE;
	err = buf_get_u32(&b);
	if (type != WORKER_MSG_READY || buf_done(&b) < 0 || err > 4095)
		return -EBADMSG;
	return -(int)err;
}

static void
drop_worker(struct mon *mon)
{
	fd_close(&mon->worker_sock);
	mon->crashed |= child_finish(&mon->worker, "worker", NOT_READY_MS);
}

void
monitor_tell_listener(const struct mon *mon, enum listen_msg what)
{
	uint8_t room[16];
	struct buf b;

	ipc_begin(&b, room, sizeof(room), what, 0);
	if (mon->m->listener_sock >= 0)
		ignore_result(ipc_send(mon->m->listener_sock, &b, -1)); /* it is gone, then */
}

static enum auth_step
refuse_login(struct mon *mon, const char *reason)
{
	enum auth_step step;

	/* The slot, if there is one, is free again, and the deadline of the login holds again. */
	monitor_tell_listener(mon, LISTEN_MSG_RELEASE);
	step = auth_serve_refuse(mon->auth, reason);
	mon->user[0] = '\0';
	monitor_stamp_records(mon);
	return step;
}

enum auth_step
monitor_log_in(struct mon *mon)
{
	const struct account *account = auth_serve_account(mon->auth);
	FD_OWN int worker_fd = -1;
	char reason[160] = "";
	int err;

	ignore_result(text_copy(mon->user, sizeof(mon->user), account->name)); /* same size */
	monitor_stamp_records(mon);
	if (!claim_slot(mon, reason, sizeof(reason)))
		return refuse_login(mon, reason);
	if (mon->m->conf->mode == CONF_SYSTEM && identity_lend_groups(account) < 0)
		return refuse_login(mon, "his groups could not be taken");
	if (auth_serve_open_session(mon->auth) < 0)
		return refuse_login(mon, "the PAM session could not be opened");
	worker_fd = fork_worker(mon);
	if (worker_fd < 0)
		return refuse_login(mon, "no process for the worker");
	err = wait_for_worker(mon);
	if (err < 0) {
		drop_worker(mon);
		return refuse_login(mon, err == -ENOENT ? "not one share could be opened"
							: "the worker did not start");
	}
	log_notice("login", "method=%s uid=%u gid=%u", auth_serve_method(mon->auth), account->uid,
		   account->gid);
	process_name("monitor", "coffer-monitor", "%s@%s %s", mon->user, mon->addr,
		     monitor_protocol(mon));
	mon->working = true;
	monitor_tell_listener(mon, LISTEN_MSG_WORKING);
	mon->sign.logged_in = true;
	monitor_hook_login(mon);
	sandbox_monitor_working();
	err = auth_serve_accept(mon->auth, worker_fd, mon->ticket_key,
				mon->has_ticket_key ? sizeof(mon->ticket_key) : 0);
	mem_wipe(mon->ticket_key, sizeof(mon->ticket_key));
	return err < 0 ? AUTH_STEP_END : AUTH_STEP_GO_ON;
}

struct auth_host
monitor_auth_host(struct mon *mon)
{
	return (struct auth_host) { .ctx = mon,
				    .as_user = run_as_user,
				    .session_id = session_id,
				    .host_key = host_key,
				    .failed = login_failed,
				    .use_code = use_code,
				    .certificate = monitor_certificate };
}
