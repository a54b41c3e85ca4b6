/* SPDX-License-Identifier: ISC */
/*
 * listener.c - the door. Accepts connections, forks a monitor for each that may come (admit.c), and
 * kills a monitor that does not get its client logged in. Must not: read a byte of a client, or
 * wait for one. A new configuration is the one thing that it reads and allocates while it serves.
 */
#include "server/listener.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
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
#include "server/base/net.h"
#include "server/base/notify.h"
#include "server/base/text.h"
#include "server/certs.h"
#include "server/claims.h"
#include "server/cluster.h"
#include "server/control.h"
#include "server/gate.h"
#include "server/handover.h"
#include "server/listener_in.h"
#include "server/listen_msg.h"
#include "server/monitor.h"
#include "server/penalty.h"
#include "server/process.h"
#include "server/recheck.h"
#include "server/reload.h"
#include "server/resolve.h"
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

struct arrival {
	int fd;
	const struct door *door;
	struct sockaddr_storage peer, local; /* the client's view, also through a balancer */
	struct sockaddr_storage bound;	     /* where the socket is */
};

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
become_monitor(const struct arrival *a, int sock, int signer, int gate)
{
	struct monitor m = {
		.conf = us.conf,
		.listener = a->door->listener,
		.servers = &us.servers,
		.client_fd = a->fd,
		.listener_sock = sock,
		.signer_sock = signer,
		.hooks_sock = us.servers.hooks,
		.gate_sock = gate,
		.peer = a->peer,
		.local = a->local,
		.bound = a->bound,
		.login_deadline_ms = clock_after(us.conf->limits.login_ms),
	};
	sigset_t none;

	process_keep((int[]) { a->fd, sock, signer, gate, us.servers.hooks }, 5, true);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* ^C on a terminal reaches every process; only the listener decides what it means. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	monitor_run(&m);
}

static void
start_monitor(struct conn *c, const struct arrival *a)
{
	const struct conf_listener *l = a->door->listener;
	const bool is_sftp = l->protocol == CONF_SFTP;
	FD_OWN int signer = -1, gate = -1;
	int ends[2];
	pid_t pid;

	if (signer_connect(us.servers.signer, &signer) < 0 ||
	    (!is_sftp && gate_connect(us.servers.gate, &a->bound, &a->peer, &gate) < 0) ||
	    ipc_pair(ends) < 0) {
		pause_until_ms = clock_ms() + PAUSE_MS;
		return;
	}
	pid = fork();
	if (pid == 0)
		become_monitor(a, ends[1], signer, gate);
	fd_close(&ends[1]);
	if (pid < 0) {
		log_error("fork", "reason=\"%s\"", strerror(errno));
		pause_until_ms = clock_ms() + PAUSE_MS;
		fd_close(&ends[0]);
		return;
	}
	c->pid = pid;
	c->sock = ends[0];
	c->source = source_of(&a->peer);
	c->logged_in = c->failed = c->stopped = false;
	c->is_sftp = is_sftp;
	c->since_ms = clock_ms();
	c->user[0] = '\0';
	ignore_result(text_copy(c->listener, sizeof(c->listener), l->name)); /* same size */
	source_text(&a->peer, c->addr);
	c->kill_ms = us.conf->limits.login_ms
			 ? clock_after(us.conf->limits.login_ms + KILL_GRACE_MS)
			 : CLOCK_NEVER;
}

/* Is it a load balancer, which says by a PROXY header for whom it comes? */
static bool
is_balancer(const struct door *door, const char *addr)
{
	for (size_t i = 0; i < door->listener->proxies.count; i++)
		if (net_has(door->listener->proxies.at[i], addr))
			return true;
	return false;
}

static void
greet(struct arrival *a)
{
	socklen_t len = sizeof(a->bound);
	char addr[SESSION_ADDR_MAX];
	struct source source;
	const char *limit;
	struct conn *c;

	if (getsockname(a->fd, (struct sockaddr *)&a->bound, &len) < 0)
		return; /* it is gone already */
	source_unmap(&a->bound);
	if (a->local.ss_family == AF_UNSPEC)
		a->local = a->bound;
	source_unmap(&a->peer);
	source_unmap(&a->local);
	source_text(&a->peer, addr);
	source = source_of(&a->peer);
	limit = admit_connection(&us, &source, addr);
	c = conns_free(&us.conns);
	if (limit || !c) {
		turn_away(a->fd, a->door, addr, limit ? limit : "limits.sessions");
		return;
	}
	start_monitor(c, a);
	/* A balancer that comes for itself looks whether we live, and does not log in. */
	c->exempt = c->pid && (admit_exempt(&us, addr) || is_balancer(a->door, addr));
}

