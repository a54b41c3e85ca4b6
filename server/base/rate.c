/* SPDX-License-Identifier: ISC */
/* rate.c - token bucket. A debt is kept by moving filled_ms into the future. */
#include "server/base/rate.h"

#include "server/base/clock.h"

void
rate_init(struct rate *r, uint64_t per_second)
{
	r->per_second = per_second;
	r->tokens = per_second;
	r->filled_ms = clock_ms();
}

static void
fill(struct rate *r)
{
	uint64_t now = clock_ms();
	uint64_t past_ms, room, more;

	if (now <= r->filled_ms)
		return;
	past_ms = now - r->filled_ms;
	if (past_ms > 1000)
		past_ms = 1000;
	/* Split, so that a limit near 2^64 cannot overflow. */
	more = r->per_second / 1000 * past_ms + r->per_second % 1000 * past_ms / 1000;
	if (more == 0)
		return;
	room = r->per_second - r->tokens;
	r->tokens += more < room ? more : room;
	r->filled_ms = now;
}

uint64_t
rate_allows(struct rate *r, uint64_t wanted)
{
	if (r->per_second == 0)
		return wanted;
	fill(r);
	return wanted < r->tokens ? wanted : r->tokens;
}

void
rate_take(struct rate *r, uint64_t units)
{
	if (r->per_second == 0)
		return;
	if (units <= r->tokens) {
		r->tokens -= units;
		return;
	}
	units -= r->tokens;
	r->tokens = 0;
	r->filled_ms += units / r->per_second * 1000 + units % r->per_second * 1000 / r->per_second;
}

uint64_t
rate_wait_ms(struct rate *r)
{
	uint64_t now = clock_ms(), one_ms;

	if (rate_allows(r, 1) > 0)
		return 0;
	one_ms = 1000 / r->per_second + 1;
	return (r->filled_ms > now ? r->filled_ms - now : 0) + one_ms;
}
