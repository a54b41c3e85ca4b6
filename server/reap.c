/* SPDX-License-Identifier: ISC */
/*
 * reap.c - the children of the listener: which one ended, what that means, and who is started
 * again. A process of ours that crashed may have been somebody's guess, so the listener becomes a
 * new image soon (reload_crashed).
 */
#include "server/reap.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "server/admit.h"
#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/cluster.h"
#include "server/listen_msg.h"
#include "server/reload.h"
#include "server/resolve.h"
#include "server/servers.h"

/* Without it nobody new gets in; running transfers do not notice. */
static void
signer_ended(struct listener *l, int status)
{
	log_error("crash", "process=signer signal=%d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	reload_crashed();
	servers_signer_died(&l->servers);
}

/* Sessions go on, and so does the queue; what does not fit into that is counted as lost. */
static void
hooks_ended(struct listener *l, int status)
{
	log_error("crash", "process=hooks signal=%d status=%d",
		  WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		  WIFEXITED(status) ? WEXITSTATUS(status) : 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM)
		reload_crashed();
	servers_hooks_died(&l->servers);
}

static void
gate_ended(struct listener *l, int status)
{
	log_error("crash", "process=gate signal=%d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	reload_crashed();
	servers_gate_died(&l->servers);
}

static void
monitor_ended(struct listener *l, pid_t pid, int status)
{
	struct conn *c = conns_find(&l->conns, pid);

	if (!c)
		return;
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
		log_error("crash", "process=monitor signal=%d name=%s", WTERMSIG(status),
			  sigabbrev_np(WTERMSIG(status)));
		reload_crashed();
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == MONITOR_EXIT_CRASH)
		reload_crashed();
	admit_ended(l, c, status);
	if (c->logged_in)
		cluster_tell_end(c);
	fd_close(&c->sock);
	c->pid = 0;
	l->stopping |= l->once;
}

void
reap_children(struct listener *l)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (reload_reaped(l, pid, status) || cluster_reaped(pid, status) ||
		    resolve_reaped(pid))
			continue;
		if (pid == l->servers.signer_pid && !l->stopping) {
			signer_ended(l, status);
			continue;
		}
		if (pid == l->servers.hooks_pid && !l->stopping) {
			hooks_ended(l, status);
			continue;
		}
		if (pid == l->servers.gate_pid && !l->stopping) {
			gate_ended(l, status);
			continue;
		}
		monitor_ended(l, pid, status);
	}
}

void
reap_hung_up_signer(struct listener *l)
{
	fd_close(&l->servers.signer);
	if (l->servers.signer_pid > 0)
		kill(l->servers.signer_pid, SIGKILL);
}

void
reap_start_again(struct listener *l)
{
	const uint64_t now = clock_ms();

	if (l->stopping)
		return;
	if (now >= l->servers.signer_again_ms)
		ignore_result(servers_start_signer(l->conf, servers_complain, NULL, &l->servers));
	if (now >= l->servers.gate_again_ms)
		ignore_result(servers_start_gate(l->conf, &l->servers));
	if (now >= l->servers.hooks_again_ms)
		servers_start_hooks(l->conf, &l->servers);
}
