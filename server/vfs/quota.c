/* SPDX-License-Identifier: ISC */
/*
 * quota.c - how much a share takes. The words name the limit, since nobody can guess it.
 */
#include "server/vfs/quota.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "server/base/fd.h"
#include "server/vfs/attr.h"
#include "server/vfs/charge.h"
#include "server/vfs/place.h"
#include "server/vfs/world.h"
#include "server/vfs/writing.h"

/* min-free: bytes that a file grows before the disk is looked at again. */
#define LOOK_AGAIN (16u * 1024 * 1024)

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

int
quota_room(struct world *w, const struct share *share, int fd, uint64_t size, uint64_t *ret_limit)
{
	uint64_t kept = share->conf->min_free_bytes, avail, has;
	struct statfs fs;
	struct stat st;

	if (!kept) {
		*ret_limit = UINT64_MAX;
		return 0;
	}
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	avail = fs.f_bavail * block_bytes(&fs);
	avail = avail > kept ? avail - kept : 0;
	has = (uint64_t)st.st_size;
	if (size > has && size - has > avail)
		return world_why(w, -ENOSPC,
				 "the share \"%s\" keeps %" PRIu64 " bytes of the disk free",
				 share->conf->name, kept);
	/* Others write too: it is looked at again before long. */
	*ret_limit = has + (avail < LOOK_AGAIN ? avail : LOOK_AGAIN);
	if (*ret_limit < size)
		*ret_limit = size;
	return 0;
}

static void
at_most(uint64_t *value, uint64_t max)
{
	if (*value > max)
		*value = max;
}

/* What is left for the client. */
static void
show(struct world *w, struct share *share, struct statfs *fs)
{
	const struct conf_share *conf = share->conf;
	uint64_t size = block_bytes(fs), kept = conf->min_free_bytes / size;
	struct charge c;

	fs->f_bavail = fs->f_bavail > kept ? fs->f_bavail - kept : 0;
	if (charge_begin(w, share, w->account->uid, 0, 0, &c) == 0 && c.on) {
		struct tally_sum left = charge_left(share, &c.deal.rec);

		if (conf->quota_bytes) {
			at_most(&fs->f_blocks, conf->quota_bytes / size);
			at_most(&fs->f_bfree, left.bytes / size);
			at_most(&fs->f_bavail, left.bytes / size);
		}
		if (conf->quota_files) {
			at_most(&fs->f_files, conf->quota_files);
			at_most(&fs->f_ffree, left.files);
		}
		charge_end(&c, 0, 0);
	}
}

static uint64_t
fsid_number(const fsid_t *id)
{
	uint64_t v;

	_Static_assert(sizeof(v) == sizeof(*id), "an fsid is 64 bits");
	memcpy(&v, id, sizeof(v));
	return v;
}

int
quota_space(struct world *w, const char *path, struct buf *out)
{
	struct place *p = &w->here;
	FD_OWN int fd = -1;
	struct share *share;
	struct statfs fs;
	struct stat st;
	int err = place_find(w, path, PLACE_OLD, p);

	if (err < 0)
		return err;
	share = p->share ? p->share : &w->shares.at[0];
	if (p->share) {
		err = place_look(w, p, true, &fd, &st);
		if (err == 0 && !attr_is_visible(w, p, fd, &st))
			err = -ENOENT;
		/* What is not there yet, although this session sees it, will be in the share. */
		if (err < 0 && !(err == -ENOENT && (p->is_above_mount || writing_find(w, p))))
			return err;
	}
	if (fstatfs(fd >= 0 ? fd : share->root, &fs) < 0)
		return -errno;
	show(w, share, &fs);
	buf_put_u64(out, (uint64_t)fs.f_bsize);
	buf_put_u64(out, block_bytes(&fs));
	buf_put_u64(out, fs.f_blocks);
	buf_put_u64(out, fs.f_bfree);
	buf_put_u64(out, fs.f_bavail);
	buf_put_u64(out, fs.f_files);
	buf_put_u64(out, fs.f_ffree);
	buf_put_u64(out, fs.f_ffree);
	buf_put_u64(out, fsid_number(&fs.f_fsid));
	buf_put_u64(out, (uint64_t)fs.f_flags);
	buf_put_u64(out, (uint64_t)fs.f_namelen);
	return 0;
}
