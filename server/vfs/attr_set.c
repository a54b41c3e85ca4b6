/* SPDX-License-Identifier: ISC */
/*
 * attr_set.c - attributes of new things, and setstat. Owns: what a client's mode is worth, and
 * which right each wish takes. Must not: follow a link while it changes anything; do one wish of
 * several before it is known that all are allowed.
 */
#include "server/vfs/attr.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/vfs/charge.h"
#include "server/vfs/quota.h"
#include "server/vfs/resolve.h"
#include "server/vfs/trash.h"
#include "server/vfs/world.h"
#include "server/vfs/writing.h"

/* Not in the headers of Debian 12; in the kernel since 6.6. */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/* All that may be done to what this session made. */
#define CHANGE_ALL (VFS_SET_SIZE | VFS_SET_TIMES | VFS_SET_MODE)

/* Has the client a say in the mode of what it makes? */
static bool
mode_counts(const struct place *p, uint32_t asked)
{
	return asked != VFS_MODE_DEFAULT &&
	       ((p->rights & RIGHT_CHMOD) || p->share->conf->mode_requests == CONF_MODES_APPLY);
}

uint32_t
attr_dir_mode(const struct place *p, uint32_t asked)
{
	uint32_t mask = p->share->conf->dir_mode;

	return (mode_counts(p, asked) ? asked & mask : mask) & 0777;
}

uint32_t
attr_file_mode(const struct place *p, uint32_t asked)
{
	uint32_t mask = p->share->conf->file_mode;

	/* Programs become programs because somebody says so: never by default. */
	return mode_counts(p, asked) ? asked & mask & 0777 : mask & 0666;
}

int
attr_force_group(struct world *w, const struct share *share, int fd)
{
	if (!share->forces_group || fchown(fd, (uid_t)-1, share->group) == 0)
		return 0;
	return world_why(w, -errno, "the file cannot be given to the group of the share \"%s\"",
			 share->conf->name);
}

/* chmod of what an O_PATH descriptor stands for: never follows a link, never takes a path again. */
static int
chmod_path(struct place *p, int fd, const struct stat *st, uint32_t mode)
{
	FD_OWN int real = -1;
	struct stat now;
	int err;

	if (syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOSYS && errno != EPERM)
		return -errno;
	/* A kernel before 6.6: open it for real, if that may be done at all. */
	err = resolve_at(p->share->root, p->inner, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &real);
	if (err == -EACCES)
		err = resolve_at(p->share->root, p->inner, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0,
				 &real);
	if (err < 0)
		return err;
	if (fstat(real, &now) < 0)
		return -errno;
	if (now.st_ino != st->st_ino || now.st_dev != st->st_dev)
		return -EBUSY;
	return fchmod(real, mode) < 0 ? -errno : 0;
}

/*
 * What a wish for a mode comes to: 1 when it shall be done, 0 when it is passed over, or -EACCES.
 */
static int
judge_mode(struct world *w, const struct place *p, bool is_own)
{
	if (p->rights & RIGHT_CHMOD)
		return 1;
	switch (p->share->conf->mode_requests) {
	case CONF_MODES_APPLY:
		return is_own;
	case CONF_MODES_IGNORE:
		return 0;
	case CONF_MODES_REFUSE:
		break;
	}
	return world_refuse(w, p, RIGHT_CHMOD);
}

static uint32_t
masked(const struct place *p, const struct stat *st, uint32_t mode)
{
	const struct conf_share *share = p->share->conf;
	uint32_t of_new = S_ISDIR(st->st_mode) ? share->dir_mode : share->file_mode;

	return mode & 0777 & (share->chmod_mode ? share->chmod_mode : of_new);
}

/* Nobody gives files away here; a client that sets the owner it has just read is right, though. */
static int
check_owner(struct world *w, const struct place *p, const struct stat *st,
	    const struct vfs_change *change)
{
	bool hidden = p->share->conf->owners == CONF_OWNERS_HIDDEN;
	uid_t uid = hidden ? w->account->uid : st->st_uid;
	gid_t gid = hidden ? w->account->gid : st->st_gid;

	if (((change->set & VFS_SET_OWNER) && change->uid != uid) ||
	    ((change->set & VFS_SET_GROUP) && change->gid != gid))
		return world_why(w, -EPERM, "owner and group cannot be changed here");
	return 0;
}

void
attr_times(const struct vfs_change *change, struct timespec ret_times[2])
{
	ret_times[0] = (struct timespec) { .tv_sec = change->atime };
	ret_times[1] = (struct timespec) { .tv_sec = change->mtime, .tv_nsec = change->mtime_ns };
	if (change->atime == VFS_TIME_KEEP)
		ret_times[0].tv_nsec = UTIME_OMIT;
	if (change->mtime == VFS_TIME_KEEP)
		ret_times[1].tv_nsec = UTIME_OMIT;
}

