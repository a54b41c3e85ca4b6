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

void
child_started(struct child *c, pid_t pid)
{
	c->pid = pid;
	c->pidfd = pidfd_open(pid, 0);
	if (c->pidfd < 0)
		die("pidfd_open: %s", strerror(errno));
}

bool
child_ended(struct child *c, const char *name, bool killed_by_us)
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
	if (WIFSIGNALED(status) && !killed_by_us) {
		log_error("crash", "process=%s signal=%d name=%s", name, WTERMSIG(status),
			  sigabbrev_np(WTERMSIG(status)));
		crashed = true;
	}
	return crashed;
}

bool
child_finish(struct child *c, const char *name, uint64_t ms)
{
	struct pollfd wait = { .fd = c->pidfd, .events = POLLIN };
	uint64_t deadline = clock_ms() + ms;
	bool killed = false;

	if (c->pidfd < 0)
		return false;
	while (!wait.revents) {
		if (poll(&wait, 1, clock_poll(deadline)) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		if (!wait.revents && clock_ms() >= deadline) {
			kill(c->pid, SIGKILL);
			killed = true;
			deadline = CLOCK_NEVER;
		}
	}
	return child_ended(c, name, killed);
}
