/* SPDX-License-Identifier: ISC */
/*
 * listener.c - the loop of the first process: new connections (arrive.c), what monitors ask
 * (claims.c), signals, and children that end (reap.c). Kills a monitor that does not get its client
 * logged in. Must not: read a byte of a client, or wait for one. A new configuration is the one
 * thing that it reads and allocates while it serves.
 */
#include "server/listener.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "server/admin.h"
#include "server/arrive.h"
#include "server/base/clock.h"
#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/base/notify.h"
#include "server/certs.h"
#include "server/claims.h"
#include "server/cluster.h"
#include "server/control.h"
#include "server/handover.h"
#include "server/listener_in.h"
#include "server/penalty.h"
#include "server/reap.h"
#include "server/recheck.h"
#include "server/reload.h"
#include "server/resolve.h"

/* At the end, sessions have this long to go before they are killed. */
#define STOP_MS 3000

static struct listener us;
static struct pollfd *polls;
static int signals;

/* ---- monitors ---- */

static void
kill_late(void)
{
	uint64_t now = clock_ms();

	for (size_t i = 0; i < us.conns.max; i++) {
		struct conn *c = &us.conns.at[i];

		if (!c->pid || now < c->kill_ms)
			continue;
		log_warn(c->working ? "session-deadline" : "login-deadline", "pid=%d action=killed",
			 c->pid);
		kill(c->pid, SIGKILL);
		c->kill_ms = CLOCK_NEVER;
	}
}

/* ---- signals ---- */

static void
hear_signals(void)
{
	struct signalfd_siginfo what;

	while (read(signals, &what, sizeof(what)) == sizeof(what)) {
		switch (what.ssi_signo) {
		case SIGCHLD:
			reap_children(&us);
			break;
		case SIGHUP:
			reload_start(&us);
			break;
		case SIGUSR2:
			reload_renew(&us);
			break;
		default:
			us.stopping = true;
		}
	}
}

static void
catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		die("signalfd: %s", strerror(errno));
	(void)signal(SIGPIPE, SIG_IGN);
}

/* ---- the loop ---- */

enum { POLL_SIGNALS, POLL_RECHECK, POLL_CLUSTER, POLL_GATE, POLL_RESOLVE, POLL_SIGNER, POLL_FIXED };

static uint64_t
next_deadline(void)
{
	uint64_t first = us.pause_until_ms ? us.pause_until_ms : CLOCK_NEVER;

	first = clock_first(clock_first(first, reload_deadline()), conns_deadline(&us.conns));
	first = clock_first(clock_first(first, certs_deadline(&us)), resolve_deadline());
	first = clock_first(first, us.servers.hooks_again_ms);
	first = clock_first(first, us.servers.signer_again_ms);
	first = clock_first(first, us.servers.gate_again_ms);
	first = clock_first(first, cluster_deadline());
	return clock_first(first, control_deadline());
}

static void
admin_serve(const struct pollfd *at)
{
	struct admin a = { .conns = &us.conns, .state_dir = us.conf->state_dir };

	control_turn(at, admin_answer, &a);
}

/* One round: signals, then monitors, then new connections. */
static void
turn(uint64_t deadline)
{
	size_t n, conns_at, doors_at, control_at;
	/* Who comes while signer or gate are away waits for them, at the door. */
	bool paused =
	    us.pause_until_ms != 0 || us.stopping || us.servers.signer < 0 || us.servers.gate < 0;

	polls[POLL_SIGNALS] = (struct pollfd) { .fd = signals, .events = POLLIN };
	polls[POLL_RECHECK] = (struct pollfd) { .fd = recheck_fd(), .events = POLLIN };
	polls[POLL_CLUSTER] = (struct pollfd) { .fd = cluster_fd(), .events = POLLIN };
	polls[POLL_GATE] = (struct pollfd) { .fd = us.servers.gate, .events = POLLIN };
	polls[POLL_RESOLVE] = (struct pollfd) { .fd = resolve_fd(), .events = POLLIN };
	polls[POLL_SIGNER] = (struct pollfd) { .fd = us.servers.signer };
	control_at = n = POLL_FIXED;
	control_polls(&polls[n]);
	n += CONTROL_POLLS;
	conns_at = n;
	for (size_t i = 0; i < us.conns.max; i++)
		polls[n++] = (struct pollfd) { .fd = us.conns.at[i].pid ? us.conns.at[i].sock : -1,
					       .events = POLLIN };
	doors_at = n;
	for (size_t i = 0; i < us.doors.count && !paused; i++)
		polls[n++] = (struct pollfd) { .fd = us.doors.at[i].fd, .events = POLLIN };
	if (poll(polls, n, clock_poll(deadline)) < 0) {
		if (errno != EINTR)
			die("poll: %s", strerror(errno));
		return;
	}
	if (us.pause_until_ms && clock_ms() >= us.pause_until_ms)
		us.pause_until_ms = 0;
	for (size_t i = 0; i < us.conns.max; i++)
		if (polls[conns_at + i].revents && us.conns.at[i].pid)
			claims_hear(&us, &us.conns.at[i]);
	/* Before the doors: whoever is let in needs both. */
	if (polls[POLL_SIGNER].revents)
		reap_hung_up_signer(&us);
	if (polls[POLL_GATE].revents)
		arrive_hear_gate(&us);
	for (size_t i = 0; doors_at + i < n && us.servers.signer >= 0 && us.servers.gate >= 0; i++)
		if (polls[doors_at + i].revents)
			arrive_accept(&us, &us.doors.at[i]);
	admin_serve(&polls[control_at]);
	if (polls[POLL_RECHECK].revents)
		recheck_hear(&us);
	cluster_turn(&us);
	/* Last: a reload may replace the doors. */
	if (polls[POLL_SIGNALS].revents)
		hear_signals();
	kill_late();
	reap_start_again(&us);
	reload_turn(&us);
	if (!us.stopping && clock_ms() >= certs_deadline(&us))
		certs_look(&us);
	if (!us.stopping && (polls[POLL_RESOLVE].revents || clock_ms() >= resolve_deadline()))
		resolve_turn(us.conf);
}

