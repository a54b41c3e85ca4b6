/* SPDX-License-Identifier: ISC */
/* transfer.c - progress, rate and stall of one transfer. */
#include "server/transfer.h"

#include "server/base/clock.h"

void
transfer_init(struct transfer *t, uint64_t offset, uint64_t per_second, uint64_t stall_ms)
{
	t->offset = offset;
	t->bytes = 0;
	t->started_ms = t->progress_ms = clock_ms();
	t->stall_ms = stall_ms;
	rate_init(&t->rate, per_second);
}

uint64_t
transfer_allows(struct transfer *t, uint64_t wanted)
{
	return rate_allows(&t->rate, wanted);
}

void
transfer_moved(struct transfer *t, uint64_t bytes)
{
	t->offset += bytes;
	t->bytes += bytes;
	t->progress_ms = clock_ms();
	rate_take(&t->rate, bytes);
}

uint64_t
transfer_deadline(struct transfer *t, bool waits_for_rate)
{
	if (waits_for_rate)
		return clock_ms() + rate_wait_ms(&t->rate);
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
