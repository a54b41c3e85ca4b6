/* SPDX-License-Identifier: ISC */
/* part_in.h - what part.c, part_life.c and part_sweep.c share: one hidden file by its name. */
#ifndef SERVER_VFS_PART_IN_H
#define SERVER_VFS_PART_IN_H

#include <stdbool.h>
#include <sys/stat.h>

#include "server/vfs/part.h"

/* Is it a kept part or a mark of this user? */
bool part_belongs(const struct world *w, const char *hidden);

/* Has it been there for longer than the share keeps its kind? */
bool part_is_over(const struct share *share, enum part_kind kind, const struct stat *st);

/* A part that nobody has written to for so long has no writer, also where no lock says so. */
bool part_is_abandoned(const struct share *share, const struct stat *st);

/*
 * Opens a part that is there and takes its lock. *ret_fd stays as it was when that cannot be done
 * (it is another user's, or there are no locks here): age must tell. -EBUSY: somebody holds it, or
 * has just made it.
 */
int part_seize(int dir, const char *hidden, int *ret_fd, struct stat *ret_st) MUST_CHECK;

/* Removes a hidden file. What is kept is among what its owner uses; the rest is not. */
int part_remove_hidden(struct world *w, struct share *share, int dir,
		       const char *hidden) MUST_CHECK;

#endif
