/* SPDX-License-Identifier: ISC */
/* rate.h - a token bucket: so many units a second, with a burst of one second. */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <stdint.h>

struct rate {
	uint64_t per_second; /* 0: no limit */
	uint64_t tokens;
	uint64_t filled_ms; /* clock_ms() of the last filling */
};

/* Starts a full bucket. per_second 0 lets everything pass. */
void rate_init(struct rate *r, uint64_t per_second);

/* How many of the wanted units may pass now (0: none yet; see rate_wait_ms). Takes nothing. */
uint64_t rate_allows(struct rate *r, uint64_t wanted);

/* Takes units that have passed; taking more than was allowed is a debt that later units pay. */
void rate_take(struct rate *r, uint64_t units);

/* Milliseconds until at least one unit may pass; 0 when it may now. */
uint64_t rate_wait_ms(struct rate *r);

#endif
