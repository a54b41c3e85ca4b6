/* SPDX-License-Identifier: ISC */
/*
 * keys_command.c - see keys_command.h. Starts one program, which root wrote: no shell, no
 * environment but PATH, nothing on its standard input. The user's name is an argument, and is known
 * to be one harmless word. Distrusts: the program's time and length.
 */
#include "auth/keys_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/text.h"

#define TEXT_MAX (256u * 1024u)
#define TIME_MS 10000

/* Could somebody else have written it, or put another in its place? */
static bool
is_safe(const char *program, uid_t owner)
{
	char path[4096], *slash;
	struct stat st;

	if (program[0] != '/' || text_copy(path, sizeof(path), program) < 0)
		return false;
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	for (;;) {
		bool sticky = S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX);

		if ((st.st_uid != 0 && st.st_uid != owner) || ((st.st_mode & 022) && !sticky))
			return false;
		slash = strrchr(path, '/');
		if (path[1] == '\0')
			return true;
		slash[slash == path] = '\0';
		if (stat(path, &st) < 0)
			return false;
	}
}

NORETURN static void
become_program(const char *program, const char *user, int output)
{
	char *const argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t)user, NULL };
	char *const environment[] = { (char *)(uintptr_t) "PATH=/usr/local/bin:/usr/bin:/bin",
				      NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	(void)setpgid(0, 0); /* so that it can be ended with all that it started */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0u, 0) < 0)
		_exit(126);
	execve(program, argv, environment);
	_exit(127);
}

/* Reads to the end. Returns 0 and an ended text, -ETIMEDOUT, -EFBIG, -errno. */
static int
read_all(int fd, uint64_t deadline, char **ret_text)
{
	char *text = mem_new(TEXT_MAX, 1);
	size_t len = 0;
	int err = 0;

	while (err == 0) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&wait, 1, clock_poll(deadline)) < 0 && errno != EINTR)
			err = -errno;
		else if (clock_ms() >= deadline)
			err = -ETIMEDOUT;
		else if (wait.revents) {
			n = read(fd, text + len, TEXT_MAX - 1 - len);
			if (n == 0)
				break;
			if (n < 0 && errno != EINTR)
				err = -errno;
			len += n > 0 ? (size_t)n : 0;
			if (len == TEXT_MAX - 1)
				err = -EFBIG;
		}
	}
	text[len] = '\0';
	if (err == 0 && strlen(text) == len) {
		*ret_text = text;
		return 0;
	}
	free(text);
	return err < 0 ? err : -EIO;
}

/* Its output has ended; so must it. Returns 0 or -ETIMEDOUT. */
static int
wait_for_end(pid_t pid, uint64_t deadline)
{
	FD_OWN int pidfd = pidfd_open(pid, 0);
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };

	while (pidfd >= 0 && clock_ms() < deadline)
		if (poll(&wait, 1, clock_poll(deadline)) > 0)
			return 0;
	return -ETIMEDOUT;
}

int
keys_command_ask(const char *program, uid_t owner, const char *user, char **ret_text)
{
	FD_OWN int from = -1, to = -1;
	char *text = NULL;
	uint64_t deadline = clock_after(TIME_MS);
	int ends[2], status, err;
	pid_t pid;

	if (!is_safe(program, owner))
		return -EPERM;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	from = ends[0];
	to = ends[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		become_program(program, user, to);
	(void)setpgid(pid, pid); /* whoever comes first */
	fd_close(&to);
	err = read_all(from, deadline, &text);
	if (err == 0)
		err = wait_for_end(pid, deadline);
	if (err < 0) {
		(void)kill(-pid, SIGKILL);
		(void)kill(pid, SIGKILL); /* if it has left its group */
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			free(text);
			return -EIO;
		}
	}
	if (err == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		err = -EIO;
	if (err < 0)
		free(text);
	else
		*ret_text = text;
	return err;
}
