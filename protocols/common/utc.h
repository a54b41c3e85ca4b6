/* SPDX-License-Identifier: ISC */
/*
 * utc.h - calendar time for what a peer sees: listings, MDTM, MFMT. Always UTC, by arithmetic
 * alone: gmtime_r(3) opens the time zone file at its first use, which wire may not.
 */
#ifndef PROTOCOLS_COMMON_UTC_H
#define PROTOCOLS_COMMON_UTC_H

#include <stdint.h>

#include "server/base/mem.h"

struct utc {
	unsigned int year;	 /* 0-9999 */
	unsigned int month, day; /* from 1 */
	unsigned int hour, minute, second;
};

/*
 * Seconds since 1970 as a calendar date. What lies outside of the years 0-9999 is moved to their
 * ends.
 */
void utc_from_seconds(int64_t seconds, struct utc *ret_utc);

/* The other way. Returns 0, or -EINVAL when there is no such date or time of day. */
int utc_to_seconds(const struct utc *utc, int64_t *ret_seconds) MUST_CHECK;

#endif
