/* SPDX-License-Identifier: ISC */
/*
 * pace.h - how fast one session may move file data in one direction, for front ends: its own limit,
 * which it keeps itself, and those that it shares with others, of which worker gives it a piece at
 * a time. It costs a question for each piece, and nothing where no limit is shared.
 */
#ifndef SERVER_PACE_H
#define SERVER_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/rate.h"
#include "server/vfs/vfs.h"

/* Lanes in which one session moves data at one time: channels in shares with rates of their own. */
#define PACE_LANES 16

struct pace_lane {
	uint32_t lane;	  /* see vfs_reply; 0: the row of those whose files have none */
	int64_t credit;	  /* bytes that worker has granted; negative: moved before they were */
	uint64_t from_ms; /* clock_ms() from which credit counts, or from which to ask */
	bool asked;	  /* a question is on its way */
	bool waits;	  /* somebody was told to wait */
};

struct pace {
	struct vfs *vfs;
	struct rate rate; /* of this session alone */
	bool up;
	struct pace_lane lanes[PACE_LANES], *last; /* last: which was asked for */
};

/* per_second: the session's own limit, 0 for none. vfs must outlive it. */
void pace_init(struct pace *p, struct vfs *vfs, bool up, uint64_t per_second);

/*
 * How many of wanted bytes of the open file may be moved now. 0: not yet; then look again at
 * pace_deadline(), or when an answer of worker came in. lane is what vfs_open said for it.
 */
uint64_t pace_allows(struct pace *p, uint32_t ticket, uint32_t lane, uint64_t wanted);

/* Bytes were moved, perhaps more than were allowed: later ones pay for that. */
void pace_moved(struct pace *p, uint32_t lane, uint64_t bytes);

/* When to look again, if pace_allows said 0; CLOCK_NEVER when it did not, or waits for worker. */
uint64_t pace_deadline(struct pace *p);

/* Did pace_allows say 0 the last time, whatever the lane, and is that still so? */
bool pace_waits(struct pace *p);

#endif
