/* SPDX-License-Identifier: ISC */
/*
 * part.h - the hidden files that uploads put beside the file they make:
 *
 *	.coffer-part~HASH~NAME         what is being written, by whomever; locked with flock(2)
 *	.coffer-kept~USER~HASH~NAME    what is left of a broken upload of a new file; USER may go on
 *	.coffer-mark~USER~HASH~NAME    USER's replacing of this file broke and was rolled back
 *
 * HASH is of the whole name; NAME is its beginning, for people. There is no database: what is known
 * of an upload stands in these names, so it survives sessions, crashes and the move of a directory.
 */
#ifndef SERVER_VFS_PART_H
#define SERVER_VFS_PART_H

#include <stdbool.h>
#include <sys/stat.h>

#include "server/vfs/place.h"
#include "server/vfs/share.h"

struct world;

#define PART_NAME_MAX 192

enum part_kind { PART_ACTIVE, PART_KEPT, PART_MARK };

/* Writes the hidden name that belongs to name. user is not looked at for PART_ACTIVE. */
void part_name(enum part_kind kind, const char *user, const char *name, char room[PART_NAME_MAX]);

/* Is this the name of a hidden file of that kind? */
bool part_is_named(enum part_kind kind, const char *hidden);

/*
 * Is a kept part of this user's upload of name there? Returns 0 or -ENOENT. One that is too old is
 * removed and not there.
 */
int part_find_kept(struct world *w, struct share *share, int dir, const char *name,
		   struct stat *ret_st) MUST_CHECK;

/*
 * Is what has the hidden name still this file? In a directory that others write too it may have
 * been removed, and the name taken. 0, -ESTALE, -errno.
 */
int part_check(int dir, const char *hidden, dev_t dev, ino_t ino) MUST_CHECK;

/*
 * The upload into fd broke: the part becomes the kept one, or goes when nothing may be kept.
 * Returns 0 or -errno: -ESTALE as part_check.
 */
int part_keep(struct world *w, const struct share *share, int dir, const char *name,
	      int fd) MUST_CHECK;
/* The same, and it goes in any case. */
int part_drop(int dir, const char *name, int fd) MUST_CHECK;

void part_remove(struct world *w, struct share *share, enum part_kind kind, int dir,
		 const char *name);

/* Notes that replacing the file, which is as was says, was rolled back. */
int part_mark(struct world *w, int dir, const char *name, const struct stat *was) MUST_CHECK;

/* Does such a note stand for the file as it is now? */
bool part_is_marked(struct world *w, struct share *share, int dir, const char *name,
		    const struct stat *now);

/*
 * Deals with a part whose writer died without a word (power, kill -9): what this user may go on
 * with is kept, the rest goes. target is what stands under the name, or NULL. Returns 0 when the
 * way is free, -EBUSY when a writer lives.
 */
int part_recover(struct world *w, struct share *share, int dir, const char *name,
		 const struct stat *target) MUST_CHECK;

/* Removes a hidden file (met in a listing) whose time is over. */
void part_sweep(struct world *w, struct share *share, int dir, const char *hidden);

/*
 * The same for all that is in the directory (O_PATH; place_parent() gave it for p), unless this
 * session has done so lately: an upload starts there, and perhaps nobody ever lists it.
 */
void part_sweep_dir(struct world *w, const struct place *p, int dir);

/*
 * Empties a directory (readable fd) of hidden files of this user, for a rmdir of what he sees as
 * empty. Its trash stays. Returns 0, -ENOTEMPTY with words, -errno.
 */
int part_clear_dir(struct world *w, struct share *share, int fd) MUST_CHECK;

#endif
