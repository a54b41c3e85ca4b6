/* SPDX-License-Identifier: ISC */
/*
 * trash.h - what clients delete and replace, in shares that keep it: moved into a directory
 * TRASH_DIR beside it, by one rename(2) or link(2). The names there say what and when
 * (trash_name.h); there is no database. Who deletes a directory, which must look empty, moves it
 * with the trash in it.
 *
 * Whoever lists the directory, or deletes something in it, removes from the trash what is too old.
 */
#ifndef SERVER_VFS_TRASH_H
#define SERVER_VFS_TRASH_H

#include <stdbool.h>
#include <sys/stat.h>

#include "server/vfs/share.h"
#include "server/vfs/trash_name.h"

struct world;

bool trash_keeps_deleted(const struct share *share);
bool trash_keeps_replaced(const struct share *share);

/* Moves dir/name, whatever it is, into the trash. Returns 0 or -errno; then it is where it was. */
int trash_move(struct world *w, struct share *share, int dir, const char *name) MUST_CHECK;

/* A content that is about to be replaced by a rename. */
struct trash_kept {
	char name[TRASH_NAME_MAX];   /* in the trash; "" when nothing was kept */
	char oldest[TRASH_NAME_MAX]; /* the version whose place it takes at the end; "": none */
};

/*
 * Gives the regular file dir/name a second name in the trash, so that replacing the first does not
 * end it. Returns 0 (also when the share keeps nothing or name is no regular file), or -errno with
 * words: then it must not be replaced.
 */
int trash_keep(struct world *w, struct share *share, int dir, const char *name,
	       struct trash_kept *ret_kept) MUST_CHECK;
/* It was replaced: where there are as many versions as are wanted, the oldest goes now. */
void trash_kept(struct world *w, struct share *share, int dir, const struct trash_kept *kept);
/* It was not replaced after all. */
void trash_unkeep(struct world *w, struct share *share, int dir, const struct trash_kept *kept);

/* A copy for the trash of the file dir/name, of which st is true, before it is changed in place. */
int trash_copy(struct world *w, struct share *share, int dir, const char *name,
	       const struct stat *st) MUST_CHECK;

/* The file is gone for good, and so are its versions. */
void trash_forget(struct world *w, struct share *share, int dir, const char *name);

#endif
