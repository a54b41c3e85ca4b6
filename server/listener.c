/* SPDX-License-Identifier: ISC */
/*
 * listener.c - the door. Accepts connections, forks a monitor for each that may come (admit.c), and
 * kills a monitor that does not get its client logged in. Must not: read a byte of a client, or
 * block. Allocates nothing after it has begun to listen, but for a new configuration.
 */
#include "server/listener.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/admin.h"
#include "server/admit.h"
#include "server/base/clock.h"
#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/notify.h"
#include "server/base/text.h"
#include "server/certs.h"
#include "server/claims.h"
#include "server/cluster.h"
#include "server/control.h"
#include "server/handover.h"
#include "server/listener_in.h"
#include "server/listen_msg.h"
#include "server/monitor.h"
#include "server/penalty.h"
#include "server/process.h"
#include "server/recheck.h"
#include "server/reload.h"
#include "server/servers.h"
#include "server/signer.h"
#include "server/source.h"

/* Connections taken off one door before the others are looked at again. */
#define ACCEPT_BATCH 16
/* Monitor ends itself at the deadline; PAM can hang it. */
#define KILL_GRACE_MS 10000
/* Without descriptors or processes, accepting waits this long. */
#define PAUSE_MS 100
/* At the end, sessions have this long to go before they are killed. */
#define STOP_MS 3000

static struct listener us;
static struct pollfd *polls;
static int signals;
static bool once;		/* serve one connection, then stop */
static uint64_t pause_until_ms; /* 0: accepting */

/* ---- a new connection ---- */

/* An FTP client is told in the words of its protocol; SSH has none before the key exchange. */
static void
turn_away(int fd, const struct door *door, const char *addr, const char *limit)
{
	static const char words[] = "421 Too many connections; try again later.\r\n";

	if (door->listener->protocol == CONF_FTPS)
		(void)send(fd, words, sizeof(words) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	log_notice("turned-away", "addr=%s listener=%s limit=%s", addr, door->listener->name,
		   limit);
}

NORETURN static void
become_monitor(int client_fd, int sock, int signer, const struct door *door,
	       const struct sockaddr_storage *peer, const struct sockaddr_storage *local)
{
	struct monitor m = {
		.conf = us.conf,
		.listener = door->listener,
		.servers = &us.servers,
		.client_fd = client_fd,
		.listener_sock = sock,
		.signer_sock = signer,
		.hooks_sock = us.servers.hooks,
		.peer = *peer,
		.local = *local,
		.login_deadline_ms = clock_after(us.conf->limits.login_ms),
	};
	sigset_t none;

	process_keep((int[]) { client_fd, sock, signer, us.servers.hooks },
		     us.servers.hooks < 0 ? 3 : 4, true);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* ^C on a terminal reaches every process; only the listener decides what it means. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	monitor_run(&m);
}

static void
start_monitor(struct conn *c, int client_fd, const struct door *door,
	      const struct sockaddr_storage *peer, const struct sockaddr_storage *local)
{
	FD_OWN int signer = -1;
	int ends[2];
	pid_t pid;

	if (signer_connect(us.servers.signer, &signer) < 0 || ipc_pair(ends) < 0) {
		pause_until_ms = clock_ms() + PAUSE_MS;
		return;
	}
	pid = fork();
	if (pid == 0)
		become_monitor(client_fd, ends[1], signer, door, peer, local);
	fd_close(&ends[1]);
	if (pid < 0) {
		log_error("fork", "reason=\"%s\"", strerror(errno));
		pause_until_ms = clock_ms() + PAUSE_MS;
		fd_close(&ends[0]);
		return;
	}
	c->pid = pid;
	c->sock = ends[0];
	c->source = source_of(peer);
	c->logged_in = c->failed = c->stopped = false;
	c->is_sftp = door->listener->protocol == CONF_SFTP;
	c->since_ms = clock_ms();
	c->user[0] = '\0';
	ignore_result(text_copy(c->listener, sizeof(c->listener), door->listener->name)); /* same size */
	source_text(peer, c->addr);
	c->kill_ms = us.conf->limits.login_ms
			 ? clock_after(us.conf->limits.login_ms + KILL_GRACE_MS)
			 : CLOCK_NEVER;
}

static void
greet(int fd, const struct door *door, struct sockaddr_storage *peer)
{
	struct sockaddr_storage local;
	socklen_t len = sizeof(local);
	char addr[SESSION_ADDR_MAX];
	struct source source;
	const char *limit;
	struct conn *c;

	memset(&local, 0, sizeof(local));
	if (getsockname(fd, (struct sockaddr *)&local, &len) < 0)
		return; /* it is gone already */
	source_unmap(peer);
	source_unmap(&local);
	source_text(peer, addr);
	source = source_of(peer);
	limit = admit_connection(&us, &source, addr);
	c = conns_free(&us.conns);
	if (limit || !c) {
		turn_away(fd, door, addr, limit ? limit : "limits.sessions");
		return;
	}
	start_monitor(c, fd, door, peer, &local);
	c->exempt = c->pid && admit_exempt(&us, addr);
}

static void
accept_some(const struct door *door)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		FD_OWN int fd = -1;

		memset(&peer, 0, sizeof(peer));
		fd =
		    accept4(door->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM) {
				log_warn("accept", "reason=\"%s\" pause_ms=%d", strerror(errno),
					 PAUSE_MS);
				pause_until_ms = clock_ms() + PAUSE_MS;
			}
			return;
		}
		greet(fd, door, &peer);
	}
}

