/* SPDX-License-Identifier: ISC */
/* name.h - names come, go and change. Paths are virtual, as vfs.h says. */
#ifndef SERVER_VFS_NAME_H
#define SERVER_VFS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/mem.h"

struct world;

int name_mkdir(struct world *w, const char *path, uint32_t mode) MUST_CHECK;
int name_rmdir(struct world *w, const char *path) MUST_CHECK;
int name_unlink(struct world *w, const char *path) MUST_CHECK;
int name_rename(struct world *w, const char *from, const char *to, uint32_t flags) MUST_CHECK;
int name_link(struct world *w, const char *from, const char *to) MUST_CHECK;
int name_symlink(struct world *w, const char *target, const char *path) MUST_CHECK;
/*
 * Does what a link says stay in the share, as far as text can tell? depth: how many directories
 * down from the share's root it lies.
 */
bool name_target_stays(int depth, const char *target);
/* Puts the target. */
int name_readlink(struct world *w, const char *path, struct buf *out) MUST_CHECK;

#endif
