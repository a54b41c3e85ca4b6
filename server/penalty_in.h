/* SPDX-License-Identifier: ISC */
/*
 * penalty_in.h - what the files of penalties share: penalty.c (sources), penalty_name.c (names and
 * their codes), penalty_file.c (all of it, kept). Two fixed tables with open addressing; a key has
 * PENALTY_PROBES places, found from a keyed hash, so that nobody outside can choose which keys
 * share them. Nothing here grows, loops without a bound, or fails.
 */
#ifndef SERVER_PENALTY_IN_H
#define SERVER_PENALTY_IN_H

#include "server/base/clock.h"
#include "server/penalty.h"

#define SECOND ((uint64_t)1000)
#define PENALTY_PROBES 16u

/* Of bytes that somebody outside may have chosen. Never 0. */
uint64_t penalty_hash(const void *bytes, size_t len);

/* Names with something that must not be forgotten, in bytes and for penalty_put(). */
#define PENALTY_NAMES 8192u
#define PENALTY_CODE_BYTES (8u + 8u + 8u + 4u + 8u)
void penalty_names_init(void);
size_t penalty_codes_count(uint64_t now);
void penalty_codes_put(struct buf *b, uint64_t now);
int penalty_codes_get(struct buf *b, uint32_t count, uint64_t elapsed_ms, uint64_t now) MUST_CHECK;

/* Sources, the same. At most count are put. */
#define PENALTY_SOURCES 65536u
#define PENALTY_SOURCE_BYTES (16u + 8u + 1u + 8u)
size_t penalty_sources_count(uint64_t now);
void penalty_sources_put(struct buf *b, uint64_t now, size_t count);
int penalty_sources_get(struct buf *b, uint32_t count, uint64_t elapsed_ms,
			uint64_t now) MUST_CHECK;

/* When something that had left still to go ends now. 0: it is over. */
static inline uint64_t
penalty_still(uint64_t left, uint64_t elapsed, uint64_t now)
{
	if (left == CLOCK_NEVER)
		return left;
	return left > elapsed ? now + (left - elapsed) : 0;
}

#endif
