/* SPDX-License-Identifier: ISC */
/*
 * conns.c - the listener's table of connections. Scanned, not hashed: 1,100 rows take two
 * microseconds.
 */
#include "server/conns.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/base/ipc.h"
#include "server/listen_msg.h"

/* Waiting connections whose sources are counted to find a crowd. */
#define CROWD_LOOKS 32

void
conns_init(struct conns *t, size_t max)
{
	t->at = mem_new(max, sizeof(*t->at));
	t->max = max;
	for (size_t i = 0; i < max; i++)
		t->at[i].sock = -1;
}

struct conn *
conns_free(struct conns *t)
{
	return conns_find(t, 0);
}

struct conn *
conns_find(struct conns *t, pid_t pid)
{
	for (size_t i = 0; i < t->max; i++)
		if (t->at[i].pid == pid)
			return &t->at[i];
	return NULL;
}

bool
conns_any(const struct conns *t)
{
	for (size_t i = 0; i < t->max; i++)
		if (t->at[i].pid)
			return true;
	return false;
}

unsigned int
conns_count(const struct conns *t, const struct source *source, const char *user, bool logged_in)
{
	unsigned int n = 0;

	for (size_t i = 0; i < t->max; i++) {
		const struct conn *c = &t->at[i];

		n += c->pid && !c->stopped && c->logged_in == logged_in &&
		     (!source || source_equal(source, &c->source)) &&
		     (!user || strcmp(user, c->user) == 0);
	}
	return n;
}

struct conn *
conns_crowd(const struct conns *t, unsigned int more_than)
{
	struct conn *found = NULL;
	unsigned int most = more_than, looked = 0;

	/* From wherever the clock points: a look at all of all would cost a flood's square. */
	for (size_t i = 0, first = clock_ms() % t->max; i < t->max && looked < CROWD_LOOKS; i++) {
		struct conn *c = &t->at[(first + i) % t->max];
		unsigned int count;

		if (!c->pid || c->logged_in || c->stopped)
			continue;
		looked++;
		count = conns_count(t, &c->source, NULL, false);
		if (count > most) {
			most = count;
			found = c;
		}
	}
	for (size_t i = 0; found && i < t->max; i++) {
		struct conn *c = &t->at[i];

		if (c->pid && !c->logged_in && !c->stopped &&
		    source_equal(&c->source, &found->source) && c->since_ms < found->since_ms)
			found = c;
	}
	return found;
}

void
conns_stop(struct conn *c)
{
	uint8_t room[16];
	struct buf b;

	c->stopped = true;
	ipc_begin(&b, room, sizeof(room), LISTEN_MSG_STOP, 0);
	if (c->sock < 0 || ipc_send_now(c->sock, &b, -1) < 0)
		kill(c->pid, SIGKILL);
}

uint64_t
conns_deadline(const struct conns *t)
{
	uint64_t first = CLOCK_NEVER;

	for (size_t i = 0; i < t->max; i++)
		if (t->at[i].pid)
			first = clock_first(first, t->at[i].kill_ms);
	return first;
}

void
conns_put(const struct conns *t, struct buf *b)
{
	uint32_t count = 0;

	for (size_t i = 0; i < t->max; i++)
		count += t->at[i].pid != 0;
	buf_put_u32(b, count);
	for (size_t i = 0; i < t->max; i++) {
		const struct conn *c = &t->at[i];

		if (!c->pid)
			continue;
		buf_put_u32(b, (uint32_t)c->pid);
		buf_put_u32(b, (uint32_t)c->sock);
		buf_put_bytes(b, c->source.key, sizeof(c->source.key));
		buf_put_u8(b, c->logged_in);
		buf_put_cstring(b, c->user);
		buf_put_cstring(b, c->listener);
		buf_put_cstring(b, c->addr);
		buf_put_u8(b, c->is_sftp);
		buf_put_u8(b, c->failed);
		buf_put_u8(b, c->exempt);
		buf_put_u8(b, c->stopped);
		buf_put_u8(b, c->working);
		buf_put_u64(b, c->since_ms);
		buf_put_u64(b, c->kill_ms);
	}
}

int
conns_get(struct conns *t, struct buf *b)
{
	uint32_t count = buf_get_u32(b);

	/* The limits may have become smaller; who is here stays. */
	if (b->bad || count > CONNS_LIMIT)
		return -EBADMSG;
	if (count > t->max) {
		free(t->at);
		conns_init(t, count);
	}
	for (uint32_t i = 0; i < count; i++) {
		struct conn c = { 0 }, *row = conns_free(t);
		const uint8_t *key;

		c.pid = (pid_t)buf_get_u32(b);
		c.sock = (int)buf_get_u32(b);
		key = buf_get_bytes(b, sizeof(c.source.key));
		if (key)
			memcpy(c.source.key, key, sizeof(c.source.key));
		c.logged_in = buf_get_u8(b) == 1;
		buf_get_cstring(b, c.user, sizeof(c.user));
		buf_get_cstring(b, c.listener, sizeof(c.listener));
		buf_get_cstring(b, c.addr, sizeof(c.addr));
		c.is_sftp = buf_get_u8(b) == 1;
		c.failed = buf_get_u8(b) == 1;
		c.exempt = buf_get_u8(b) == 1;
		c.stopped = buf_get_u8(b) == 1;
		c.working = buf_get_u8(b) == 1;
		c.since_ms = buf_get_u64(b);
		c.kill_ms = buf_get_u64(b);
		if (b->bad || !row)
			return -EBADMSG;
		*row = c;
	}
	return 0;
}
