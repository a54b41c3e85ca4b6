/* SPDX-License-Identifier: ISC */
/*
 * cluster_redis.c - carries messages between the listener and the other nodes; it understands only
 * what must be kept. Distrusts: the server, in lengths and types. May block: nobody waits for it.
 */
#include "server/cluster_redis.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fail.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/cluster_link.h"
#include "server/cluster_msg.h"

#define VERSION 1u
/* version, node, type */
#define HEAD_BYTES 11u
#define BEAT_MS 20000
#define NODE_SECONDS 60
#define NODES_MAX 64

static struct {
	int sock;
	uint64_t node;
	uint64_t nodes[NODES_MAX]; /* that we have heard of; 0: free */
} us;

static struct cluster_link redis;

/* ---- to the listener ---- */

static void
tell_listener(uint16_t type, uint64_t node, const void *body, size_t len)
{
	uint8_t room[CLUSTER_MSG_MAX];
	struct buf b;

	ipc_begin(&b, room, sizeof(room), type, 0);
	if (type != CLUSTER_MSG_RESYNC)
		buf_put_u64(&b, node);
	buf_put_bytes(&b, body, len);
	if (b.bad)
		return; /* too long for one of ours */
	if (ipc_send(us.sock, &b, -1) == -EPIPE)
		_exit(0);
}

static void
remember(uint64_t node)
{
	size_t free_at = NODES_MAX;

	for (size_t i = 0; i < NODES_MAX; i++) {
		if (us.nodes[i] == node)
			return;
		if (us.nodes[i] == 0 && free_at == NODES_MAX)
			free_at = i;
	}
	if (free_at < NODES_MAX)
		us.nodes[free_at] = node;
}

/* One published message. */
static void
hear(const char *bytes, size_t len)
{
	struct buf b;
	uint64_t node;
	uint16_t type;

	if (len < HEAD_BYTES || len > CLUSTER_MSG_MAX)
		return;
	buf_init_read(&b, bytes, len);
	if (buf_get_u8(&b) != VERSION)
		return;
	node = buf_get_u64(&b);
	type = buf_get_u16(&b);
	if (node == us.node || node == 0 || type == CLUSTER_MSG_RESYNC)
		return;
	remember(node);
	tell_listener(type, node, bytes + HEAD_BYTES, len - HEAD_BYTES);
}

static void
read_events(void)
{
	void *raw = NULL;

	if (redisBufferRead(redis.events) != REDIS_OK) {
		cluster_link_lost(&redis, redis.events->errstr);
		return;
	}
	while (redis.events && redisGetReplyFromReader(redis.events, &raw) == REDIS_OK && raw) {
		redisReply *reply = raw;

		if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
		    reply->element[0]->type == REDIS_REPLY_STRING &&
		    strcmp(reply->element[0]->str, "message") == 0 &&
		    reply->element[2]->type == REDIS_REPLY_STRING)
			hear(reply->element[2]->str, reply->element[2]->len);
		freeReplyObject(reply);
	}
}

/* ---- from the listener ---- */

static void
hex(char *room, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		room[2 * i] = digits[bytes[i] >> 4];
		room[2 * i + 1] = digits[bytes[i] & 15];
	}
	room[2 * len] = '\0';
}

static void
publish(uint16_t type, const uint8_t *body, size_t len)
{
	uint8_t room[HEAD_BYTES + CLUSTER_MSG_MAX];
	struct buf b;

	buf_init(&b, room, sizeof(room));
	buf_put_u8(&b, VERSION);
	buf_put_u64(&b, us.node);
	buf_put_u16(&b, type);
	buf_put_bytes(&b, body, len);
	cluster_link_do(&redis, redis.commands, "PUBLISH %s:events %b", redis.conf->cluster.name,
			room, b.end);
}

