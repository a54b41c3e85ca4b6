/* SPDX-License-Identifier: ISC */
/* tally_in.h - what tally.c, tally_file.c and tally_slot.c share: the file, entry by entry. */
#ifndef SERVER_VFS_TALLY_IN_H
#define SERVER_VFS_TALLY_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "server/vfs/tally.h"

/* No file has more; the head is entry 0. */
#define TALLY_ENTRIES_MAX (1u << 24)

/* Is it such a file? make: an empty one becomes one. The caller has the lock of the head. */
int tally_check_head(int fd, bool make) MUST_CHECK;

/* Waits for the lock of the entry: 0, -EBUSY (somebody has it for all too long), -errno. */
int tally_lock(int fd, uint32_t entry) MUST_CHECK;
/* Does not wait: 0, -EAGAIN or -EACCES (somebody has it), -errno. */
int tally_try_lock(int fd, uint32_t entry) MUST_CHECK;
void tally_unlock(int fd, uint32_t entry);

/* Does a living session other than ours hold it? */
bool tally_is_held(int fd, uint32_t entry);

int tally_put(int fd, uint32_t entry, const struct tally_entry *e) MUST_CHECK;
int tally_get(int fd, uint32_t entry, struct tally_entry *ret_e) MUST_CHECK;

/*
 * Calls each with every entry until it says stop. Returns 0 or -errno; *ret_end: how many there
 * are.
 */
typedef bool tally_walk_fn(void *ctx, uint32_t entry, const struct tally_entry *e);
int tally_walk(int fd, tally_walk_fn *each, void *ctx, uint32_t *ret_end) MUST_CHECK;

/* Our slot of the record; made when we have none. 0 or -errno. */
int tally_find_slot(struct tally *t, uint32_t record, uint32_t *ret_slot,
		    struct tally_entry *ret_mine) MUST_CHECK;

#endif