static void
stop(void)
{
	uint64_t deadline = clock_ms() + STOP_MS;

	notify_send("STOPPING=1");
	log_notice("stop", "sessions=%u", conns_count(&us.conns, NULL, NULL, true));
	doors_close(&us.doors);
	control_close(us.conf->run_dir);
	penalty_save(us.conf->state_dir);
	fd_close(&us.servers.signer);
	fd_close(&us.servers.hooks);
	fd_close(&us.servers.hooks_in);
	fd_close(&us.servers.gate);
	for (size_t i = 0; i < us.conns.max; i++)
		if (us.conns.at[i].pid)
			conns_stop(&us.conns.at[i]);
	while (conns_any(&us.conns)) {
		turn(deadline);
		if (clock_ms() < deadline)
			continue;
		for (size_t i = 0; i < us.conns.max; i++)
			if (us.conns.at[i].pid)
				kill(us.conns.at[i].pid, SIGKILL);
		deadline = CLOCK_NEVER;
	}
}

/* What the last image of us left, or nothing. Returns 0 or -errno. */
static int
open_doors(int resume_fd)
{
	struct handover left = { 0 };

	if (resume_fd < 0)
		return doors_open(us.conf, NULL, true, &us.doors);
	if (handover_resume(resume_fd, &us.conns, &left) < 0) {
		log_error("renew", "result=failed reason=\"what was handed over cannot be read\"");
		return -EBADMSG;
	}
	reload_init(left.last_ms);
	/* Sessions are running: a port that somebody took since the trial must not end them. */
	return doors_open(us.conf, &left.doors, false, &us.doors);
}

bool
listener_would_run(const struct conf *conf, int resume_fd)
{
	struct handover left = { 0 };
	struct conns none;
	struct doors doors;

	conns_init(&none, 1);
	penalty_init();
	return handover_resume(resume_fd, &none, &left) == 0 &&
	       doors_open(conf, &left.doors, true, &doors) == 0;
}

static void
say_ready(bool renewed)
{
	for (size_t i = 0; i < us.doors.count && !renewed; i++) {
		const struct conf_listener *l = us.doors.at[i].listener;
		struct log_value name;

		log_notice("listening", "listener=%s protocol=%s address=%s port=%u",
			   log_q(&name, l->name), l->protocol == CONF_SFTP ? "sftp" : "ftps",
			   l->address, l->port);
	}
	log_notice(renewed ? "renewed" : "ready", "version=" COFFER_VERSION " mode=%s shares=%zu",
		   us.conf->mode == CONF_SYSTEM ? "system" : "personal", us.conf->share_count);
	notify_send("READY=1");
}

/* In a page that the kernel empties in every child. */
static uint8_t *
make_secret(void)
{
	uint8_t *page =
	    mmap(NULL, TLS_SECRET, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || madvise(page, TLS_SECRET, MADV_WIPEONFORK) < 0 ||
	    tls_secret(page) < 0)
		die("no secret for ticket keys: %s", strerror(errno));
	return page;
}

int
listener_run(struct conf *conf, struct wire_servers *servers, bool once, int resume_fd)
{
	us.conf = conf;
	us.servers = *servers;
	us.secret = make_secret();
	certs_note(conf);
	resolve_start(conf, NULL);
	us.once = once;
	conns_init(&us.conns, conf->limits.sessions + conf->limits.waiting + CONNS_ENDING);
	catch_signals();
	penalty_init();
	if (resume_fd < 0)
		penalty_load(conf->state_dir);
	if (open_doors(resume_fd) < 0)
		return 1;
	polls = mem_new(us.conns.max + DOORS_MAX + CONTROL_POLLS + POLL_FIXED, sizeof(*polls));
	control_open(conf->run_dir);
	cluster_start(&us);
	say_ready(resume_fd >= 0);
	reap_children(&us); /* those who ended during the exec */
	while (!us.stopping)
		turn(next_deadline());
	stop();
	return 0;
}