static void
keep_ban(struct buf *b)
{
	const uint8_t *key = buf_get_bytes(b, 16);
	uint64_t ms = buf_get_u64(b);
	char source[33];

	if (!key || buf_done(b) < 0)
		return;
	hex(source, key, 16);
	if (ms == 0)
		cluster_link_do(&redis, redis.commands, "DEL %s:ban:%s", redis.conf->cluster.name,
				source);
	else if (ms == CLOCK_NEVER)
		cluster_link_do(&redis, redis.commands, "SET %s:ban:%s 1", redis.conf->cluster.name,
				source);
	else
		cluster_link_do(&redis, redis.commands, "SET %s:ban:%s 1 PX %" PRIu64,
				redis.conf->cluster.name, source, ms);
}

/* What the listener told: kept where it must be, and published. */
static void
pass_on(uint16_t type, struct buf *b)
{
	const uint8_t *body;
	size_t len;
	struct buf rest;

	buf_get_u64(b); /* us */
	len = buf_left(b);
	body = buf_get_bytes(b, len);
	if (!redis.commands || !body)
		return;
	buf_init_read(&rest, body, len);
	if (type == CLUSTER_MSG_BAN)
		keep_ban(&rest);
	else if (type == CLUSTER_MSG_SESSION)
		cluster_link_do(&redis, redis.commands,
				"HSET %s:node:%016" PRIx64 " %" PRIu64 " %b",
				redis.conf->cluster.name, us.node, buf_get_u64(&rest), body, len);
	else if (type == CLUSTER_MSG_SESSION_END)
		cluster_link_do(&redis, redis.commands, "HDEL %s:node:%016" PRIx64 " %" PRIu64,
				redis.conf->cluster.name, us.node, buf_get_u64(&rest));
	publish(type, body, len);
}

/* ---- joining, and staying ---- */

/* The key ends in the source. */
static void
learn_ban(const char *key, const char *source)
{
	uint8_t body[24];
	unsigned int byte;
	redisReply *reply;
	struct buf b;

	buf_init(&b, body, sizeof(body));
	for (size_t i = 0; i < 16 && strlen(source) == 32; i++)
		if (sscanf(source + 2 * i, "%2x", &byte) == 1)
			buf_put_u8(&b, (uint8_t)byte);
	reply = cluster_link_ask(&redis, redis.commands, "PTTL %s", key);
	if (!reply)
		return;
	/* -1: for good; -2: it has just ended */
	buf_put_u64(&b, reply->integer < 0 ? CLOCK_NEVER : (uint64_t)reply->integer);
	if (b.end == sizeof(body) && reply->type == REDIS_REPLY_INTEGER && reply->integer != -2)
		tell_listener(CLUSTER_MSG_BAN, us.node, body, b.end);
	freeReplyObject(reply);
}

/* The key ends in the node; its fields are sessions, and one that says that it lives. */
static void
learn_node(const char *key, const char *word)
{
	uint64_t node = strtoull(word, NULL, 16); /* 0 for what is none */
	redisReply *reply;

	if (node == 0 || node == us.node)
		return;
	reply = cluster_link_ask(&redis, redis.commands, "HGETALL %s", key);
	if (!reply)
		return;
	remember(node);
	for (size_t i = 1; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i += 2)
		if (reply->element[i]->type == REDIS_REPLY_STRING && reply->element[i]->len > 1)
			tell_listener(CLUSTER_MSG_SESSION, node, reply->element[i]->str,
				      reply->element[i]->len);
	freeReplyObject(reply);
}

/* Every key NAME:kind:... */
static void
learn(const char *kind, void (*each)(const char *key, const char *rest))
{
	char cursor[32] = "0", prefix[128];
	struct text t;

	text_init(&t, prefix, sizeof(prefix));
	text_printf(&t, "%s:%s:", redis.conf->cluster.name, kind);
	do {
		redisReply *reply = cluster_link_ask(
		    &redis, redis.commands, "SCAN %s MATCH %s* COUNT 1000", cursor, prefix);
		const redisReply *keys;

		if (!reply)
			return;
		if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
		    reply->element[0]->type != REDIS_REPLY_STRING ||
		    reply->element[1]->type != REDIS_REPLY_ARRAY ||
		    text_copy(cursor, sizeof(cursor), reply->element[0]->str) < 0) {
			freeReplyObject(reply);
			return;
		}
		keys = reply->element[1];
		for (size_t i = 0; i < keys->elements && redis.commands; i++)
			if (keys->element[i]->type == REDIS_REPLY_STRING &&
			    strncmp(keys->element[i]->str, prefix, t.len) == 0)
				each(keys->element[i]->str, keys->element[i]->str + t.len);
		freeReplyObject(reply);
	} while (redis.commands && strcmp(cursor, "0") != 0);
}

