/* SPDX-License-Identifier: ISC */
/*
 * ftp_run.c - the loop of a session: control connection in, replies out, answers of monitor and
 * worker, the data connection, and the clocks. Owns: every poll. Must not: know a command.
 */
#include "protocols/ftp/ftp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "protocols/ftp/ftp_control.h"
#include "protocols/ftp/ftp_fact.h"
#include "protocols/ftp/ftp_hash.h"
#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_login.h"
#include "protocols/ftp/ftp_reply.h"
#include "protocols/ftp/ftp_serve.h"
#include "server/base/fd.h"
#include "server/base/log.h"

/* How long a last reply, and the client's own goodbye, may take. */
#define GOODBYE_MS 5000
#define LINGER_MS 1000
/* Monitor, which wants the end, waits no longer for the two together. */
#define TOLD_GOODBYE_MS 300
#define TOLD_LINGER_MS 200

struct loop {
	struct ftp f;
	uint64_t goodbye_ms; /* over: until when replies may still leave */
	bool cramped;	     /* lines that came had to wait for room for their replies */
};

void
ftp_end(struct ftp *f, enum session_end end)
{
	if (f->over)
		return;
	f->over = true;
	f->end = end;
}

void
ftp_asked(struct ftp *f, int err)
{
	if (err < 0)
		ftp_reply_error(f, err, "");
	else
		f->waiting = true;
}

void
ftp_answered(struct ftp *f)
{
	f->waiting = false;
	f->active_ms = clock_ms();
}

/* ---- clocks ---- */

static uint64_t
idle_deadline(const struct ftp *f)
{
	if (f->idle_ms == 0 || f->waiting || f->job.kind != FTP_JOB_NONE ||
	    (f->x.stage != FTP_IDLE && !f->x.list.to_control))
		return CLOCK_NEVER;
	return f->active_ms + f->idle_ms;
}

static void
look_at_clocks(struct loop *l)
{
	struct ftp *f = &l->f;
	uint64_t now = clock_ms();

	if (f->over)
		return;
	if (!f->s->logged_in && now >= f->s->login_deadline_ms) {
		if (f->control != FTP_HANDSHAKE)
			ftp_reply(f, 421, "The login took too long; goodbye.");
		ftp_end(f, SESSION_LOGIN_TIME);
	} else if (now >= idle_deadline(f)) {
		ftp_reply(f, 421, "Idle for too long; goodbye.");
		ftp_end(f, SESSION_IDLE);
	}
}

static uint64_t
next_deadline(struct loop *l)
{
	struct ftp *f = &l->f;
	uint64_t at;
	size_t room;

	ignore_result(ftp_line_space(&f->in, &room) == NULL);
	if ((f->tls && tls_pending(f->tls) && room > 0) || f->job.reading)
		return 0;
	/* Replies have left since; and of lines that are here already no socket tells. */
	if (l->cramped && ftp_serve_may(f))
		return 0;
	at = clock_first(idle_deadline(f), ftp_xfer_deadline(f));
	at = clock_first(at, ftp_serve_deadline(f));
	if (f->left_fd >= 0)
		at = clock_first(at, f->left_ms);
	return f->s->logged_in ? at : clock_first(at, f->s->login_deadline_ms);
}

/* ---- the loop ---- */

enum { POLL_CONTROL, POLL_AUTH, POLL_FIXED };

/* The goodbye must not stand inside a listing that STAT has begun (RFC 959, section 4.2). */
static void
fail_before_goodbye(struct ftp *f, int code, const char *reason, const char *words)
{
	ftp_xfer_fail(f, code, reason, words);
	if (f->x.list.to_control && f->x.stage == FTP_MOVING)
		ftp_reply(f, f->x.list.code, "End");
}

/* Worker is gone: nothing that was asked will come true any more. */
static void
worker_gone(struct ftp *f)
{
	fail_before_goodbye(f, 451, "worker-gone", ftp_reply_words(-EPIPE));
	if (f->over)
		return;
	ftp_reply(f, 421, "The server lost its access to the files; goodbye.");
	ftp_end(f, SESSION_WORKER_GONE);
}

/* What a turn of the loop waits for; parts that are not there have no place. */
struct wait {
	struct pollfd at[POLL_FIXED + 1 + FTP_DATA_POLLS];
	size_t count, data_at;
	short ask; /* what happened to worker's socket */
};

static int
wait_for_all(struct loop *l, struct wait *w)
{
	struct ftp *f = &l->f;
	size_t ask_at = 0;
	int n;

	/* Once it is at its end its socket would wake us for ever, and nobody wants to read it. */
	w->at[POLL_CONTROL] = (struct pollfd) { .fd = f->eof ? -1 : f->s->client_fd,
						.events = ftp_control_events(f) };
	w->at[POLL_AUTH] = (struct pollfd) { .fd = auth_fd(f->s->auth), .events = POLLIN };
	w->count = POLL_FIXED;
	if (f->s->ask) {
		ask_at = w->count++;
		w->at[ask_at] =
		    (struct pollfd) { .fd = ask_fd(f->s->ask), .events = ask_events(f->s->ask) };
	}
	w->data_at = w->count;
	w->count += ftp_data_poll(f, w->at + w->data_at);
	beat_rest(f->s->beat);
	n = poll(w->at, (nfds_t)w->count, clock_poll(next_deadline(l)));
	beat_work(f->s->beat);
	w->ask = ask_at != 0 ? w->at[ask_at].revents : 0;
	return n;
}

