/* SPDX-License-Identifier: ISC */
/* trash_sweep.h - the end of what lies in the trash. */
#ifndef SERVER_VFS_TRASH_SWEEP_H
#define SERVER_VFS_TRASH_SWEEP_H

#include <stdbool.h>

#include "server/base/mem.h"
#include "server/vfs/share.h"

struct world;

/* Removes what is too old in the trash of dir; and the trash, when nothing is left in it. */
void trash_sweep(struct world *w, struct share *share, int dir);

/* The same, unless this session has done so for this directory a while ago. */
void trash_sweep_sometimes(struct world *w, struct share *share, int dir);

/* Is something left in the trash of dir? Sweeps it first. */
bool trash_has_something(struct world *w, struct share *share, int dir);

#endif
