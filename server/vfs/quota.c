/* SPDX-License-Identifier: ISC */
/*
 * quota.c - how much a share takes. The words name the limit, since nobody can guess it.
 */
#include "server/vfs/quota.h"

#include <errno.h>
#include <inttypes.h>

#include "server/vfs/world.h"

uint64_t
quota_limit(const struct share *share)
{
	return share->conf->max_file_bytes ? share->conf->max_file_bytes : UINT64_MAX;
}

int
quota_check_size(struct world *w, const struct share *share, uint64_t size)
{
	if (size <= quota_limit(share))
		return 0;
	return world_why(w, -EFBIG, "files in the share \"%s\" may have %" PRIu64 " bytes at most",
			 share->conf->name, share->conf->max_file_bytes);
}

static uint64_t
block_bytes(const struct statfs *fs)
{
	return (uint64_t)(fs->f_frsize ? fs->f_frsize : fs->f_bsize);
}

int
quota_check_room(struct world *w, const struct share *share, int fd)
{
	struct statfs fs;

	if (!share->conf->min_free_bytes)
		return 0;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_bavail > share->conf->min_free_bytes / block_bytes(&fs))
		return 0;
	return world_why(w, -ENOSPC, "the share \"%s\" keeps %" PRIu64 " bytes of the disk free",
			 share->conf->name, share->conf->min_free_bytes);
}

void
quota_show(const struct share *share, struct statfs *fs)
{
	uint64_t kept = share->conf->min_free_bytes / block_bytes(fs);

	fs->f_bavail = fs->f_bavail > kept ? fs->f_bavail - kept : 0;
}
