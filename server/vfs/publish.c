/* SPDX-License-Identifier: ISC */
/*
 * publish.c - how an upload ends: one rename, or what was there before.
 * Invariant: success is returned only when every byte is in the file, the filesystem has taken it,
 * and the name stands; on a durable share also on the disk.
 */
#include "server/vfs/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/vfs/attr.h"
#include "server/vfs/part.h"
#include "server/vfs/quota.h"
#include "server/vfs/resolve.h"
#include "server/vfs/rule.h"
#include "server/vfs/trash.h"
#include "server/vfs/world.h"

int
publish_begin(struct world *w, struct file *f)
{
	uint64_t copied;
	int err = 0;

	(void)w;
	switch (f->begin) {
	case FILE_BEGIN_NOTHING:
		break;
	case FILE_BEGIN_CUT:
		err = ftruncate(f->fd, (off_t)f->offset) < 0 ? -errno : 0;
		break;
	case FILE_BEGIN_COPY:
		err = file_copy_range(f->target, 0, f->offset, f->fd, 0, &copied);
		if (err == 0 && copied != f->offset)
			err = -EIO; /* it shrank under us */
		break;
	}
	if (err == 0)
		f->begin = FILE_BEGIN_NOTHING;
	return err;
}

/*
 * The rename that replaces nothing was refused: the name was free when the upload began and is not
 * now, or the filesystem does not know such renames (some FUSE, old NFS).
 */
