/* SPDX-License-Identifier: ISC */
/* charge_room.h - what charge.c and charge_file.c share: whose record, and is there room in it? */
#ifndef SERVER_VFS_CHARGE_ROOM_H
#define SERVER_VFS_CHARGE_ROOM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/vfs/share.h"
#include "server/vfs/tally.h"

struct world;

bool charge_has_tally(const struct share *share);
int charge_record(struct world *w, struct share *share, uid_t uid, uint32_t *ret_record) MUST_CHECK;

/*
 * Is there room for so much more? What the dead held may be what is missing. 0 or -EDQUOT with
 * words.
 */
int charge_check(struct world *w, struct share *share, struct tally_deal *deal, uint64_t bytes,
		 uint64_t files) MUST_CHECK;

/* The words for -EBUSY, which means that it is being counted; any other err as it is. */
int charge_counting(struct world *w, int err);

/* Counters never fall below nothing: a file that came from outside may go by our hand. */
void charge_add(uint64_t *counter, int64_t change);

#endif
