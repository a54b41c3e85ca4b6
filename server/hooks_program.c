/* SPDX-License-Identifier: ISC */
/*
 * hooks_program.c - starts hooks.program. The only place that starts a program which is not ours:
 * as an unprivileged user who cannot become anybody else, with the event on its standard input. No
 * name from outside is an argument, a part of the environment, or seen by a shell.
 */
#include "server/hooks_program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"

NORETURN static void
become_program(const char *path, int input, const char *kind)
{
	char variable[64];
	char *const argv[] = { (char *)(uintptr_t)path, (char *)(uintptr_t)kind, NULL };
	char *const environment[] = { (char *)(uintptr_t) "PATH=/usr/local/bin:/usr/bin:/bin",
				      variable, NULL };
	sigset_t none;

	(void)snprintf(variable, sizeof(variable), "COFFER_EVENT=%s", kind);
	(void)setpgid(0, 0); /* the parent does it too */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
	umask(022);
	/* 1 is /dev/null; what it says goes nowhere, for our log is not its. */
	if (dup2(input, STDIN_FILENO) < 0 || dup2(STDOUT_FILENO, STDERR_FILENO) < 0 ||
	    close_range(STDERR_FILENO + 1, ~0u, 0) < 0)
		_exit(126);
	execve(path, argv, environment);
	_exit(127);
}

int
program_start(struct program *p, const char *path, int input, const char *kind, uint64_t time_ms)
{
	pid_t pid = fork();
	int err;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		become_program(path, input, kind);
	(void)setpgid(pid, pid); /* whoever comes first; it may be gone already */
	p->pidfd = pidfd_open(pid, 0);
	if (p->pidfd < 0) {
		err = -errno;
		kill(pid, SIGKILL);
		ignore_result(waitpid(pid, NULL, 0)); /* it was killed */
		return err;
	}
	p->pid = pid;
	p->killed = false;
	p->deadline_ms = clock_after(time_ms);
	return 0;
}

void
program_kill(struct program *p)
{
	p->killed = true;
	p->deadline_ms = CLOCK_NEVER;
	kill(-p->pid, SIGKILL);
	kill(p->pid, SIGKILL); /* if it has left its group */
}

bool
program_ended(struct program *p, const char **ret_why)
{
	static char why[64];
	int status = 0;

	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	fd_close(&p->pidfd);
	if (p->killed)
		(void)snprintf(why, sizeof(why), "its time was over");
	else if (WIFSIGNALED(status))
		(void)snprintf(why, sizeof(why), "signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) == 127)
		(void)snprintf(why, sizeof(why), "it cannot be run (status 127)");
	else
		(void)snprintf(why, sizeof(why), "status %d", WEXITSTATUS(status));
	*ret_why = why;
	return !p->killed && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
