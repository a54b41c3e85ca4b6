/* SPDX-License-Identifier: ISC */
/*
 * notify.c - readiness and passed sockets.
 * Sixty lines of our own, because libsystemd brings six libraries into a root process.
 */
#include "server/base/notify.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/text.h"

#define FIRST_PASSED_FD 3

void
notify_send(const char *lines)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	socklen_t len;
	FD_OWN int sock = -1;

	if (!path || (path[0] != '/' && path[0] != '@') ||
	    text_copy(to.sun_path, sizeof(to.sun_path), path) < 0)
		return;
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return;
	/* A manager that does not listen is its own problem. */
	(void)sendto(sock, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&to, len);
}

int
notify_sockets(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	uint64_t n, who;

	if (!pid || !count || num_u64(pid, INT32_MAX, &who) < 0 || (pid_t)who != getpid() ||
	    num_u64(count, 64, &n) < 0)
		return 0;
	for (int fd = FIRST_PASSED_FD; fd < FIRST_PASSED_FD + (int)n; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	return (int)n;
}
