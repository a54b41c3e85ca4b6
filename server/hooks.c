/* SPDX-License-Identifier: ISC */
/*
 * hooks.c - coffer-hooks. Takes events off one socket, writes each into the spool directory, and
 * runs hooks.program over what waits there. It is nobody but hooks.user: in system mode it gives up
 * root before it looks at anything, and no_new_privs keeps the program from getting any. Distrusts:
 * what monitors send, for its shape. Names in events are bytes that it copies.
 */
#include "server/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/hook.h"
#include "server/hooks_json.h"
#include "server/hooks_program.h"
#include "server/hooks_spool.h"
#include "server/process.h"

/* Counters are written down so often, and others' files are looked for. */
#define TURN_MS 1000
/* Events that are taken before the program is looked at. */
#define EVENTS_AT_ONCE 64

static struct {
	const struct conf *conf;
	int sock; /* -1: nobody is left who could send */
	struct spool spool;
	struct program program;
	char running[SPOOL_NAME_MAX]; /* the file that the program has */
	uint64_t counted_ms, looked_ms;
	int told; /* the last error of the spool that was said */
} us = { .program.pidfd = -1 };

static volatile sig_atomic_t retired;

static void
retire(int sig)
{
	(void)sig;
	retired = 1;
}

/* In system mode still as root: makes the directory for the one who will use it. */
static void
make_spool(const struct conf *conf, const struct sandbox_ids *ids)
{
	const char *path = conf->hooks.spool;
	FD_OWN int dir = -1;

	if (mkdir(path, 0770) < 0) {
		if (errno != EEXIST)
			log_error("hook", "result=%s why=\"hooks.spool cannot be made\"",
				  strerrorname_np(errno));
		return;
	}
	if (conf->mode != CONF_SYSTEM)
		return;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fchown(dir, ids->hooks_uid, ids->hooks_gid) < 0)
		log_error(
		    "hook",
		    "result=%s why=\"hooks.spool cannot be given to hooks.user: make it for him\"",
		    strerrorname_np(errno));
}

static bool
has_counted(void)
{
	bool any = false;

	for (size_t i = 0; i < SPOOL_COUNTERS; i++)
		any |= us.spool.counters[i] > 0;
	return any;
}

static void
count(void)
{
	uint64_t lost = us.spool.counters[SPOOL_LOST], sum = lost;
	int err;

	us.counted_ms = clock_ms();
	if (!has_counted())
		return;
	err = spool_count(&us.spool, &sum);
	if (err < 0 && err != us.told)
		log_error("hook", "result=%s why=\"counters cannot be written\"",
			  strerrorname_np(-err));
	us.told = err;
	if (lost > 0)
		log_warn("hook-lost", "count=%" PRIu64 " total=%" PRIu64, lost, sum);
}

static void
on_event(struct buf *b)
{
	static char room[HOOKS_JSON_MAX];
	static struct hook_event e;
	struct hook_origin o;
	uint64_t lost = buf_get_u64(b);
	struct text t;
	int err;

	hook_get_origin(b, &o);
	hook_get_event(b, &e);
	if (buf_done(b) < 0) {
		log_error("bad-message", "from=monitor type=%u", HOOK_MSG_EVENT);
		return;
	}
	us.spool.counters[SPOOL_EVENTS]++;
	us.spool.counters[SPOOL_LOST] += lost;
	text_init(&t, room, sizeof(room));
	hooks_json(&t, &o, &e);
	err = t.cut ? -EMSGSIZE : spool_put(&us.spool, e.kind, o.time_us, t.at, t.len);
	if (err == 0)
		return;
	us.spool.counters[SPOOL_LOST]++;
	if (err != us.told)
		log_error("hook", "event=%s result=%s why=\"%s\"", hook_kind_name(e.kind),
			  strerrorname_np(-err),
			  err == -ENOSPC ? "hooks.queue is full, or the disk"
					 : "hooks.spool cannot be written");
	us.told = err;
}

