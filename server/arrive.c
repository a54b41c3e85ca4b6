/* SPDX-License-Identifier: ISC */
/*
 * arrive.c - a connection comes: may it, who is it for, and a monitor of its own. Runs in the
 * listener. Must not: read a byte of a client. What a balancer says in front of one is read by the
 * gate.
 */
#include "server/arrive.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/admit.h"
#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/net.h"
#include "server/base/text.h"
#include "server/gate.h"
#include "server/monitor.h"
#include "server/process.h"
#include "server/signer.h"
#include "server/source.h"

/* Connections taken off one door before the others are looked at again. */
#define ACCEPT_BATCH 16
/* Without descriptors or processes, accepting waits this long. */
#define PAUSE_MS 100

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
	struct log_value name;

	if (door->listener->protocol == CONF_FTPS)
		(void)send(fd, words, sizeof(words) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	log_notice("turned-away", "addr=%s listener=%s limit=%s", addr,
		   log_q(&name, door->listener->name), limit);
}

NORETURN static void
become_monitor(const struct listener *l, const struct arrival *a, int sock, int signer, int gate)
{
	struct monitor m = {
		.conf = l->conf,
		.listener = a->door->listener,
		.servers = &l->servers,
		.client_fd = a->fd,
		.listener_sock = sock,
		.signer_sock = signer,
		.hooks_sock = l->servers.hooks,
		.gate_sock = gate,
		.peer = a->peer,
		.local = a->local,
		.bound = a->bound,
		.login_deadline_ms = clock_after(l->conf->limits.login_ms),
	};
	sigset_t none;

	process_keep((int[]) { a->fd, sock, signer, gate, l->servers.hooks }, 5, true);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* ^C on a terminal reaches every process; only the listener decides what it means. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	monitor_run(&m);
}

static void
start_monitor(struct listener *l, struct conn *c, const struct arrival *a)
{
	const struct conf_listener *listener = a->door->listener;
	const bool is_sftp = listener->protocol == CONF_SFTP;
	FD_OWN int signer = -1, gate = -1;
	int ends[2];
	pid_t pid;

	if (signer_connect(l->servers.signer, &signer) < 0 ||
	    (!is_sftp && gate_connect(l->servers.gate, &a->bound, &a->peer, &gate) < 0) ||
	    ipc_pair(ends) < 0) {
		l->pause_until_ms = clock_ms() + PAUSE_MS;
		return;
	}
	pid = fork();
	if (pid == 0)
		become_monitor(l, a, ends[1], signer, gate);
	fd_close(&ends[1]);
	if (pid < 0) {
		log_error("fork", "reason=\"%s\"", strerror(errno));
		l->pause_until_ms = clock_ms() + PAUSE_MS;
		fd_close(&ends[0]);
		return;
	}
	c->pid = pid;
	c->sock = ends[0];
	c->source = source_of(&a->peer);
	c->logged_in = c->failed = c->stopped = c->working = false;
	c->is_sftp = is_sftp;
	c->since_ms = clock_ms();
	c->user[0] = '\0';
	ignore_result(text_copy(c->listener, sizeof(c->listener), listener->name)); /* same size */
	source_text(&a->peer, c->addr);
	c->kill_ms = admit_login_deadline(l);
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
greet(struct listener *l, struct arrival *a)
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
	limit = admit_connection(l, &source, addr);
	c = conns_free(&l->conns);
	if (limit || !c) {
		turn_away(a->fd, a->door, addr, limit ? limit : "limits.sessions");
		return;
	}
	start_monitor(l, c, a);
	/* A balancer that comes for itself looks whether we live, and does not log in. */
	c->exempt = c->pid && (admit_exempt(l, addr) || is_balancer(a->door, addr));
}

void
arrive_accept(struct listener *l, const struct door *door)
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
				l->pause_until_ms = clock_ms() + PAUSE_MS;
			}
			return;
		}
		source_unmap(&a.peer);
		source_text(&a.peer, addr);
		a.fd = fd;
		if (!is_balancer(door, addr))
			greet(l, &a);
		else if (gate_read_header(l->servers.gate, (uint32_t)(door - l->doors.at), fd) < 0)
			l->pause_until_ms = clock_ms() + PAUSE_MS;
	}
}

void
arrive_hear_gate(struct listener *l)
{
	struct gate_headed headed;
	int err = 0;

	/* A batch: what is left is there in the next round. */
	for (int i = 0; i < ACCEPT_BATCH && (err = gate_headed(l->servers.gate, &headed)) == 0;
	     i++) {
		FD_OWN int fd = headed.fd;
		struct arrival a = { .fd = fd, .peer = headed.peer, .local = headed.local };

		if (headed.door >= l->doors.count)
			continue;
		a.door = &l->doors.at[headed.door];
		if (!l->stopping)
			greet(l, &a);
	}
	if (err == 0 || err == -EAGAIN)
		return;
	/* It talks nonsense, or not any more; its end follows. */
	fd_close(&l->servers.gate);
	if (l->servers.gate_pid > 0)
		kill(l->servers.gate_pid, SIGKILL);
}
