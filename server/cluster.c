/* SPDX-License-Identifier: ISC */
/*
 * cluster.c - tells the other nodes, and counts what they tell. Distrusts: what comes over the
 * network. Who can write to the Redis server can ban, forgive, and spoil the counts; he cannot log
 * anybody in. All memory is fixed.
 */
#include "server/cluster.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/admit.h"
#include "server/base/clock.h"
#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/cluster_msg.h"
#include "server/cluster_redis.h"
#include "server/process.h"
#include "server/reload.h"

/* Sessions of all other nodes together. */
#define REMOTE_MAX 16384u
/* While its process has more to take than fits, it is offered again after this. */
#define BUSY_MS 20
/* A process that died is started anew after this. */
#define AGAIN_MS 5000
/* Messages of others that are heard in one turn. */
#define BATCH 64

struct remote {
	uint64_t node, id; /* node 0: the row is free */
	struct source source;
	char user[ACCOUNT_NAME_MAX];
};

static struct {
	int sock;
	pid_t pid;
	uint64_t again_ms; /* when to start another process; CLOCK_NEVER: it runs */
	struct remote *remotes;
	size_t top;    /* rows from here on are free */
	size_t resync; /* the next of our own to be told; SIZE_MAX: all are */
	uint64_t lost;
	uint64_t node; /* ours; the same for all images and configurations of this listener */
} us = { .sock = -1, .resync = SIZE_MAX, .again_ms = CLOCK_NEVER };

void
cluster_start(const struct listener *l)
{
	int ends[2];
	pid_t pid;

	fd_close(&us.sock); /* its process ends with it */
	us.top = 0;
	us.resync = SIZE_MAX;
	us.pid = 0;
	us.again_ms = CLOCK_NEVER;
	if (us.node == 0 && getrandom(&us.node, sizeof(us.node), 0) != sizeof(us.node))
		die("no randomness for a node's number");
	if (!l->conf->cluster.redis)
		return;
	if (ipc_pair(ends) < 0) {
		us.again_ms = clock_after(AGAIN_MS);
		return;
	}
	if (!us.remotes)
		us.remotes = mem_new(REMOTE_MAX, sizeof(*us.remotes));
	pid = fork();
	if (pid == 0) {
		process_keep(&ends[1], 1, true);
		process_name("cluster", "coffer-cluster", "%s", l->conf->cluster.redis);
		cluster_redis_run(l->conf, &l->servers.ids, ends[1], us.node);
	}
	fd_close(&ends[1]);
	us.sock = ends[0];
	us.pid = pid;
	if (pid < 0) {
		log_error("fork", "reason=\"%s\"", strerror(errno));
		us.again_ms = clock_after(AGAIN_MS);
		fd_close(&us.sock);
	}
}

bool
cluster_reaped(pid_t pid, int status)
{
	if (us.pid <= 0 || pid != us.pid)
		return false;
	us.pid = 0;
	us.again_ms = clock_after(AGAIN_MS);
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		reload_crashed(); /* nobody learns our layout by trying */
	log_error("crash", "process=cluster signal=%d status=%d action=alone",
		  WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		  WIFEXITED(status) ? WEXITSTATUS(status) : 0);
	return true;
}

uint64_t
cluster_deadline(void)
{
	uint64_t busy = us.sock >= 0 && us.resync != SIZE_MAX ? clock_ms() + BUSY_MS : CLOCK_NEVER;

	return clock_first(busy, us.again_ms);
}

int
cluster_fd(void)
{
	return us.sock;
}

void
cluster_put(struct buf *b)
{
	buf_put_u64(b, us.node);
}

void
cluster_get(struct buf *b)
{
	us.node = buf_get_u64(b);
}

/* ---- to the others ---- */

/* What the process cannot take now is lost, and said at 1, 2, 4, 8... */
static void
tell(const struct buf *b)
{
	if (us.sock < 0 || ipc_send_now(us.sock, b, -1) == 0)
		return;
	us.lost++;
	if ((us.lost & (us.lost - 1)) == 0)
		log_warn("cluster", "result=lost count=%" PRIu64, us.lost);
}

static void
begin(struct buf *b, uint8_t room[CLUSTER_MSG_MAX], uint16_t type)
{
	ipc_begin(b, room, CLUSTER_MSG_MAX, type, 0);
	buf_put_u64(b, 0);
}

void
cluster_tell_penalty(const struct source *source, enum penalty what)
{
	uint8_t room[CLUSTER_MSG_MAX];
	struct buf b;

	begin(&b, room, CLUSTER_MSG_PENALTY);
	buf_put_bytes(&b, source->key, sizeof(source->key));
	buf_put_u8(&b, (uint8_t)what);
	tell(&b);
}

void
cluster_tell_ban(const struct source *source, uint64_t ms)
{
	uint8_t room[CLUSTER_MSG_MAX];
	struct buf b;

	begin(&b, room, CLUSTER_MSG_BAN);
	buf_put_bytes(&b, source->key, sizeof(source->key));
	buf_put_u64(&b, ms);
	tell(&b);
}

void
cluster_tell_name(uint64_t digest)
{
	uint8_t room[CLUSTER_MSG_MAX];
	struct buf b;

	begin(&b, room, CLUSTER_MSG_NAME);
	buf_put_u64(&b, digest);
	tell(&b);
}

void
cluster_tell_code(uint64_t digest, uint64_t step)
{
	uint8_t room[CLUSTER_MSG_MAX];
	struct buf b;

	begin(&b, room, CLUSTER_MSG_CODE);
	buf_put_u64(&b, digest);
	buf_put_u64(&b, step);
	tell(&b);
}

