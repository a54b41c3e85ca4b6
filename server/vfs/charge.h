/* SPDX-License-Identifier: ISC */
/*
 * charge.h - every change of a share with a quota is charged here to the uid that owns what
 * changes.
 *
 * Names (mkdir, unlink, ...): charge_begin, the change, charge_end; between them nobody counts.
 * Files being written: charge_open puts room aside, charge_grow more of it as the file grows, so
 * that all sessions together never write more than there is; charge_settle turns what the file has
 * become into what is used. Where a share has no quota, all of this is nothing.
 */
#ifndef SERVER_VFS_CHARGE_H
#define SERVER_VFS_CHARGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "auth/account.h"
#include "server/vfs/share.h"
#include "server/vfs/tally.h"

struct file;
struct world;

/* What a file that is being written has to do with the tally; part of struct file. */
struct charge_hold {
	bool on;
	bool counted;	  /* the inode is among the files that are used */
	bool moved;	  /* its part is getting another name, since walks */
	bool gone;	  /* this session removed its last name: what it had was given back */
	bool replaces;	  /* it will replace a file of its owner, which counts already */
	bool held_file;	  /* one file is put aside for it */
	uint32_t record;  /* of its owner */
	uint32_t walks;	  /* of the record, when base was true */
	uint64_t base;	  /* bytes of it that are used already */
	uint64_t granted; /* bytes that it may have on top of that */
	uint64_t credit;  /* bytes of the file that it replaces */
	uint64_t covered; /* bytes of granted for which those stand; the others are put aside */
};

struct charge {
	bool on;
	struct tally_deal deal;
};

/*
 * Opens the tallies of all shares of the account that have a quota, and makes them, with the rights
 * of the caller: in system mode root, before it becomes the user. Returns one for each share of
 * conf, most of them closed, also where it could not be opened, which is logged; all of it is the
 * caller's.
 */
struct tally *charge_prepare(const struct conf *conf, const struct account *account);

/* Opens one of them, and makes it. */
int charge_open_tally(const struct conf *conf, const struct conf_share *share,
		      struct tally *ret_tally) MUST_CHECK;

/* Walks the share and writes what the record's owner has in it into the deal. 0 or -errno. */
int charge_count(const struct share *share, struct tally_deal *deal) MUST_CHECK;

/* The share's root is open, the user is the user: finds his record, counts if that is needed. */
int charge_start(struct world *w, struct share *share) MUST_CHECK;

/*
 * A change by which uid gets so many bytes and files more (or none) is about to be made. Returns
 * 0, -EDQUOT with words, -EBUSY (it is being counted).
 */
int charge_begin(struct world *w, struct share *share, uid_t uid, uint64_t bytes, uint64_t files,
		 struct charge *ret_charge) MUST_CHECK;
/* It was made (or not: 0, 0). */
void charge_end(struct charge *c, int64_t bytes, int64_t files);

/* What is left of the quota by this record; of what has none, more than anybody can use. */
struct tally_sum charge_left(const struct share *share, const struct tally_entry *rec);

/* unlinkat(2), and what that was worth is given back to its owner. Returns 0 or -errno. */
int charge_remove(struct world *w, struct share *share, int dir, const char *name,
		  int flags) MUST_CHECK;

/* What is given back when a name goes that has this status. */
struct tally_sum charge_of(const struct stat *st);

/*
 * The regular file is about to lose a name or to change its size otherwise than by its handles:
 * what handles of this session have written to it is settled first. after: it is done; removed: by
 * losing its last name.
 */
void charge_touch(struct world *w, struct share *share, const struct stat *st);
void charge_touched(struct world *w, struct share *share, const struct stat *st, bool removed);

/* Cuts or grows the file behind fd, of which st is true. */
int charge_resize(struct world *w, struct share *share, int fd, const struct stat *st,
		  uint64_t size) MUST_CHECK;

/* Something happened that cannot be told in numbers: the next session counts. */
void charge_dirty(struct world *w, struct share *share);

/*
 * A file of uid will be written: counted says whether it is there and has base bytes. replaced,
 * unless NULL, is a file of the same owner whose place it takes: as many bytes need not be put
 * aside. f->share must be set. -EDQUOT when nothing is left.
 */
int charge_open(struct world *w, struct file *f, uid_t uid, bool counted, uint64_t base,
		const struct stat *replaced) MUST_CHECK;

/*
 * May the file have size bytes? Looks at every limit there is, and sets f->limit, which may be
 * more. Returns 0, -EFBIG, -ENOSPC, -EDQUOT, -EBUSY, all with words.
 */
int charge_grow(struct world *w, struct file *f, uint64_t size) MUST_CHECK;

/* The file behind f->fd is what it is: it is used now, and nothing is put aside any more. */
void charge_settle(struct world *w, struct file *f);
/* It was removed. */
void charge_drop(struct world *w, struct file *f);
/* It was settled, and is not ours to charge any more. */
void charge_forget(struct world *w, struct file *f);
/*
 * The part is about to get another name: between this and charge_end nobody counts. What is counted
 * from then on until it is settled is noticed.
 */
int charge_move(struct world *w, struct file *f, struct charge *ret_charge) MUST_CHECK;
/*
 * Between the two: what will be replaced is now as this says (NULL: nothing that is the owner's
 * own). If that is less than was believed, the rest has to be put aside. 0 or -EDQUOT.
 */
int charge_replaces(struct world *w, struct file *f, struct charge *c,
		    const struct stat *replaced) MUST_CHECK;
/* Something of this status was replaced. */
void charge_gone(struct world *w, struct share *share, const struct stat *st);
/* The file is closed, whatever became of it: what was not settled is. */
void charge_close(struct world *w, struct file *f);

#endif