static void
wait_and_pump(struct loop *l)
{
	struct ftp *f = &l->f;
	struct wait w;
	short control;

	if (wait_for_all(l, &w) < 0)
		return; /* interrupted: look again */
	ftp_data_look_back(f);
	if (w.at[POLL_AUTH].revents)
		ftp_login_verdict(f);
	if (f->over && f->end == SESSION_MONITOR_GONE) {
		fail_before_goodbye(f, 426, "session-ended", "The server ends this session.");
		ftp_reply(f, 421, "The server ends this session; you may connect again later.");
		return;
	}
	if (w.ask && ask_pump(f->s->ask) < 0) {
		worker_gone(f);
		return;
	}
	ftp_data_pump(f, w.at + w.data_at, w.count - w.data_at);
	ftp_xfer_pump(f);
	if (f->job.reading)
		ftp_hash_pump(f);
	control = w.at[POLL_CONTROL].revents;
	if (control & (POLLIN | POLLERR | POLLHUP) || (f->tls && tls_pending(f->tls)))
		ftp_control_read(f);
	/* It is gone, and there was no room to read that in. */
	if (control & (POLLERR | POLLHUP))
		f->eof = true;
}

/* The last replies wait for room in the socket. */
static void
wait_for_goodbye(struct loop *l)
{
	struct pollfd out = { .fd = l->f.s->client_fd, .events = POLLOUT };

	ignore_result(poll(&out, 1, clock_poll(l->goodbye_ms)));
}

/* One turn. False when the session is over. */
static bool
turn(struct loop *l)
{
	struct ftp *f = &l->f;

	l->cramped = !ftp_serve_lines(f);
	if (f->leaving && !ftp_serve_is_busy(f))
		ftp_end(f, SESSION_QUIT);
	look_at_clocks(l);
	if (!ftp_control_send(f)) {
		ftp_end(f, SESSION_LOST);
		return false;
	}
	if (f->over) {
		if (l->goodbye_ms == 0)
			l->goodbye_ms =
			    clock_ms() +
			    (f->end == SESSION_MONITOR_GONE ? TOLD_GOODBYE_MS : GOODBYE_MS);
		if (f->end == SESSION_LOST || ftp_control_is_empty(f) ||
		    clock_ms() >= l->goodbye_ms)
			return false;
		wait_for_goodbye(l);
		return true;
	}
	if (f->control == FTP_HANDSHAKE && !f->tls && ftp_control_is_empty(f))
		ftp_control_begin_tls(f);
	wait_and_pump(l);
	return true;
}

/*
 * Ends TLS, and reads what the client still sends: closing over unread bytes would reset the
 * connection, and the last reply might die on the way.
 */
static void
say_goodbye(struct ftp *f)
{
	uint64_t deadline =
	    clock_ms() + (f->end == SESSION_MONITOR_GONE ? TOLD_LINGER_MS : LINGER_MS);
	char rest[1024];

	if (f->tls)
		ignore_result(tls_finish(f->tls));
	shutdown(f->s->client_fd, SHUT_WR);
	while (clock_ms() < deadline) {
		struct pollfd wait = { .fd = f->s->client_fd, .events = POLLIN };

		if (poll(&wait, 1, clock_poll(deadline)) > 0 &&
		    recv(f->s->client_fd, rest, sizeof(rest), MSG_DONTWAIT) <= 0)
			break;
	}
}

static void
init(struct loop *l, struct session *s, struct tls_server *tls)
{
	struct ftp *f = &l->f;

	f->s = s;
	f->server = tls;
	f->idle_ms = s->conf->limits.idle_ms;
	f->active_ms = clock_ms();
	f->facts = FTP_FACTS_ALL;
	text_init(&f->out, mem_new(1, FTP_OUT_MAX), FTP_OUT_MAX);
	f->cwd = mem_new(1, VFS_PATH_MAX);
	f->from = mem_new(1, VFS_PATH_MAX);
	f->path = mem_new(1, VFS_PATH_MAX);
	f->path2 = mem_new(1, VFS_PATH_MAX);
	f->scratch = mem_new(1, FTP_LINE_MAX);
	ftp_line_init(&f->in);
	ftp_data_init(&f->data);
	f->left_fd = -1;
	ftp_xfer_init(&f->x);
	ftp_job_init(&f->job);
	ignore_result(text_copy(f->cwd, VFS_PATH_MAX, "/"));
}

static void
clear(struct loop *l)
{
	struct ftp *f = &l->f;

	ftp_data_close(f);
	ftp_data_look_back(f);
	fd_close(&f->left_fd);
	tls_free(f->tls);
	ftp_line_wipe(&f->in);
	free(f->out.at);
	free(f->cwd);
	free(f->from);
	free(f->path);
	free(f->path2);
	free(f->scratch);
	free(f->piece);
	free(f->raw);
	free(f->deep);
	free(l);
}

enum session_end
ftp_run(struct session *s, struct tls_server *tls)
{
	struct loop *l = mem_new(1, sizeof(*l));
	struct ftp *f = &l->f;
	enum session_end end;

	init(l, s, tls);
	if (tls_server_own(tls) < 0) {
		log_error("tls", "failed=\"no random numbers for ticket keys\"");
		ftp_end(f, SESSION_SHUTDOWN);
	} else if (s->listener->protocol == CONF_FTPS_IMPLICIT) {
		/* Its clients expect encrypted data without having asked for it. */
		f->control = FTP_HANDSHAKE;
		f->has_pbsz = f->has_prot = true;
		ftp_control_begin_tls(f);
	}
	/* The greeting waits until it can be read: behind the handshake on an implicit listener. */
	ftp_login_greet(f);
	while (turn(l))
		;
	end = f->end;
	ftp_xfer_drop(f);
	ftp_job_drop(f);
	if (end != SESSION_LOST)
		say_goodbye(f);
	clear(l);
	return end;
}
