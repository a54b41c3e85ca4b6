/* SPDX-License-Identifier: ISC */
/* ctl_password.c - typing a password. Owns: the terminal's echo, which is always put back. */
#include "server/ctl_password.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/text.h"

static volatile sig_atomic_t caught;

static void
on_signal(int number)
{
	caught = number;
}

/* One line, byte by byte: what stands behind it is left for others. */
static int
read_line(int fd, char *room, size_t size)
{
	size_t len = 0;
	char c;

	for (;;) {
		ssize_t n = read(fd, &c, 1);

		if (n < 0)
			return -errno; /* -EINTR too: the person changed his mind */
		if (n == 0 && len == 0)
			return -ENODATA;
		if (n == 0 || c == '\n')
			break;
		if (len == size - 1)
			return -EMSGSIZE;
		room[len++] = c;
	}
	if (len > 0 && room[len - 1] == '\r')
		len--;
	room[len] = '\0';
	return len == 0 ? -EINVAL : 0;
}

/* The same from a terminal, with a prompt and without echo. */
static int
ask_line(const char *prompt, const char *user, char *room, size_t size)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	struct sigaction act = { .sa_handler = on_signal }, old[COUNT_OF(signals)];
	struct termios shown, hidden;
	int err;

	if (tcgetattr(STDIN_FILENO, &shown) < 0)
		return -errno;
	for (size_t i = 0; i < COUNT_OF(signals); i++)
		sigaction(signals[i], &act, &old[i]);
	hidden = shown;
	hidden.c_lflag &= (tcflag_t) ~(ECHO | ECHONL);
	fprintf(stderr, "%s for %s: ", prompt, user);
	err = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) < 0 ? -errno : 0;
	if (err == 0)
		err = read_line(STDIN_FILENO, room, size);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	fputc('\n', stderr);
	for (size_t i = 0; i < COUNT_OF(signals); i++)
		sigaction(signals[i], &old[i], NULL);
	if (caught)
		raise(caught);
	return err;
}

int
ctl_password_check(const char *program, const char *user, const char *password)
{
	char *const argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t)user, NULL };
	char *const envp[] = { (char[]) { "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, NULL };
	FD_OWN int in = -1, out = -1;
	posix_spawn_file_actions_t actions;
	int ends[2], status, err;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	in = ends[0];
	out = ends[1];
	/* A pipe holds more than a password, so nobody waits for a program that does not read. */
	err = fd_write_full(out, password, strlen(password));
	if (err < 0)
		return err;
	fd_close(&out);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	err = -posix_spawn(&pid, program, &actions, NULL, argv, envp);
	posix_spawn_file_actions_destroy(&actions);
	if (err < 0) {
		fprintf(stderr, "cofferctl: auth.password-check: %s: %s\n", program,
			strerror(-err));
		return err;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EACCES;
}

int
ctl_password(const char *user, char *room, size_t size)
{
	char again[CTL_PASSWORD_MAX];
	int err;

	if (!isatty(STDIN_FILENO))
		return read_line(STDIN_FILENO, room, size);
	err = ask_line("New password", user, room, size);
	if (err == 0)
		err = ask_line("Once more", user, again, sizeof(again));
	if (err == 0 && strcmp(room, again) != 0) {
		fputs("cofferctl: the two are not the same\n", stderr);
		err = -EINVAL;
	}
	mem_wipe(again, sizeof(again));
	return err;
}