/* ---- monitors ---- */

static void
kill_late(void)
{
	uint64_t now = clock_ms();

	for (size_t i = 0; i < us.conns.max; i++) {
		struct conn *c = &us.conns.at[i];

		if (!c->pid || now < c->kill_ms)
			continue;
		log_warn("login-deadline", "pid=%d action=killed", c->pid);
		kill(c->pid, SIGKILL);
		c->kill_ms = CLOCK_NEVER;
	}
}

/* ---- signals ---- */

/* Without it nobody new gets in; running transfers do not notice. */
static void
restart_signer(int status)
{
	log_error("crash", "process=signer signal=%d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	reload_crashed();
	fd_close(&us.servers.signer);
	if (servers_start_signer(us.conf, servers_complain, NULL, &us.servers) < 0)
		pause_until_ms = clock_ms() + PAUSE_MS;
}

/* Sessions go on, and so does the queue; what does not fit into that is counted as lost. */
static void
hooks_ended(int status)
{
	log_error("crash", "process=hooks signal=%d status=%d",
		  WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		  WIFEXITED(status) ? WEXITSTATUS(status) : 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM)
		reload_crashed();
	servers_hooks_died(&us.servers);
}

static void
monitor_ended(pid_t pid, int status)
{
	struct conn *c = conns_find(&us.conns, pid);

	if (!c)
		return;
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
		log_error("crash", "process=monitor signal=%d name=%s", WTERMSIG(status),
			  sigabbrev_np(WTERMSIG(status)));
		reload_crashed();
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == MONITOR_EXIT_CRASH)
		reload_crashed();
	admit_ended(&us, c, status);
	if (c->logged_in)
		cluster_tell_end(c);
	fd_close(&c->sock);
	c->pid = 0;
	us.stopping |= once;
}

static void
reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (reload_reaped(&us, pid, status) || cluster_reaped(pid, status))
			continue;
		if (pid == us.servers.signer_pid && !us.stopping) {
			restart_signer(status);
			continue;
		}
		if (pid == us.servers.hooks_pid && !us.stopping) {
			hooks_ended(status);
			continue;
		}
		monitor_ended(pid, status);
	}
}

static void
hear_signals(void)
{
	struct signalfd_siginfo what;

	while (read(signals, &what, sizeof(what)) == sizeof(what)) {
		switch (what.ssi_signo) {
		case SIGCHLD:
			reap();
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

static uint64_t
next_deadline(void)
{
	uint64_t first = pause_until_ms ? pause_until_ms : CLOCK_NEVER;

	first = clock_first(clock_first(first, reload_deadline()), conns_deadline(&us.conns));
	first = clock_first(first, certs_deadline(&us));
	first = clock_first(first, us.servers.hooks_again_ms);
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
	size_t n = 0, conns_at, doors_at, control_at;
	bool paused = pause_until_ms != 0 || us.stopping;

	polls[n++] = (struct pollfd) { .fd = signals, .events = POLLIN };
	polls[n++] = (struct pollfd){ .fd = recheck_fd(), .events = POLLIN };
	polls[n++] = (struct pollfd){ .fd = cluster_fd(), .events = POLLIN };
	control_at = n;
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
	if (pause_until_ms && clock_ms() >= pause_until_ms)
		pause_until_ms = 0;
	for (size_t i = 0; i < us.conns.max; i++)
		if (polls[conns_at + i].revents && us.conns.at[i].pid)
			claims_hear(&us, &us.conns.at[i]);
	for (size_t i = 0; doors_at + i < n; i++)
		if (polls[doors_at + i].revents)
			accept_some(&us.doors.at[i]);
	admin_serve(&polls[control_at]);
	if (polls[1].revents)
		recheck_hear(&us);
	cluster_turn(&us);
	/* Last: a reload may replace the doors. */
	if (polls[0].revents)
		hear_signals();
	kill_late();
	if (clock_ms() >= us.servers.hooks_again_ms && !us.stopping)
		servers_start_hooks(us.conf, &us.servers);
	if (clock_ms() >= reload_deadline())
		reload_renew(&us);
	if (!us.stopping && clock_ms() >= certs_deadline(&us))
		certs_look(&us);
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
		return doors_open(us.conf, NULL, &us.doors);
	if (handover_resume(resume_fd, &us.conns, &left) < 0) {
		log_error("renew", "result=failed reason=\"what was handed over cannot be read\"");
		return -EBADMSG;
	}
	reload_init(left.last_ms);
	return doors_open(us.conf, &left.doors, &us.doors);
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

int
listener_run(struct conf *conf, struct wire_servers *servers, bool only_once, int resume_fd)
{
	us.conf = conf;
	us.servers = *servers;
	certs_note(conf);
	once = only_once;
	conns_init(&us.conns, conf->limits.sessions + conf->limits.waiting);
	polls = mem_new(us.conns.max + DOORS_MAX + CONTROL_POLLS + 3, sizeof(*polls));
	catch_signals();
	penalty_init();
	if (resume_fd < 0)
		penalty_load(conf->state_dir);
	if (open_doors(resume_fd) < 0)
		return 1;
	control_open(conf->run_dir);
	cluster_start(&us);
	say_ready(resume_fd >= 0);
	reap(); /* those who ended during the exec */
	while (!us.stopping)
		turn(next_deadline());
	stop();
	return 0;
}