static void
hear(void)
{
	static uint8_t room[HOOK_MESSAGE_MAX];
	struct buf b;
	uint16_t type;
	uint32_t id;

	for (int i = 0; i < EVENTS_AT_ONCE; i++) {
		int err = ipc_recv(us.sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);

		if (err == -EAGAIN)
			return;
		if (err == -EPIPE) {
			fd_close(&us.sock);
			return;
		}
		if (err == 0 && type == HOOK_MSG_EVENT)
			on_event(&b);
		else if (err == 0 && type == HOOK_MSG_LOST)
			us.spool.counters[SPOOL_LOST] += buf_get_u64(&b);
	}
}

/* The kind stands before the end of our names. */
static const char *
kind_of(const char *name)
{
	for (int kind = 0; kind < HOOK_KINDS; kind++) {
		if (strstr(name, hook_kind_name((enum hook_kind)kind)))
			return hook_kind_name((enum hook_kind)kind);
	}
	return "?";
}

static void
start_next(void)
{
	struct log_value file; /* whoever may write in the spool could have named it */
	FD_OWN int input = -1;
	int err;

	us.looked_ms = clock_ms();
	if (retired)
		spool_leave(&us.spool);
	if (retired || !us.conf->hooks.program || us.sock < 0 || !spool_is_ours(&us.spool) ||
	    !spool_next(&us.spool, us.running))
		return;
	err = spool_file(&us.spool, us.running, &input);
	if (err == -ENOENT) { /* somebody took it away: look again at once */
		us.looked_ms = 0;
		return;
	}
	if (err == 0)
		err = program_start(&us.program, us.conf->hooks.program, input, kind_of(us.running),
				    us.conf->hooks.program_ms);
	if (err == 0)
		return;
	log_error("hook", "file=%s result=%s", log_q(&file, us.running), strerrorname_np(-err));
	spool_end(&us.spool, us.running, false);
	us.looked_ms = 0;
}

static void
program_gone(void)
{
	const char *why;
	struct log_value file;
	bool good = program_ended(&us.program, &why);

	if (!good)
		log_warn("hook", "file=%s result=failed why=\"%s\"", log_q(&file, us.running), why);
	spool_end(&us.spool, us.running, good);
	us.looked_ms = 0;
}

static uint64_t
next_deadline(void)
{
	uint64_t at = CLOCK_NEVER;

	if (has_counted())
		at = us.counted_ms + TURN_MS;
	if (us.program.pidfd >= 0)
		return clock_first(at, us.program.deadline_ms);
	return us.conf->hooks.program ? clock_first(at, us.looked_ms + TURN_MS) : at;
}

static void
turn(void)
{
	struct pollfd fds[] = {
		{ .fd = us.sock, .events = POLLIN },
		{ .fd = us.program.pidfd, .events = POLLIN },
	};

	if (poll(fds, COUNT_OF(fds), clock_poll(next_deadline())) < 0 && errno != EINTR)
		die("poll: %s", strerror(errno));
	if (fds[0].revents)
		hear();
	if (fds[1].revents)
		program_gone();
	else if (us.program.pidfd >= 0 && clock_ms() >= us.program.deadline_ms)
		program_kill(&us.program);
	if (us.program.pidfd < 0 && (fds[0].revents || clock_ms() - us.looked_ms >= TURN_MS))
		start_next();
	if (clock_ms() - us.counted_ms >= TURN_MS)
		count();
}

void
hooks_run(const struct conf *conf, const struct sandbox_ids *ids, int sock)
{
	sigset_t retires;
	int err;

	process_name("hooks", "coffer-hooks", "%s", conf->hooks.spool);
	/* ^C on a terminal reaches every process; only the listener decides what it means. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(HOOKS_RETIRE, retire);
	sigemptyset(&retires);
	sigaddset(&retires, HOOKS_RETIRE);
	sigprocmask(SIG_UNBLOCK, &retires, NULL);
	umask(0);
	make_spool(conf, ids);
	sandbox_hooks(conf, ids);
	us.conf = conf;
	us.sock = sock;
	err = spool_open(&us.spool, conf->hooks.spool, conf->hooks.queue);
	if (err < 0)
		die("hooks.spool %s: %s", conf->hooks.spool, strerror(-err));
	while (us.sock >= 0 || us.program.pidfd >= 0)
		turn();
	count();
	_exit(0);
}
