/* SPDX-License-Identifier: ISC */
/*
 * trash.c - keeps what clients delete and replace. Owns: the directories TRASH_DIR. Must not: lose
 * a byte because keeping it failed; then the change is refused.
 * Invariant: what gets into the trash was there under its own name until then, and what is in it
 * has no other name.
 */
#include "server/vfs/trash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/vfs/charge.h"
#include "server/vfs/file.h"
#include "server/vfs/resolve.h"
#include "server/vfs/trash_sweep.h"
#include "server/vfs/world.h"

/* Things that are deleted in the same millisecond under the same name. */
#define MOMENTS 1000

bool
trash_keeps_deleted(const struct share *share)
{
	return share->conf->trash_ms > 0;
}

bool
trash_keeps_replaced(const struct share *share)
{
	return share->conf->trash_ms > 0 || share->conf->versions > 0;
}

static int
refuse(struct world *w, const struct share *share, int err)
{
	if (err == -EDQUOT || err == -EBUSY) /* no fault of the trash: charge.h has said why */
		return err;
	return world_why(w, err,
			 "the share \"%s\" keeps what is deleted or replaced, and that failed here",
			 share->conf->name);
}

/* Makes the trash of dir: whoever may delete there may then move into it. */
static int
make_dir(struct world *w, struct share *share, int dir)
{
	struct charge c = { .on = false };
	struct stat st;
	int err;

	if (fstat(dir, &st) < 0)
		return -errno;
	/* It is counted, and not refused: at the end of a quota deleting is the way on. */
	err = charge_begin(w, share, w->account->uid, 0, 0, &c);
	if (err < 0)
		return err;
	if (mkdirat(dir, TRASH_DIR, (st.st_mode & 01777) | 0700) < 0)
		err = -errno;
	charge_end(&c, 0, err == 0);
	return err == -EEXIST ? 0 : err;
}

static int
open_dir(struct world *w, struct share *share, int dir, int *ret_trash)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
	int err = resolve_at(dir, TRASH_DIR, flags, 0, ret_trash);

	if (err == -ENOENT) {
		err = make_dir(w, share, dir);
		if (err == 0)
			err = resolve_at(dir, TRASH_DIR, flags, 0, ret_trash);
	}
	return err;
}