static bool
tell_session(const struct conn *c)
{
	uint8_t room[CLUSTER_MSG_MAX];
	struct buf b;

	begin(&b, room, CLUSTER_MSG_SESSION);
	buf_put_u64(&b, (uint64_t)c->pid);
	buf_put_bytes(&b, c->source.key, sizeof(c->source.key));
	buf_put_cstring(&b, c->user);
	return ipc_send_now(us.sock, &b, -1) == 0;
}

void
cluster_tell_session(const struct conn *c)
{
	if (us.sock >= 0 && !tell_session(c))
		us.resync = 0; /* not lost: all are told again */
}

void
cluster_tell_end(const struct conn *c)
{
	uint8_t room[CLUSTER_MSG_MAX];
	struct buf b;

	begin(&b, room, CLUSTER_MSG_SESSION_END);
	buf_put_u64(&b, (uint64_t)c->pid);
	tell(&b); /* if lost, the others count it until we or they start anew */
}

/* ---- from the others ---- */

static struct remote *
find_remote(uint64_t node, uint64_t id)
{
	for (size_t i = 0; i < us.top; i++)
		if (us.remotes[i].node == node && us.remotes[i].id == id)
			return &us.remotes[i];
	return NULL;
}

static void
add_remote(uint64_t node, uint64_t id, const struct source *source, const char *user)
{
	struct remote *r = find_remote(node, id);

	for (size_t i = 0; !r && i < us.top; i++)
		if (us.remotes[i].node == 0)
			r = &us.remotes[i];
	if (!r && us.top < REMOTE_MAX)
		r = &us.remotes[us.top++];
	if (!r)
		return; /* more than we can count: the limits hold for those that we know */
	r->node = node;
	r->id = id;
	r->source = *source;
	ignore_result(text_copy(r->user, sizeof(r->user), user)); /* same size */
}

static void
forget(uint64_t node, const uint64_t *id)
{
	for (size_t i = 0; i < us.top; i++)
		if (us.remotes[i].node == node && (!id || us.remotes[i].id == *id))
			us.remotes[i].node = 0;
	while (us.top > 0 && us.remotes[us.top - 1].node == 0)
		us.top--;
}

static void
get_source(struct buf *b, struct source *ret)
{
	const uint8_t *key = buf_get_bytes(b, sizeof(ret->key));

	memset(ret, 0, sizeof(*ret));
	if (key)
		memcpy(ret->key, key, sizeof(ret->key));
}

static void
hear_ban(const struct source *source, uint64_t ms)
{
	if (ms == 0)
		(void)penalty_forgive(source); /* perhaps there was nothing */
	else
		penalty_ban(source, ms, clock_ms());
}

static void
hear_other(const struct listener *l, uint16_t type, struct buf *b)
{
	uint64_t node = buf_get_u64(b), id, number;
	char user[ACCOUNT_NAME_MAX];
	struct source source;
	uint8_t what;

	switch (type) {
	case CLUSTER_MSG_PENALTY:
		get_source(b, &source);
		what = buf_get_u8(b);
		if (buf_done(b) == 0 && what <= PENALTY_CRASH)
			admit_penalty(l, &source, (enum penalty)what);
		break;
	case CLUSTER_MSG_BAN:
		get_source(b, &source);
		number = buf_get_u64(b);
		if (buf_done(b) == 0)
			hear_ban(&source, number);
		break;
	case CLUSTER_MSG_NAME:
		number = buf_get_u64(b);
		if (buf_done(b) == 0)
			(void)penalty_name(number, clock_ms()); /* nobody waits for it here */
		break;
	case CLUSTER_MSG_CODE:
		id = buf_get_u64(b);
		number = buf_get_u64(b);
		if (buf_done(b) == 0)
			(void)penalty_code(id, number, clock_ms()); /* used there */
		break;
	case CLUSTER_MSG_SESSION:
		id = buf_get_u64(b);
		get_source(b, &source);
		buf_get_cstring(b, user, sizeof(user));
		if (buf_done(b) == 0 && node != 0)
			add_remote(node, id, &source, user);
		break;
	case CLUSTER_MSG_SESSION_END:
		id = buf_get_u64(b);
		if (buf_done(b) == 0 && node != 0)
			forget(node, &id);
		break;
	case CLUSTER_MSG_NODE_GONE:
		if (buf_done(b) == 0 && node != 0)
			forget(node, NULL);
		break;
	default: /* of a newer version */
		break;
	}
}

static void
tell_rest(const struct listener *l)
{
	while (us.resync < l->conns.max) {
		const struct conn *c = &l->conns.at[us.resync];

		if (c->pid && c->logged_in && !tell_session(c))
			return;
		us.resync++;
	}
	us.resync = SIZE_MAX;
}

void
cluster_turn(const struct listener *l)
{
	uint8_t room[CLUSTER_MSG_MAX];
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err = 0;

	for (int i = 0; i < BATCH && us.sock >= 0 && err == 0; i++) {
		err = ipc_recv(us.sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);
		if (err == 0 && type == CLUSTER_MSG_RESYNC)
			us.resync = 0;
		else if (err == 0)
			hear_other(l, type, &b);
	}
	if (err < 0 && err != -EAGAIN) {
		fd_close(&us.sock); /* its status follows */
		us.top = 0;
	}
	if (us.sock >= 0 && us.resync != SIZE_MAX)
		tell_rest(l);
	if (clock_ms() >= us.again_ms)
		cluster_start(l);
}

unsigned int
cluster_count(const struct source *source, const char *user)
{
	unsigned int count = 0;

	for (size_t i = 0; i < us.top; i++) {
		const struct remote *r = &us.remotes[i];

		count += r->node != 0 && (!source || source_equal(&r->source, source)) &&
			 (!user || strcmp(r->user, user) == 0);
	}
	return count;
}
