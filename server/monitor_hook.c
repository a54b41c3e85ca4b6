/* SPDX-License-Identifier: ISC */
/*
 * monitor_hook.c - what monitor passes on to coffer-hooks: its own word of a login, and what its
 * worker says, under the name that monitor knows. Distrusts: worker, for the shape of what it says.
 */
#include "server/monitor_hook.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "server/base/log.h"
#include "server/base/text.h"
#include "server/hook.h"
#include "server/sandbox_filter.h"
#include "server/worker.h"

/* Wire and the listener want to be heard too. */
#define AT_ONCE 64

static uint64_t lost; /* since the last message that found room */
static uint64_t lost_ever;

static void
count_lost(uint64_t count)
{
	lost += count;
	lost_ever += count;
}

static void
fill_origin(const struct mon *mon, struct hook_origin *o)
{
	struct timespec now = { 0 };

	memset(o, 0, sizeof(*o));
	clock_gettime(CLOCK_REALTIME, &now);
	o->time_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	/* They fit, or are cut as in the log. */
	(void)snprintf(o->session, sizeof(o->session), "%s", mon->session);
	(void)snprintf(o->protocol, sizeof(o->protocol), "%s", monitor_protocol(mon));
	(void)snprintf(o->addr, sizeof(o->addr), "%s", mon->addr);
	(void)snprintf(o->user, sizeof(o->user), "%s", mon->user);
}

/* Nobody waits for a hook. */
static void
pass_on(const struct mon *mon, const struct hook_origin *o, const struct hook_event *e)
{
	static uint8_t room[HOOK_MESSAGE_MAX];
	struct buf b;

	ipc_begin(&b, room, sizeof(room), HOOK_MSG_EVENT, 0);
	buf_put_u64(&b, lost);
	hook_put_origin(&b, o);
	hook_put_event(&b, e);
	if (ipc_send_now(mon->m->hooks_sock, &b, -1) == 0)
		lost = 0;
	else
		count_lost(1);
}

void
monitor_hook_login(const struct mon *mon)
{
	static const struct hook_event login = { .kind = HOOK_LOGIN };
	struct hook_origin o;

	if (!hook_wants(mon->m->conf, HOOK_LOGIN))
		return;
	fill_origin(mon, &o);
	(void)snprintf(o.method, sizeof(o.method), "%s", auth_serve_method(mon->auth));
	pass_on(mon, &o, &login);
}

static void
on_event(const struct mon *mon, struct buf *b)
{
	static struct hook_event e;
	struct hook_origin o;
	uint64_t lost_there = buf_get_u64(b);

	hook_get_event(b, &e);
	if (buf_done(b) < 0 || lost_there > UINT32_MAX || !hook_wants(mon->m->conf, e.kind)) {
		log_error("bad-message", "from=worker type=%u", WORKER_MSG_EVENT);
		return;
	}
	count_lost(lost_there);
	fill_origin(mon, &o);
	pass_on(mon, &o, &e);
}

int
monitor_hook_hear(const struct mon *mon, struct buf *ret_b)
{
	static uint8_t room[HOOK_MESSAGE_MAX];
	uint16_t type;
	uint32_t id;
	int err = 0;

	for (int i = 0; i < AT_ONCE && err == 0; i++) {
		err = ipc_recv(mon->worker_sock, MSG_DONTWAIT, room, sizeof(room), ret_b, &type,
			       &id, NULL);
		if (err == 0 && type != WORKER_MSG_EVENT)
			return type;
		if (err == 0)
			on_event(mon, ret_b);
	}
	return err == 0 ? -EAGAIN : err;
}

void
monitor_hook_end(const struct mon *mon)
{
	uint8_t room[64];
	struct buf b;

	if (lost_ever == 0)
		return;
	log_warn("hook-lost", "count=%" PRIu64 " why=\"the queue to coffer-hooks was full\"",
		 lost_ever);
	ipc_begin(&b, room, sizeof(room), HOOK_MSG_LOST, 0);
	buf_put_u64(&b, lost);
	if (lost > 0)
		ignore_result(ipc_send_now(mon->m->hooks_sock, &b, -1)); /* the log has it */
}
