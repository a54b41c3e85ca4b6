/* SPDX-License-Identifier: ISC */
/* clock.c - time that only goes forward. */
#include "server/base/clock.h"

#include <limits.h>
#include <time.h>

uint64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t
clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t
clock_after(uint64_t ms)
{
	return ms ? clock_ms() + ms : CLOCK_NEVER;
}

uint64_t
clock_first(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int
clock_poll(uint64_t deadline_ms)
{
	uint64_t now;

	if (deadline_ms == CLOCK_NEVER)
		return -1;
	now = clock_ms();
	if (deadline_ms <= now)
		return 0;
	return deadline_ms - now > INT_MAX ? INT_MAX : (int)(deadline_ms - now);
}
