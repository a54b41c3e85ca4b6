/* SPDX-License-Identifier: ISC */
/* name_in.h - what name.c and name_move.c share. */
#ifndef SERVER_VFS_NAME_IN_H
#define SERVER_VFS_NAME_IN_H

#include "server/vfs/place.h"

struct world;

/*
 * Finds a path whose name is about to change; what this session is writing there gets its name
 * first. *ret_name is in *ret_dir.
 */
int name_find(struct world *w, const char *path, enum place_wish wish, struct place *p,
	      int *ret_dir, const char **ret_name) MUST_CHECK;

/*
 * The right, or failing that: did this session make the thing, where it may make things? Then
 * finishing it is part of making it.
 */
int name_need_or_own(struct world *w, const struct place *p, enum conf_right right,
		     enum conf_right making, int dir, const char *name) MUST_CHECK;

#endif