static int
set_times(int fd, const struct vfs_change *change)
{
	struct timespec times[2];

	/* Not left to the kernel: UTIME_NOW and UTIME_OMIT are such numbers. */
	if (change->mtime != VFS_TIME_KEEP && change->mtime_ns >= 1000000000)
		return -EINVAL;
	attr_times(change, times);
	return utimensat(fd, "", times, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/*
 * Is every single wish allowed, where those in granted need no right? Nothing is done before that
 * is known. *ret_mode as judge_mode.
 */
static int
judge_change(struct world *w, const struct place *p, const struct stat *st,
	     const struct vfs_change *change, uint32_t granted, int *ret_mode)
{
	int err = check_owner(w, p, st, change);

	if (err == 0 && (change->set & VFS_SET_SIZE)) {
		if (S_ISDIR(st->st_mode))
			return -EISDIR;
		if (!S_ISREG(st->st_mode))
			return -EINVAL;
		if (change->size > INT64_MAX)
			return -EFBIG;
		if (!(granted & VFS_SET_SIZE))
			err = world_need(w, p, RIGHT_OVERWRITE);
		if (err == 0)
			err = quota_check_size(w, p->share, change->size);
	}
	if (err == 0 && (change->set & ~granted & VFS_SET_TIMES))
		err = world_need(w, p, RIGHT_TIMES);
	*ret_mode = 0;
	if (err == 0 && (change->set & VFS_SET_MODE)) {
		*ret_mode = judge_mode(w, p, granted & VFS_SET_MODE);
		err = *ret_mode < 0 ? *ret_mode : 0;
	}
	return err;
}

/* Cuts or grows a file by its path: a write like others, so not beside another writer. */
static int
set_size(struct world *w, struct place *p, const struct stat *st, uint64_t size)
{
	FD_OWN int fd = -1, dir = -1;
	bool loses = size < (uint64_t)st->st_size && (size == 0 || p->share->conf->versions > 0);
	const char *name;
	int err = place_file_at(w, p, p->share->root, p->inner, O_WRONLY, st, &fd);

	if (err == 0)
		err = writing_lock(w, fd, st);
	if (err == 0 && loses && trash_keeps_replaced(p->share)) {
		err = place_parent(w, p, &dir, &name);
		if (err == 0)
			err = trash_copy(w, p->share, dir, name, st);
	}
	if (err == 0)
		err = charge_resize(w, p->share, fd, st, size);
	return err;
}

/* *ret_mode as in attr_set_fd. */
static int
change_place(struct world *w, struct place *p, uint32_t flags, const struct vfs_change *change,
	     bool *ret_mode)
{
	FD_OWN int fd = -1;
	struct stat st;
	int mode, err;

	err = place_look(w, p, !(flags & VFS_NOFOLLOW), &fd, &st);
	if (err == 0)
		err = judge_change(w, p, &st, change, own_wrote(&w->own, fd, "") ? CHANGE_ALL : 0,
				   &mode);
	if (err < 0)
		return err;
	if (mode && p->is_mount)
		return place_is_held(w, p, -EACCES);
	if (change->set & VFS_SET_SIZE)
		err = set_size(w, p, &st, change->size);
	if (err == 0 && mode)
		err = S_ISLNK(st.st_mode) ? -EOPNOTSUPP
					  : chmod_path(p, fd, &st, masked(p, &st, change->mode));
	*ret_mode = mode != 0;
	if (err == 0 && (change->set & VFS_SET_TIMES))
		err = set_times(fd, change);
	return err;
}

/* A link may lead to what this session is writing: then it is that which is changed. */
static void
follow_to_writing(struct world *w, struct place *p)
{
	FD_OWN int fd = -1;
	struct stat st;

	if (w->upload_count > 0 && !writing_find(w, p))
		ignore_result(place_look(w, p, true, &fd, &st)); /* it is looked at again */
}

void
attr_record(struct world *w, const struct place *p, uint32_t wishes, bool has_mode, int err)
{
	if (wishes & VFS_SET_MODE)
		world_changed(w, "chmod", p->path, NULL,
			      err == 0 && !has_mode ? WORLD_IGNORED : err);
	if (wishes & VFS_SET_TIMES)
		world_changed(w, "times", p->path, NULL, err);
	if (wishes & VFS_SET_SIZE)
		world_changed(w, "truncate", p->path, NULL, err);
	if ((wishes & (VFS_SET_OWNER | VFS_SET_GROUP)) && err < 0)
		world_changed(w, "chown", p->path, NULL, err);
}

int
attr_set(struct world *w, const char *path, uint32_t flags, const struct vfs_change *change)
{
	struct place *p = &w->here;
	bool has_mode = false;
	int err = place_find(w, path, PLACE_OLD, p);

	if (err < 0)
		return err;
	if (!p->share)
		return world_why(w, -EACCES, "this directory only leads to shares");
	if (!(flags & VFS_NOFOLLOW))
		follow_to_writing(w, p);
	if (change->set & VFS_SET_MODE)
		err = writing_settle(w, p);
	if (err == 0 && !writing_set(w, p, change, &has_mode, &err))
		err = change_place(w, p, flags, change, &has_mode);
	if (err != -EBUSY || !w->tries_again)
		attr_record(w, p, change->set, has_mode, err);
	return err;
}

int
attr_set_fd(struct world *w, const struct place *p, int fd, const struct vfs_change *change,
	    uint32_t granted, bool *ret_mode)
{
	struct stat st;
	int mode, err;

	if (fstat(fd, &st) < 0)
		return -errno;
	err = judge_change(w, p, &st, change, granted, &mode);
	if (err < 0)
		return err;
	if ((change->set & VFS_SET_SIZE) && ftruncate(fd, (off_t)change->size) < 0)
		return errno == EINVAL ? -EACCES : -errno; /* EINVAL: opened for reading */
	if (mode && fchmod(fd, masked(p, &st, change->mode)) < 0)
		return -errno;
	*ret_mode = mode != 0;
	return change->set & VFS_SET_TIMES ? set_times(fd, change) : 0;
}