static uint64_t
now_ms(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		return 0;
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* renameat2(2) that replaces nothing, also where the filesystem does not know such renames. */
static int
rename_to_free(int dir, const char *name, int trash, const char *hidden)
{
	struct stat st;

	if (renameat2(dir, name, trash, hidden, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	if (fstatat(trash, hidden, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return renameat(dir, name, trash, hidden) < 0 ? -errno : 0;
}

int
trash_move(struct world *w, struct share *share, int dir, const char *name)
{
	char hidden[TRASH_NAME_MAX];
	int err = -ENOENT;

	/* Twice: somebody may sweep the trash away as we come. */
	for (int i = 0; i < 2 && err == -ENOENT; i++) {
		FD_OWN int trash = -1;
		uint64_t at = now_ms();
		struct stat st;

		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		err = open_dir(w, share, dir, &trash);
		for (int n = 0; err == 0 || (err == -EEXIST && n < MOMENTS); n++) {
			trash_name_put(0, at++, name, hidden);
			err = rename_to_free(dir, name, trash, hidden);
			if (err != -EEXIST)
				break;
		}
	}
	if (err < 0)
		return refuse(w, share, err);
	trash_sweep_sometimes(w, share, dir);
	return 0;
}

/* A moment that is no name yet. */
static int
free_moment(int trash, const char *name, char room[TRASH_NAME_MAX])
{
	uint64_t at = now_ms();
	struct stat st;

	do
		trash_name_put(0, at++, name, room);
	while (fstatat(trash, room, &st, AT_SYMLINK_NOFOLLOW) == 0);
	return errno == ENOENT ? 0 : -errno;
}

/*
 * The name of the next version, which nothing has. Where versions are not counted they have moments
 * as what is deleted; and so it is until the oldest goes (ret->oldest), when there are enough.
 */
static int
free_version(const struct share *share, int trash, const char *name, struct trash_kept *ret)
{
	char hidden[TRASH_NAME_MAX];
	struct timespec oldest = { 0, 0 };
	struct stat st;

	ret->oldest[0] = '\0';
	for (unsigned int i = 1; i <= share->conf->versions; i++) {
		trash_name_put(i, 0, name, hidden);
		if (fstatat(trash, hidden, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			ret->oldest[0] = '\0';
			memcpy(ret->name, hidden, sizeof(hidden));
			return errno == ENOENT ? 0 : -errno;
		}
		if (i == 1 || st.st_ctim.tv_sec < oldest.tv_sec ||
		    (st.st_ctim.tv_sec == oldest.tv_sec && st.st_ctim.tv_nsec < oldest.tv_nsec)) {
			oldest = st.st_ctim;
			memcpy(ret->oldest, hidden, sizeof(hidden));
		}
	}
	return free_moment(trash, name, ret->name);
}

/*
 * What was kept is a version, and the oldest is none any more. Who dies in between is one whose
 * files have to be counted: so the rename is made inside of the charge.
 */
static int
take_place(struct world *w, struct share *share, int trash, const struct trash_kept *kept)
{
	struct tally_sum gone = { 0, 0 };
	struct charge c = { .on = false };
	struct stat old;
	int err;

	if (kept->oldest[0] == '\0')
		return 0;
	if (fstatat(trash, kept->oldest, &old, AT_SYMLINK_NOFOLLOW) < 0)
		old.st_uid = w->account->uid;
	err = charge_begin(w, share, old.st_uid, 0, 0, &c);
	if (err < 0)
		return err;
	if (fstatat(trash, kept->oldest, &old, AT_SYMLINK_NOFOLLOW) == 0)
		gone = charge_of(&old);
	if (renameat(trash, kept->name, trash, kept->oldest) < 0) {
		err = -errno;
		gone = (struct tally_sum) { 0, 0 };
	}
	charge_end(&c, -(int64_t)gone.bytes, -(int64_t)gone.files);
	return err;
}

/* Bytes and times of the open file into a new one. */
static int
copy_to(struct world *w, struct share *share, int fd, const struct stat *st, int trash,
	const char *hidden)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	struct charge c = { .on = false };
	FD_OWN int to = -1;
	uint64_t copied = 0, size = (uint64_t)st->st_size;
	int err = charge_begin(w, share, w->account->uid, size, 1, &c);

	if (err < 0)
		return err;
	err = resolve_at(trash, hidden, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
			 st->st_mode & 0777, &to);
	if (err == 0)
		err = file_copy_range(fd, 0, size, to, 0, &copied);
	if (err == 0 && (copied != size || futimens(to, times) < 0))
		err = copied != size ? -EIO : -errno;
	if (err == 0)
		err = fd_close_check(&to);
	if (err < 0)
		ignore_result(unlinkat(trash, hidden, 0)); /* half a copy, if any; err counts */
	charge_end(&c, err == 0 ? (int64_t)size : 0, err == 0);
	return err;
}

/* Where a file cannot have a second name (the kernel protects it, or the filesystem has none). */
static int
keep_copy(struct world *w, struct share *share, int dir, const char *name, int trash,
	  const char *hidden)
{
	FD_OWN int fd = -1;
	struct stat st;
	int err = resolve_at(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, &fd);

	if (err < 0)
		return err;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? copy_to(w, share, fd, &st, trash, hidden) : -EINVAL;
}

static int
keep_once(struct world *w, struct share *share, int dir, const char *name,
	  struct trash_kept *ret_kept)
{
	FD_OWN int trash = -1;
	int err = open_dir(w, share, dir, &trash);

	if (err == 0)
		err = free_version(share, trash, name, ret_kept);
	if (err < 0 || linkat(dir, name, trash, ret_kept->name, 0) == 0)
		return err;
	err = -errno;
	if (err == -EPERM || err == -EMLINK || err == -EOPNOTSUPP || err == -ENOSYS)
		err = keep_copy(w, share, dir, name, trash, ret_kept->name);
	return err;
}

int
trash_keep(struct world *w, struct share *share, int dir, const char *name,
	   struct trash_kept *ret_kept)
{
	struct stat st;
	int err;

	ret_kept->name[0] = '\0';
	if (!trash_keeps_replaced(share) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return 0;
	err = keep_once(w, share, dir, name, ret_kept);
	if (err == -ENOENT) /* somebody swept the trash away as we came */
		err = keep_once(w, share, dir, name, ret_kept);
	if (err == 0) {
		trash_sweep_sometimes(w, share, dir);
		return 0;
	}
	ret_kept->name[0] = '\0';
	return refuse(w, share, err);
}

void
trash_kept(struct world *w, struct share *share, int dir, const struct trash_kept *kept)
{
	FD_OWN int trash = -1;

	if (kept->name[0] == '\0' || kept->oldest[0] == '\0' ||
	    resolve_at(dir, TRASH_DIR, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, &trash) < 0)
		return;
	/* If it cannot be, there is one too many. */
	ignore_result(take_place(w, share, trash, kept));
}

void
trash_unkeep(struct world *w, struct share *share, int dir, const struct trash_kept *kept)
{
	FD_OWN int trash = -1;

	if (kept->name[0] == '\0' ||
	    resolve_at(dir, TRASH_DIR, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, &trash) < 0)
		return;
	/* It stays when it cannot go: then there is a version too many. */
	ignore_result(charge_remove(w, share, trash, kept->name, 0));
}

/* Has nothing changed since the newest version was made? Then it is a copy of the same. */
static bool
is_kept_already(const struct share *share, int trash, const char *name, const struct stat *st)
{
	char hidden[TRASH_NAME_MAX];
	struct stat old;

	for (unsigned int i = 1; i <= share->conf->versions; i++) {
		trash_name_put(i, 0, name, hidden);
		if (fstatat(trash, hidden, &old, AT_SYMLINK_NOFOLLOW) == 0 &&
		    old.st_size == st->st_size && old.st_mtim.tv_sec == st->st_mtim.tv_sec &&
		    old.st_mtim.tv_nsec == st->st_mtim.tv_nsec)
			return true;
	}
	return false;
}

int
trash_copy(struct world *w, struct share *share, int dir, const char *name, const struct stat *st)
{
	struct trash_kept kept;
	FD_OWN int trash = -1, real = -1;
	struct stat now;
	int err;

	if (!trash_keeps_replaced(share) || st->st_size == 0)
		return 0;
	err = open_dir(w, share, dir, &trash);
	if (err == 0 && is_kept_already(share, trash, name, st))
		return 0;
	if (err == 0)
		err = free_version(share, trash, name, &kept);
	if (err == 0)
		err =
		    resolve_at(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, &real);
	if (err == 0 &&
	    (fstat(real, &now) < 0 || now.st_ino != st->st_ino || now.st_dev != st->st_dev))
		err = world_why(w, -EBUSY, "the file was exchanged a moment ago; try again");
	if (err == 0)
		err = copy_to(w, share, real, st, trash, kept.name);
	if (err == 0)
		err = take_place(w, share, trash, &kept);
	if (err < 0)
		return refuse(w, share, err);
	trash_sweep_sometimes(w, share, dir);
	return 0;
}

void
trash_forget(struct world *w, struct share *share, int dir, const char *name)
{
	char hidden[TRASH_NAME_MAX];
	FD_OWN int trash = -1;

	if (share->conf->versions == 0 || share->conf->trash_ms > 0 ||
	    resolve_at(dir, TRASH_DIR, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, &trash) < 0)
		return;
	/* All that there can be: the share may have wanted more of them before. */
	for (unsigned int i = 1; i <= TRASH_VERSIONS_MAX; i++) {
		trash_name_put(i, 0, name, hidden);
		/* Most are not there; what cannot go now goes with its directory. */
		ignore_result(charge_remove(w, share, trash, hidden, 0));
	}
	trash_sweep(w, share, dir);
}
