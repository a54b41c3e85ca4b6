/* SPDX-License-Identifier: ISC */
/* pace.c - the session's side of rates. Lives in wire; what others share is counted by worker. */
#include "server/pace.h"

#include "server/base/clock.h"

void
pace_init(struct pace *p, struct vfs *vfs, bool up, uint64_t per_second)
{
	*p = (struct pace) { .vfs = vfs, .up = up, .last = p->lanes };
	rate_init(&p->rate, per_second);
}

/*
 * The row of a lane, or one for it: the first is that of no lane, and nobody waits in one that is
 * taken over. NULL: all of them are waited for.
 */
static struct pace_lane *
row_of(struct pace *p, uint32_t lane)
{
	struct pace_lane *spare = NULL;

	for (size_t i = 0; i < PACE_LANES; i++) {
		struct pace_lane *l = &p->lanes[i];

		if (l->lane == lane)
			return l;
		if (i > 0 && !l->asked && !l->waits && (!spare || (spare->lane && !l->lane)))
			spare = l;
	}
	if (spare)
		*spare = (struct pace_lane) { .lane = lane };
	return spare;
}

static void
granted(void *ctx, struct vfs_reply *reply)
{
	struct pace_lane *l = ctx;

	l->asked = false;
	/* The file may be closed by now; the next one asks for itself. */
	if (reply->err < 0)
		return;
	l->credit += reply->bytes > INT32_MAX ? INT32_MAX : (int64_t)reply->bytes;
	l->from_ms = clock_ms() + reply->wait_ms;
}

/* Has worker's piece come, and is it time? Asks for one when there is none. */
static bool
has_credit(struct pace *p, struct pace_lane *l, uint32_t ticket)
{
	bool now = clock_ms() >= l->from_ms;

	if (l->credit > 0)
		return now;
	/* When too much is being asked, an answer comes soon, and then this is tried again. */
	if (now && !l->asked)
		l->asked = vfs_pace(p->vfs, ticket, p->up, granted, l) == 0;
	return false;
}

uint64_t
pace_allows(struct pace *p, uint32_t ticket, uint32_t lane, uint64_t wanted)
{
	uint64_t may = rate_allows(&p->rate, wanted);
	struct pace_lane *l = row_of(p, lane);

	if (!l) /* the answer to one of those that are asked comes, and then this is tried again */
		return 0;
	if (may > 0 && lane > 0) {
		if (!has_credit(p, l, ticket))
			may = 0;
		else if (may > (uint64_t)l->credit)
			may = (uint64_t)l->credit;
	}
	l->waits = may == 0 && wanted > 0;
	p->last = l;
	return may;
}

void
pace_moved(struct pace *p, uint32_t lane, uint64_t bytes)
{
	struct pace_lane *l = lane > 0 ? row_of(p, lane) : NULL;

	rate_take(&p->rate, bytes);
	if (l)
		l->credit -= bytes > INT32_MAX ? INT32_MAX : (int64_t)bytes;
}

bool
pace_waits(struct pace *p)
{
	struct pace_lane *l = p->last;

	if (l->waits && !l->asked && rate_wait_ms(&p->rate) == 0 && clock_ms() >= l->from_ms)
		l->waits = false;
	return l->waits;
}

uint64_t
pace_deadline(struct pace *p)
{
	uint64_t now = clock_ms(), first = CLOCK_NEVER;

	for (size_t i = 0; i < PACE_LANES; i++) {
		struct pace_lane *l = &p->lanes[i];
		uint64_t at;

		if (!l->waits || l->asked)
			continue;
		at = now + rate_wait_ms(&p->rate);
		if (at < l->from_ms)
			at = l->from_ms;
		/*
		 * It may be over already: that must be told, or nobody looks again; and once, or
		 * who has given up is told for ever.
		 */
		l->waits = at > now;
		first = clock_first(first, at);
	}
	return first;
}
