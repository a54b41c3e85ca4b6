/* SPDX-License-Identifier: ISC */
/* clock.h - time that only goes forward, and deadlines for poll(2). */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* No deadline. */
#define CLOCK_NEVER UINT64_MAX

/*
 * Milliseconds, and microseconds, since some fixed moment (CLOCK_MONOTONIC): a stepped wall clock
 * changes nothing.
 */
uint64_t clock_ms(void);
uint64_t clock_us(void);

/* now + ms, or CLOCK_NEVER for ms 0 (a time-out of 0 in the configuration means "none"). */
uint64_t clock_after(uint64_t ms);

/* The earlier of two deadlines. */
uint64_t clock_first(uint64_t a, uint64_t b);

/* What poll(2) wants: milliseconds until the deadline, at least 0, or -1 for CLOCK_NEVER. */
int clock_poll(uint64_t deadline_ms);

#endif
