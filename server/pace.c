/* SPDX-License-Identifier: ISC */
/* pace.c - the session's side of rates. Lives in wire; what others share is counted by worker. */
#include "server/pace.h"

#include "server/base/clock.h"

void
pace_init(struct pace *p, struct vfs *vfs, bool up, uint64_t per_second)
{
	*p = (struct pace) { .vfs = vfs, .up = up };
	rate_init(&p->rate, per_second);
}

static void
granted(void *ctx, struct vfs_reply *reply)
{
	struct pace *p = ctx;

	p->asked = false;
	/* The file may be closed by now; the next one asks for itself. */
	if (reply->err < 0)
		return;
	p->credit += reply->bytes > INT32_MAX ? INT32_MAX : (int64_t)reply->bytes;
	p->from_ms = clock_ms() + reply->wait_ms;
}

/* Has worker's piece come, and is it time? Asks for one when there is none. */
static bool
has_credit(struct pace *p, uint32_t ticket, uint32_t lane)
{
	bool now;

	if (p->lane != lane) {
		p->lane = lane; /* a piece of another lane is no use here */
		p->credit = p->credit > 0 ? 0 : p->credit;
	}
	now = clock_ms() >= p->from_ms;
	if (p->credit > 0)
		return now;
	/* When too much is being asked, an answer comes soon, and then this is tried again. */
	if (now && !p->asked)
		p->asked = vfs_pace(p->vfs, ticket, p->up, granted, p) == 0;
	return false;
}

uint64_t
pace_allows(struct pace *p, uint32_t ticket, uint32_t lane, uint64_t wanted)
{
	uint64_t may = rate_allows(&p->rate, wanted);

	if (may > 0 && lane > 0) {
		if (!has_credit(p, ticket, lane))
			may = 0;
		else if (may > (uint64_t)p->credit)
			may = (uint64_t)p->credit;
	}
	p->waits = may == 0 && wanted > 0;
	return may;
}

void
pace_moved(struct pace *p, uint32_t lane, uint64_t bytes)
{
	rate_take(&p->rate, bytes);
	if (lane > 0)
		p->credit -= bytes > INT32_MAX ? INT32_MAX : (int64_t)bytes;
}

bool
pace_waits(struct pace *p)
{
	if (p->waits && !p->asked && rate_wait_ms(&p->rate) == 0 && clock_ms() >= p->from_ms)
		p->waits = false;
	return p->waits;
}

uint64_t
pace_deadline(struct pace *p)
{
	uint64_t now = clock_ms(), at;

	if (!p->waits || p->asked)
		return CLOCK_NEVER;
	at = now + rate_wait_ms(&p->rate);
	if (at < p->from_ms)
		at = p->from_ms;
	/*
	 * It may be over already: that must be told, or nobody looks again; and once, or who has
	 * given up is told for ever.
	 */
	p->waits = at > now;
	return at;
}