static void
accept_some(const struct door *door)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct arrival a = { .door = door };
		socklen_t len = sizeof(a.peer);
		char addr[SESSION_ADDR_MAX];
		FD_OWN int fd = -1;

		fd = accept4(door->fd, (struct sockaddr *)&a.peer, &len,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM) {
				log_warn("accept", "reason=\"%s\" pause_ms=%d", strerror(errno),
					 PAUSE_MS);
				pause_until_ms = clock_ms() + PAUSE_MS;
			}
			return;
		}
		source_unmap(&a.peer);
		source_text(&a.peer, addr);
		a.fd = fd;
		if (!is_balancer(door, addr))
			greet(&a);
		else if (gate_read_header(us.servers.gate, (uint32_t)(door - us.doors.at), fd) < 0)
			pause_until_ms = clock_ms() + PAUSE_MS;
	}
}

/* Connections of balancers, with the addresses of their headers. */
static void
hear_gate(void)
{
	struct gate_headed headed;
	int err;

	while ((err = gate_headed(us.servers.gate, &headed)) == 0) {
		FD_OWN int fd = headed.fd;
		struct arrival a = { .fd = fd, .peer = headed.peer, .local = headed.local };

		if (headed.door >= us.doors.count)
			continue;
		a.door = &us.doors.at[headed.door];
		if (!us.stopping)
			greet(&a);
	}
	if (err != -EAGAIN)
		fd_close(&us.servers.gate); /* its end follows */
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
restart_gate(int status)
{
	log_error("crash", "process=gate signal=%d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	reload_crashed();
	fd_close(&us.servers.gate);
	if (servers_start_gate(us.conf, &us.servers) < 0)
		pause_until_ms = clock_ms() + PAUSE_MS;
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
		if (reload_reaped(&us, pid, status) || cluster_reaped(pid, status) ||
		    resolve_reaped(pid))
			continue;
		if (pid == us.servers.signer_pid && !us.stopping) {
			restart_signer(status);
			continue;
		}
		if (pid == us.servers.hooks_pid && !us.stopping) {
			hooks_ended(status);
			continue;
		}
		if (pid == us.servers.gate_pid && !us.stopping) {
			restart_gate(status);
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

enum { POLL_SIGNALS, POLL_RECHECK, POLL_CLUSTER, POLL_GATE, POLL_RESOLVE, POLL_FIXED };

static uint64_t
next_deadline(void)
{
	uint64_t first = pause_until_ms ? pause_until_ms : CLOCK_NEVER;

	first = clock_first(clock_first(first, reload_deadline()), conns_deadline(&us.conns));
	first = clock_first(clock_first(first, certs_deadline(&us)), resolve_deadline());
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
	size_t n, conns_at, doors_at, control_at;
	bool paused = pause_until_ms != 0 || us.stopping;

	polls[POLL_SIGNALS] = (struct pollfd) { .fd = signals, .events = POLLIN };
	polls[POLL_RECHECK] = (struct pollfd) { .fd = recheck_fd(), .events = POLLIN };
	polls[POLL_CLUSTER] = (struct pollfd) { .fd = cluster_fd(), .events = POLLIN };
	polls[POLL_GATE] = (struct pollfd) { .fd = us.servers.gate, .events = POLLIN };
	polls[POLL_RESOLVE] = (struct pollfd) { .fd = resolve_fd(), .events = POLLIN };
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
	if (pause_until_ms && clock_ms() >= pause_until_ms)
		pause_until_ms = 0;
	for (size_t i = 0; i < us.conns.max; i++)
		if (polls[conns_at + i].revents && us.conns.at[i].pid)
			claims_hear(&us, &us.conns.at[i]);
	for (size_t i = 0; doors_at + i < n; i++)
		if (polls[doors_at + i].revents)
			accept_some(&us.doors.at[i]);
	admin_serve(&polls[control_at]);
	if (polls[POLL_GATE].revents)
		hear_gate();
	if (polls[POLL_RECHECK].revents)
		recheck_hear(&us);
	cluster_turn(&us);
	/* Last: a reload may replace the doors. */
	if (polls[POLL_SIGNALS].revents)
		hear_signals();
	kill_late();
	if (clock_ms() >= us.servers.hooks_again_ms && !us.stopping)
		servers_start_hooks(us.conf, &us.servers);
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
listener_run(struct conf *conf, struct wire_servers *servers, bool only_once, int resume_fd)
{
	us.conf = conf;
	us.servers = *servers;
	us.secret = make_secret();
	certs_note(conf);
	resolve_start(conf);
	once = only_once;
	conns_init(&us.conns, conf->limits.sessions + conf->limits.waiting);
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
	reap(); /* those who ended during the exec */
	while (!us.stopping)
		turn(next_deadline());
	stop();
	return 0;
}
