/* SPDX-License-Identifier: ISC */
/*
 * control.c - the administrator's socket. Distrusts: everybody until SO_PEERCRED has named root or
 * us, and then still the length of the question.
 */
#include "server/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/log.h"

#define QUESTION_MS 2000

static struct {
	int sock;
	struct {
		int fd;
		uint64_t until_ms;
	} clients[CONTROL_CLIENTS];
} us = { .sock = -1 };

static int
name_socket(const char *run_dir, struct sockaddr_un *ret_addr)
{
	struct text t;

	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->sun_family = AF_UNIX;
	text_init(&t, ret_addr->sun_path, sizeof(ret_addr->sun_path));
	text_printf(&t, "%s/" CONTROL_NAME, run_dir);
	return t.cut ? -ENAMETOOLONG : 0;
}

void
control_open(const char *run_dir)
{
	struct sockaddr_un addr;
	FD_OWN int fd = -1;
	int err = name_socket(run_dir, &addr);

	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		us.clients[i].fd = -1;
	if (err == 0) {
		/* In personal mode nobody has made it yet. */
		(void)mkdir(run_dir, 0755);
		(void)unlink(addr.sun_path); /* of one that was killed */
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		    chmod(addr.sun_path, 0600) < 0 || listen(fd, CONTROL_CLIENTS) < 0)
			err = -errno;
	}
	if (err < 0) {
		log_info("control", "result=none reason=\"%s\"", strerror(-err));
		return;
	}
	us.sock = fd_give(&fd);
}

void
control_close(const char *run_dir)
{
	struct sockaddr_un addr;

	if (us.sock < 0)
		return;
	fd_close(&us.sock);
	if (name_socket(run_dir, &addr) == 0)
		(void)unlink(addr.sun_path);
}

void
control_polls(struct pollfd *polls)
{
	polls[0] = (struct pollfd) { .fd = us.sock, .events = POLLIN };
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		int fd = us.sock < 0 ? -1 : us.clients[i].fd;

		polls[1 + i] = (struct pollfd) { .fd = fd, .events = POLLIN };
	}
}

static void
take_client(void)
{
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(who);
	FD_OWN int fd = accept4(us.sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 ||
	    (who.uid != 0 && who.uid != geteuid()))
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (us.clients[i].fd >= 0)
			continue;
		us.clients[i].fd = fd_give(&fd);
		us.clients[i].until_ms = clock_after(QUESTION_MS);
		return;
	}
}

static void
send_answer(int fd, const struct text *t)
{
	for (size_t at = 0; at < t->len; at += CONTROL_PACKET) {
		size_t len = t->len - at < CONTROL_PACKET ? t->len - at : CONTROL_PACKET;

		if (send(fd, t->at + at, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return; /* he does not read */
	}
}

static void
hear_client(int fd, control_fn *answer, void *ctx)
{
	char question[CONTROL_QUESTION_MAX + 1], *room;
	ssize_t n = recv(fd, question, sizeof(question) - 1, MSG_DONTWAIT | MSG_TRUNC);
	struct text t;

	if (n <= 0 || n >= (ssize_t)sizeof(question) - 1)
		return;
	question[n] = '\0';
	room = mem_new(1, CONTROL_ANSWER_MAX);
	text_init(&t, room, CONTROL_ANSWER_MAX);
	answer(ctx, question, &t);
	send_answer(fd, &t);
	free(room);
}

void
control_turn(const struct pollfd *polls, control_fn *answer, void *ctx)
{
	uint64_t now = clock_ms();

	if (us.sock < 0)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		int *fd = &us.clients[i].fd;

		if (*fd < 0 || (!polls[1 + i].revents && now < us.clients[i].until_ms))
			continue;
		if (polls[1 + i].fd == *fd && polls[1 + i].revents)
			hear_client(*fd, answer, ctx);
		fd_close(fd);
	}
	if (polls[0].revents)
		take_client();
}

uint64_t
control_deadline(void)
{
	uint64_t first = CLOCK_NEVER;

	for (size_t i = 0; us.sock >= 0 && i < CONTROL_CLIENTS; i++)
		if (us.clients[i].fd >= 0)
			first = clock_first(first, us.clients[i].until_ms);
	return first;
}
