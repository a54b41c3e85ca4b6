/* SPDX-License-Identifier: ISC */
/*
 * recheck.c - a child of the listener asks for each session whether its user would be let in now,
 * since asking the system's database and PAM may block. It writes the pids of the monitors that are
 * to stop.
 */
#include "server/recheck.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/auth_serve.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/process.h"

#define RECHECK_STOP 0x5f0u /* u32 pid */

static int verdicts = -1;

static const struct conf_listener *
find_listener(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->listener_count; i++)
		if (strcmp(conf->listeners[i].name, name) == 0)
			return &conf->listeners[i];
	return NULL;
}

static void
look_at(const struct conf *conf, const struct conn *c, int sock)
{
	const struct conf_listener *listener = find_listener(conf, c->listener);
	const char *why = "its listener is gone";
	struct log_value user, reason;
	uint8_t room[16];
	struct buf b;

	if (listener && auth_serve_again(conf, listener, c->addr, c->user, &why) == 0)
		return;
	log_notice("enforce", "pid=%d user=%s reason=%s", c->pid, log_q(&user, c->user),
		   log_q(&reason, why));
	ipc_begin(&b, room, sizeof(room), RECHECK_STOP, 0);
	buf_put_u32(&b, (uint32_t)c->pid);
	if (ipc_send(sock, &b, -1) < 0)
		_exit(1);
}

void
recheck_start(struct listener *l)
{
	int ends[2];
	pid_t pid;

	if (l->conf->auth.enforce != CONF_ENFORCE_NOW)
		return;
	/* Whoever is still logging in would do it by the old rules. */
	for (size_t i = 0; i < l->conns.max; i++)
		if (l->conns.at[i].pid && !l->conns.at[i].logged_in)
			conns_stop(&l->conns.at[i]);
	if (ipc_pair(ends) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		process_keep(&ends[1], 1, true);
		process_name("recheck", "coffer-recheck", "%s", "");
		for (size_t i = 0; i < l->conns.max; i++)
			if (l->conns.at[i].pid && l->conns.at[i].logged_in)
				look_at(l->conf, &l->conns.at[i], ends[1]);
		_exit(0);
	}
	fd_close(&ends[1]);
	fd_close(&verdicts); /* of an older configuration, if it is still at it */
	verdicts = ends[0];
	if (pid < 0) {
		log_error("enforce", "result=failed reason=\"%s\"", strerror(errno));
		fd_close(&verdicts);
	}
}

int
recheck_fd(void)
{
	return verdicts;
}

void
recheck_hear(struct listener *l)
{
	uint8_t room[64];
	struct conn *c;
	uint16_t type;
	struct buf b;
	uint32_t id;
	pid_t pid;
	int err;

	err = ipc_recv(verdicts, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);
	if (err == -EAGAIN)
		return;
	pid = err == 0 && type == RECHECK_STOP ? (pid_t)buf_get_u32(&b) : 0;
	if (pid == 0 || buf_done(&b) < 0) {
		fd_close(&verdicts);
		return;
	}
	c = conns_find(&l->conns, pid);
	if (c)
		conns_stop(c);
}
