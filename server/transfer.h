/* SPDX-License-Identifier: ISC */
/*
 * transfer.h - one transfer of file data in a front end: where it stands, how fast it may go,
 * whether it still moves. Knows no protocol and touches no descriptor.
 */
#ifndef SERVER_TRANSFER_H
#define SERVER_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "server/pace.h"

struct transfer {
	uint64_t offset;       /* position in the file */
	uint64_t bytes;	       /* moved by this transfer */
	uint64_t started_ms;   /* clock_ms() */
	uint64_t progress_ms;  /* clock_ms() of the last byte */
	uint64_t stall_ms;     /* time without a byte that ends it; 0: none */
	struct pace *pace;     /* of its direction; NULL: nothing limits it */
	uint32_t ticket, lane; /* of its file */
};

/* pace: the session's for this direction; ticket and lane as vfs_open said. */
void transfer_init(struct transfer *t, uint64_t offset, uint64_t stall_ms, struct pace *pace,
		   uint32_t ticket, uint32_t lane);

/* Does it wait for a rate, and not for the client? */
bool transfer_waits(const struct transfer *t);

/* How many of wanted bytes may be moved now; 0: wait until transfer_deadline(). */
uint64_t transfer_allows(struct transfer *t, uint64_t wanted);

/* Bytes were moved. */
void transfer_moved(struct transfer *t, uint64_t bytes);

/*
 * When the loop must look again, for the rate (it waits: true) or the stall; CLOCK_NEVER for
 * neither.
 */
uint64_t transfer_deadline(struct transfer *t, bool waits_for_rate);

/* No byte for stall_ms? */
bool transfer_is_stalled(const struct transfer *t);

/* Bytes a second since the start, for STAT and logs. */
uint64_t transfer_speed(const struct transfer *t);

#endif