static void
stay(void)
{
	cluster_link_do(&redis, redis.commands, "HSET %s:node:%016" PRIx64 " alive 1",
			redis.conf->cluster.name, us.node);
	cluster_link_do(&redis, redis.commands, "EXPIRE %s:node:%016" PRIx64 " %d",
			redis.conf->cluster.name, us.node, NODE_SECONDS);
	for (size_t i = 0; i < NODES_MAX && redis.commands; i++) {
		redisReply *reply =
		    us.nodes[i]
			? cluster_link_ask(&redis, redis.commands, "EXISTS %s:node:%016" PRIx64,
					   redis.conf->cluster.name, us.nodes[i])
			: NULL;

		if (reply && reply->type == REDIS_REPLY_INTEGER && reply->integer == 0) {
			log_notice("cluster", "node=%016" PRIx64 " result=gone", us.nodes[i]);
			tell_listener(CLUSTER_MSG_NODE_GONE, us.nodes[i], "", 0);
			us.nodes[i] = 0;
		}
		if (reply)
			freeReplyObject(reply);
	}
	if (redis.commands) /* else the link has said when to try again */
		redis.next_ms = clock_ms() + BEAT_MS;
}

/* Listens first, so that nothing is missed between reading what is there and hearing what comes. */
static void
join(void)
{
	if (!cluster_link_open(&redis))
		return;
	cluster_link_do(&redis, redis.events, "SUBSCRIBE %s:events", redis.conf->cluster.name);
	cluster_link_do(&redis, redis.commands, "DEL %s:node:%016" PRIx64, redis.conf->cluster.name,
			us.node);
	publish(CLUSTER_MSG_NODE_GONE, (const uint8_t *)"", 0); /* of a time before this one */
	for (size_t i = 0; i < NODES_MAX; i++)
		if (us.nodes[i])
			tell_listener(CLUSTER_MSG_NODE_GONE, us.nodes[i], "", 0);
	stay();
	learn("ban", learn_ban);
	learn("node", learn_node);
	if (!redis.commands)
		return;
	redis.complained = false;
	log_notice("cluster", "redis=%s node=%016" PRIx64 " result=joined",
		   redis.conf->cluster.redis, us.node);
	tell_listener(CLUSTER_MSG_RESYNC, 0, "", 0);
}

/* ---- the loop ---- */

static void
turn(void)
{
	uint8_t room[CLUSTER_MSG_MAX];
	struct pollfd fds[] = {
		{ .fd = us.sock, .events = POLLIN },
		{ .fd = redis.events ? redis.events->fd : -1, .events = POLLIN },
	};
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err;

	if (poll(fds, COUNT_OF(fds), clock_poll(redis.next_ms)) < 0 && errno != EINTR)
		die("poll: %s", strerror(errno));
	if (fds[1].revents && redis.events)
		read_events();
	if (fds[0].revents) {
		err = ipc_recv(us.sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);
		if (err == 0)
			pass_on(type, &b);
		else if (err != -EAGAIN)
			_exit(0); /* the listener has ended, or has another configuration */
	}
	if (clock_ms() < redis.next_ms)
		return;
	if (redis.commands)
		stay();
	else
		join();
}

void
cluster_redis_run(const struct conf *conf, const struct sandbox_ids *ids, int sock, uint64_t node)
{
	us.sock = sock;
	us.node = node;
	log_process("cluster");
	cluster_link_init(&redis, conf);
	sandbox_cluster(conf, ids);
	for (;;)
		turn();
}
