/* SPDX-License-Identifier: ISC */
/* child.c - waits for a child of monitor, and says how it ended. */
#include "server/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "server/base/clock.h"
#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/log.h"

/* A killed process is gone long before, unless a call of the kernel holds it. */
#define DYING_MS 1000

void
child_started(struct child *c, pid_t pid)
{
	c->pid = pid;
	c->killed = false;
	c->pidfd = pidfd_open(pid, 0);
	if (c->pidfd < 0)
		die("pidfd_open: %s", strerror(errno));
}

bool
child_ended(struct child *c, const char *name)
{
	bool crashed = false;
	int status;

	while (waitpid(c->pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid: %s", strerror(errno));
	fd_close(&c->pidfd);
	if (WIFEXITED(status) && WEXITSTATUS(status) > 128) {
		log_error("watchdog", "process=%s status=%d", name, WEXITSTATUS(status));
		crashed = true;
	}
	if (WIFSIGNALED(status) && !c->killed) {
		log_error("crash", "process=%s signal=%d name=%s", name, WTERMSIG(status),
			  sigabbrev_np(WTERMSIG(status)));
		crashed = true;
	}
	return crashed;
}

void
child_kill(struct child *c)
{
	kill(c->pid, SIGKILL);
	c->killed = true;
}

bool
child_finish(struct child *c, const char *name, uint64_t ms)
{
	struct pollfd wait = { .fd = c->pidfd, .events = POLLIN };
	uint64_t deadline = clock_ms() + ms;

	if (c->pidfd < 0)
		return false;
	if (c->killed)
		deadline = clock_ms() + DYING_MS;
	while (!wait.revents) {
		if (poll(&wait, 1, clock_poll(deadline)) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		if (wait.revents || clock_ms() < deadline)
			continue;
		if (c->killed) { /* the kernel ends it when its call comes back */
			log_error("unkillable", "process=%s pid=%ld", name, (long)c->pid);
			fd_close(&c->pidfd);
			return false;
		}
		child_kill(c);
		deadline = clock_ms() + DYING_MS;
	}
	return child_ended(c, name);
}
