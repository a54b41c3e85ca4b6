/* SPDX-License-Identifier: ISC */
/* quota.h - how much a share takes: the largest file, and the room that must stay free. */
#ifndef SERVER_VFS_QUOTA_H
#define SERVER_VFS_QUOTA_H

#include <stdint.h>

#include "server/base/buf.h"
#include "server/vfs/share.h"

struct world;

/* May a file have so many bytes? 0 or -EFBIG. */
int quota_check_size(struct world *w, const struct share *share, uint64_t size) MUST_CHECK;

/* Is there room for more in the filesystem that fd lies on? 0 or -ENOSPC. */
int quota_check_room(struct world *w, const struct share *share, int fd) MUST_CHECK;

/*
 * Is there room for the file behind fd to have size bytes? Then *ret_limit, at least that, is how
 * far it may grow before this is asked again. 0 or -ENOSPC.
 */
int quota_room(struct world *w, const struct share *share, int fd, uint64_t size,
	       uint64_t *ret_limit) MUST_CHECK;

/* The byte behind the last one that a file may have; UINT64_MAX: no limit. */
uint64_t quota_limit(const struct share *share);

/*
 * Puts the numbers of statvfs(3) for the filesystem at the path, less what is not for the client.
 */
int quota_space(struct world *w, const char *path, struct buf *out) MUST_CHECK;

#endif
