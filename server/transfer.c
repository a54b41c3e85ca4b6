/* SPDX-License-Identifier: ISC */
/* transfer.c - progress, rate and stall of one transfer. */
#include "server/transfer.h"

#include "server/base/clock.h"

void
transfer_init(struct transfer *t, uint64_t offset, uint64_t stall_ms, struct pace *pace,
	      uint32_t ticket, uint32_t lane)
{
	t->offset = offset;
	t->bytes = 0;
	t->started_ms = t->progress_ms = clock_ms();
	t->stall_ms = stall_ms;
	t->pace = pace;
	t->ticket = ticket;
	t->lane = lane;
}

uint64_t
transfer_allows(struct transfer *t, uint64_t wanted)
{
	uint64_t may = t->pace ? pace_allows(t->pace, t->ticket, t->lane, wanted) : wanted;

	if (may == 0)
		t->progress_ms = clock_ms(); /* it is we who hold it up */
	return may;
}

void
transfer_moved(struct transfer *t, uint64_t bytes)
{
	t->offset += bytes;
	t->bytes += bytes;
	t->progress_ms = clock_ms();
	if (t->pace)
		pace_moved(t->pace, t->lane, bytes);
}

bool
transfer_waits(const struct transfer *t)
{
	return t->pace && pace_waits(t->pace);
}

uint64_t
transfer_deadline(struct transfer *t, bool waits_for_rate)
{
	if (waits_for_rate && t->pace)
		return pace_deadline(t->pace);
	return t->stall_ms ? t->progress_ms + t->stall_ms : CLOCK_NEVER;
}

bool
transfer_is_stalled(const struct transfer *t)
{
	return t->stall_ms && clock_ms() >= t->progress_ms + t->stall_ms;
}

uint64_t
transfer_speed(const struct transfer *t)
{
	uint64_t past_ms = clock_ms() - t->started_ms;

	if (past_ms == 0)
		past_ms = 1;
	return t->bytes / past_ms * 1000 + t->bytes % past_ms * 1000 / past_ms;
}
