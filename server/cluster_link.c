/* SPDX-License-Identifier: ISC */
/*
 * cluster_link.c - the two connections to Redis or Valkey. Owns: sockets, password, and whether it
 * was complained already. Distrusts: the server's words. May block: see ANSWER_MS.
 */
#include "server/cluster_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/base/net.h"

#define ANSWER_MS 3000
#define RETRY_MS 2000

void
cluster_link_lost(struct cluster_link *l, const char *why)
{
	struct log_value quoted;

	if (!l->complained)
		log_error("cluster", "redis=%s result=unreachable reason=%s action=alone",
			  l->conf->cluster.redis, log_q(&quoted, why)); /* the server's words */
	l->complained = true;
	if (l->events)
		redisFree(l->events);
	if (l->commands)
		redisFree(l->commands);
	l->events = l->commands = NULL;
	l->next_ms = clock_ms() + RETRY_MS;
}

/* The socket is ours, so that no name is ever resolved. */
static redisContext *
dial(const struct cluster_link *l)
{
	struct timeval answer = { .tv_sec = ANSWER_MS / 1000 };
	struct sockaddr_storage addr;
	socklen_t len;
	redisContext *c;
	int fd;

	if (net_endpoint(l->conf->cluster.redis, &addr, &len) < 0)
		return NULL;
	fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	ignore_result(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &answer, sizeof(answer)));
	ignore_result(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &answer, sizeof(answer)));
	if (connect(fd, (struct sockaddr *)&addr, len) < 0) {
		fd_close(&fd);
		return NULL;
	}
	c = redisConnectFd(fd);
	if (!c)
		fd_close(&fd);
	return c;
}

static redisReply *
ask(struct cluster_link *l, redisContext *c, const char *format, va_list args)
{
	redisReply *reply;

	if (!c)
		return NULL;
	reply = redisvCommand(c, format, args);
	if (reply && reply->type != REDIS_REPLY_ERROR)
		return reply;
	cluster_link_lost(l, reply ? reply->str : c->errstr);
	if (reply)
		freeReplyObject(reply);
	return NULL;
}

redisReply *
cluster_link_ask(struct cluster_link *l, redisContext *c, const char *format, ...)
{
	redisReply *reply;
	va_list args;

	va_start(args, format);
	reply = ask(l, c, format, args);
	va_end(args);
	return reply;
}

bool
cluster_link_do(struct cluster_link *l, redisContext *c, const char *format, ...)
{
	redisReply *reply;
	va_list args;

	va_start(args, format);
	reply = ask(l, c, format, args);
	va_end(args);
	if (reply)
		freeReplyObject(reply);
	return reply != NULL;
}

/* Its words stay here: a server that does not know AUTH repeats what was behind it. */
static bool
log_in(struct cluster_link *l, redisContext *c)
{
	redisReply *reply;
	bool good;

	if (!l->password[0])
		return true;
	reply = redisCommand(c, "AUTH %s", l->password);
	good = reply && reply->type != REDIS_REPLY_ERROR;
	if (!good)
		cluster_link_lost(l, reply ? "it does not take the password" : c->errstr);
	if (reply)
		freeReplyObject(reply);
	return good;
}

bool
cluster_link_open(struct cluster_link *l)
{
	l->events = dial(l);
	l->commands = l->events ? dial(l) : NULL;
	if (!l->commands) {
		cluster_link_lost(l, strerror(errno));
		return false;
	}
	return log_in(l, l->events) && log_in(l, l->commands);
}

void
cluster_link_init(struct cluster_link *l, const struct conf *conf)
{
	const char *file = conf->cluster.password_file;
	FD_OWN int fd = file ? open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
	struct log_value quoted;
	ssize_t n;

	l->conf = conf;
	if (!file)
		return;
	n = fd < 0 ? -1 : read(fd, l->password, sizeof(l->password) - 1);
	if (n < 0)
		log_error("cluster", "password-file=%s reason=\"%s\"", log_q(&quoted, file),
			  strerror(errno));
	l->password[strcspn(l->password, "\r\n")] = '\0';
}