static int
rename_over(struct world *w, struct file *f, const char *hidden)
{
	const struct conf_place *rule;
	struct stat st;

	if (fstatat(f->dir, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (f->flags & (VFS_OPEN_EXCL | VFS_OPEN_UNIQUE))
			return -EEXIST;
		if (!S_ISREG(st.st_mode) ||
		    !(rule_rights(f->share->conf, f->inner, &rule) & RIGHT_OVERWRITE))
			return world_why(w, -EEXIST, "somebody else made this name meanwhile");
	} else if (errno != ENOENT) {
		return -errno;
	}
	return renameat(f->dir, hidden, f->dir, f->name) < 0 ? -errno : 0;
}

bool
publish_counts_once(const struct world *w, const struct share *share, const struct stat *replaced)
{
	return replaced->st_uid == w->account->uid && replaced->st_nlink == 1 &&
	       S_ISREG(replaced->st_mode) && !trash_keeps_replaced(share);
}

/* Who replaces what somebody else made has not made the name. */
static bool
is_ours_or_free(const struct world *w, const struct file *f)
{
	struct stat st;

	return fstatat(f->dir, f->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	       own_has(&w->own, f->dir, f->name);
}

/* The rename that gives the part its name. What it takes the place of is given back. */
static int
take_name(struct world *w, struct file *f, const char *hidden)
{
	struct charge charge;
	struct stat old;
	bool replaced;
	int err = charge_move(w, f, &charge);

	if (err < 0)
		return err;
	replaced = charge.on && fstatat(f->dir, f->name, &old, AT_SYMLINK_NOFOLLOW) == 0;
	/* What it was to replace may have another name by now. */
	err = charge_replaces(w, f, &charge,
			      replaced && publish_counts_once(w, f->share, &old) ? &old : NULL);
	if (err < 0) {
		charge_end(&charge, 0, 0);
		return err;
	}
	if (renameat2(f->dir, hidden, f->dir, f->name, f->replaces ? 0 : RENAME_NOREPLACE) < 0)
		err = -errno;
	if (!f->replaces && (err == -EEXIST || err == -EINVAL))
		err = rename_over(w, f, hidden);
	f->refused = err == -EPERM || err == -EACCES;
	/* While it is locked, where it is the user's own. */
	if (err == 0 && replaced && old.st_uid == w->account->uid) {
		struct tally_sum gone = charge_of(&old);

		charge_end(&charge, -(int64_t)gone.bytes, -(int64_t)gone.files);
		return 0;
	}
	charge_end(&charge, 0, 0);
	if (err == 0 && replaced)
		charge_gone(w, f->share, &old);
	return err;
}

int
publish_now(struct world *w, struct file *f)
{
	char hidden[PART_NAME_MAX];
	struct trash_kept kept;
	bool made;
	int err;

	part_name(PART_ACTIVE, NULL, f->name, hidden);
	err = part_check(f->dir, hidden, f->dev, f->ino);
	if (err == -ESTALE)
		return world_why(
		    w, -EIO, "somebody removed the temporary file of this upload; upload again");
	if (err < 0)
		return err;
	if (f->end_mode != VFS_MODE_DEFAULT && fchmod(f->fd, f->end_mode) < 0)
		return -errno;
	made = f->share->tracks && is_ours_or_free(w, f);
	err = trash_keep(w, f->share, f->dir, f->name, &kept);
	if (err < 0)
		return err;
	err = take_name(w, f, hidden);
	if (err < 0) {
		trash_unkeep(w, f->share, f->dir, &kept);
		return err;
	}
	trash_kept(w, f->share, f->dir, &kept);
	part_remove(w, f->share, f->replaces ? PART_MARK : PART_KEPT, f->dir, f->name);
	f->kind = FILE_IN_PLACE;
	f->published = true;
	w->upload_count--;
	charge_settle(w, f);
	if (f->share->tracks)
		own_add(&w->own, f->dir, f->name, made);
	return 0;
}

/* close(2) is where some filesystems tell; the descriptor itself must live on, for its lock. */
static int
flush(int fd)
{
	FD_OWN int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : fd_close_check(&copy);
}

/* The name is on the disk. In a drop box that its users may not read, all of the filesystem is. */
static int
sync_name(const struct file *f)
{
	FD_OWN int fd = -1;
	int err = resolve_at(f->dir, "", O_RDONLY | O_DIRECTORY, 0, &fd);

	if (err == -EACCES)
		return syncfs(f->fd) < 0 ? -errno : 0;
	if (err < 0)
		return err;
	return fsync(fd) < 0 ? -errno : 0;
}

/* Everything that must be true before the name may be given. */
static int
finish_content(struct world *w, struct file *f, uint64_t bytes, struct stat *ret_st)
{
	struct timespec times[2];
	int err = publish_begin(w, f); /* an empty upload began nothing */

	if (err < 0)
		return err;
	attr_times(&f->times, times);
	if (f->times.set && futimens(f->fd, times) < 0)
		return -errno;
	if (fstat(f->fd, ret_st) < 0)
		return -errno;
	if ((f->flags & VFS_OPEN_STREAM) && (uint64_t)ret_st->st_size != f->offset + bytes)
		return world_why(w, -EIO, "%ju bytes were sent, but the file has %ju",
				 (uintmax_t)(f->offset + bytes), (uintmax_t)ret_st->st_size);
	/* What wire was told it may write is not what it may have written. */
	err = charge_grow(w, f, (uint64_t)ret_st->st_size);
	if (err == 0 && f->share->conf->durable && fsync(f->fd) < 0)
		err = -errno;
	return err == 0 ? flush(f->fd) : err;
}

int
publish_commit(struct world *w, struct file *f, uint64_t bytes, struct stat *ret_st)
{
	int err = finish_content(w, f, bytes, ret_st);

	if (err == 0 && f->kind == FILE_PART)
		err = publish_now(w, f);
	else if (err == 0 && f->created && f->share->tracks)
		own_add(&w->own, f->dir, f->name, true);
	if (err == 0 && f->share->conf->durable && (f->published || f->created))
		err = sync_name(f);
	if (err < 0)
		publish_abort(w, f, bytes, err == -EFBIG || err == -EIO ? NULL : "commit");
	return err;
}

/*
 * What is kept must be a true beginning of the file. SFTP clients may write in any order: where
 * less was written than the file has, something is missing in it, and where is not known.
 */
static bool
is_whole(const struct file *f, uint64_t bytes, const struct stat *st)
{
	uint64_t size = (uint64_t)st->st_size;
	off_t hole;

	if (f->flags & VFS_OPEN_STREAM)
		return true;
	if (f->had + bytes < size)
		return false;
	hole = lseek(f->fd, 0, SEEK_HOLE);
	return hole < 0 || (uint64_t)hole >= size;
}

static int
roll_back(struct world *w, struct file *f, bool keep, uint64_t bytes)
{
	struct stat st;
	int err;

	/* Nobody goes on with what was whole and is refused for good: there is nothing to note. */
	if (f->replaces && !f->refused) {
		/*
		 * On a full disk the note needs the room of the part, which must stay until it is
		 * written.
		 */
		if (ftruncate(f->fd, 0) < 0)
			log_debug("upload", "result=%s", strerrorname_np(errno));
		err = part_mark(w, f->dir, f->name, &f->was);
		if (err < 0)
			log_warn("upload",
				 "result=%s why=\"an interrupted upload could not be marked\"",
				 strerrorname_np(-err));
	} else if (!f->replaces && keep && fstat(f->fd, &st) == 0 && st.st_size > 0 &&
		   is_whole(f, bytes, &st) && f->share->conf->partial_keep_ms > 0 &&
		   charge_grow(w, f, (uint64_t)st.st_size) == 0) {
		struct charge charge;

		/* What is left of an earlier one goes, and is given back. */
		part_remove(w, f->share, PART_KEPT, f->dir, f->name);
		err = charge_move(w, f, &charge);
		if (err < 0)
			return err;
		err = part_keep(w, f->share, f->dir, f->name, f->fd);
		charge_end(&charge, 0, 0);
		if (err == 0)
			charge_settle(w, f);
		charge_forget(w, f);
		return err;
	}
	err = part_drop(f->dir, f->name, f->fd);
	if (err == 0 || err == -ESTALE)
		charge_drop(w, f);
	return err;
}

/* A direct upload of a new file that brought nothing leaves nothing. */
static void
remove_empty(struct world *w, struct file *f)
{
	struct stat st, named;

	if (fstat(f->fd, &st) == 0 && st.st_size == 0 &&
	    fstatat(f->dir, f->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    named.st_ino == st.st_ino && named.st_dev == st.st_dev &&
	    unlinkat(f->dir, f->name, 0) == 0) /* if not, it is empty, and that is the worst */
		charge_drop(w, f);
}

void
publish_abort(struct world *w, struct file *f, uint64_t bytes, const char *reason)
{
	int err = 0;

	if (f->kind == FILE_PART)
		err = roll_back(w, f, reason != NULL, bytes);
	else if (f->created)
		remove_empty(w, f);
	if (err < 0)
		log_warn("upload",
			 "result=%s why=\"the part of a broken upload could not be put away\"",
			 strerrorname_np(-err));
}
