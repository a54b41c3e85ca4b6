/* SPDX-License-Identifier: ISC */
/*
 * tally.h - the file in which it is counted what users keep in one share. Arithmetic and locks;
 * what a quota is, and what is said when it is used up, is charge.h.
 *
 * The file is an array of entries of 128 bytes:
 *
 *	head    the first one
 *	record  of one uid below one root: what is used, and what running uploads have put aside
 *	slot    of one session: what it has put aside, of one record
 *
 * A session holds the lock of its slot as long as it lives. So the kernel says who is gone: what a
 * dead session had put aside is free again, and its record is "dirty": to be counted anew by a
 * walk. Locks are of open file descriptions: what is opened twice locks itself out.
 */
#ifndef SERVER_VFS_TALLY_H
#define SERVER_VFS_TALLY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/base/mem.h"

#define TALLY_USER_MAX 65

struct tally_sum {
	uint64_t bytes, files;
};

/* As it stands in the file, in the order of this machine. */
struct tally_entry {
	uint32_t kind; /* enum tally_kind */
	uint32_t uid;
	uint64_t root;	       /* hash of the root's path */
	uint64_t bytes, files; /* record: used. slot: put aside */
	/*
	 * record: put aside by all slots. slot: bytes that were granted and not put aside, since
	 * files that count already will go for them.
	 */
	uint64_t held_bytes, held_files;
	uint32_t record; /* slot: of which record */
	uint32_t flags;	 /* enum tally_flag */
	uint32_t walks;	 /* record: how often it was counted by a walk. slot: open files */
	char user[TALLY_USER_MAX]; /* record: who was first seen with it; for people */
	uint8_t unused[3];
};

enum tally_kind { TALLY_FREE, TALLY_RECORD = 0x7265636f, TALLY_SLOT = 0x736c6f74 };

enum tally_flag {
	TALLY_KNOWN = 1, /* record: it was counted once */
	TALLY_DIRTY = 2, /* record: and must be counted again */
	TALLY_BUSY = 4,	 /* slot: files are being changed at this moment */
};

struct tally {
	int fd;		 /* -1: there is none */
	uint32_t *slots; /* entries that are ours */
	size_t slot_count;
};

/* A record under its lock, from tally_begin to tally_end. */
struct tally_deal {
	struct tally *t;
	uint32_t record, slot;
	struct tally_entry rec, mine;
};

/* The hash that stands for a root. */
uint64_t tally_root(const char *path);

/*
 * Opens the file of a share below dir (its name is made from the share's), and makes it when make
 * is set. Returns 0 or -errno; -EBADMSG: it is not such a file.
 */
int tally_open(int dir, const char *share, bool make, struct tally *ret_tally) MUST_CHECK;

/* Gives the slots back. What was put aside is no more. */
void tally_close(struct tally *t);

/* Finds the record of uid below the root, or makes it. Returns 0, -EBUSY, -errno. */
int tally_find(struct tally *t, uint32_t uid, uint64_t root, const char *user,
	       uint32_t *ret_record) MUST_CHECK;

/* Visits all records. */
typedef void tally_fn(void *ctx, uint32_t record, const struct tally_entry *rec);
int tally_each(struct tally *t, tally_fn *each, void *ctx) MUST_CHECK;

/*
 * Locks and reads the record. busy: files are about to be changed, so if this process dies before
 * tally_end, somebody will have to count. Returns 0, -EBUSY (it is being counted), -errno.
 */
int tally_begin(struct tally *t, uint32_t record, bool busy,
		struct tally_deal *ret_deal) MUST_CHECK;

/* Writes what the caller made of rec and of mine, and unlocks. */
void tally_end(struct tally_deal *deal);

/* Bytes that the record's living sessions were granted for those of files that they replace. */
uint64_t tally_covered(const struct tally_deal *deal);

/* What sessions have put aside that are gone is free again. True when there was such a one. */
bool tally_bury(struct tally_deal *deal);

#endif
