/* SPDX-License-Identifier: ISC */
/*
 * name.c - mkdir, rmdir, unlink, rename, link, symlink, readlink.
 * Invariant: every change is made by its parent's descriptor and the last name, never by a path,
 * and never follows that name.
 */
#include "server/vfs/name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/vfs/attr.h"
#include "server/vfs/charge.h"
#include "server/vfs/part.h"
#include "server/vfs/path.h"
#include "server/vfs/quota.h"
#include "server/vfs/resolve.h"
#include "server/vfs/rule.h"
#include "server/vfs/trash.h"
#include "server/vfs/trash_sweep.h"
#include "server/vfs/world.h"
#include "server/vfs/writing.h"

/* Finds a path whose name is about to change; what this session is writing there gets its name
 * first. */
static int
find(struct world *w, const char *path, enum place_wish wish, struct place *p, int *ret_dir,
     const char **ret_name)
{
	int err = place_find(w, path, wish, p);

	if (err < 0)
		return err;
	if (p->is_mount || p->is_above_mount)
		return world_why(w, wish == PLACE_NEW ? -EEXIST : -EBUSY,
				 "a share is mounted here");
	err = place_parent(w, p, ret_dir, ret_name);
	return err == 0 ? writing_settle(w, p) : err;
}

/*
 * The right, or failing that: did this session make the thing, where it may make things? Then
 * finishing it is part of making it.
 */
static int
need_or_own(struct world *w, const struct place *p, enum conf_right right, enum conf_right making,
	    int dir, const char *name)
{
	if (p->rights & right)
		return 0;
	if ((p->rights & making) && own_has(&w->own, dir, name))
		return 0;
	return world_refuse(w, p, right);
}

static int
make_dir(struct world *w, const struct place *p, int dir, const char *name, uint32_t mode)
{
	FD_OWN int fd = -1;
	int err;

	/* What gets another group is readable for its owner until then: only so it can be opened.
	 */
	if (mkdirat(dir, name, p->share->forces_group ? mode | 0700 : mode) < 0)
		return -errno;
	if (!p->share->forces_group)
		return 0;
	err = resolve_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd);
	if (err == 0)
		err = attr_force_group(w, p->share, fd);
	if (err == 0 && (mode & 0700) != 0700 && fchmod(fd, mode) < 0)
		err = -errno;
	if (err < 0)
		ignore_result(
		    unlinkat(dir, name, AT_REMOVEDIR)); /* it is empty; the error counts */
	return err;
}

static int
do_mkdir(struct world *w, const char *path, uint32_t mode)
{
	struct place *p = &w->here;
	FD_OWN int dir = -1;
	struct charge charge;
	const char *name;
	int err = find(w, path, PLACE_NEW, p, &dir, &name);

	if (err == 0)
		err = world_need(w, p, RIGHT_MKDIR);
	if (err == 0)
		err = quota_check_room(w, p->share, dir);
	if (err < 0)
		return err;
	err = charge_begin(w, p->share, w->account->uid, 0, 1, &charge);
	if (err == 0)
		err = make_dir(w, p, dir, name, attr_dir_mode(p, mode));
	charge_end(&charge, 0, err == 0);
	if (err < 0)
		return err;
	if (p->share->tracks)
		own_add(&w->own, dir, name);
	return 0;
}

int
name_mkdir(struct world *w, const char *path, uint32_t mode)
{
	int err = do_mkdir(w, path, mode);

	return world_changed(w, "mkdir", w->here.path, NULL, err);
}

/*
 * What keeps a directory that looks empty from going. With things in its trash it goes into the
 * trash itself, unless rules are written for paths in it: they would not find it there.
 */
static int
clear_and_remove(struct world *w, struct place *p, int dir, const char *name)
{
	FD_OWN int fd = -1;
	int err = resolve_at(dir, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0, &fd);

	if (err < 0)
		return -ENOTEMPTY; /* who cannot look into it has put nothing of ours there */
	err = part_clear_dir(w, p->share, fd);
	if (err < 0 || !trash_has_something(w, p->share, fd))
		return err < 0 ? err : charge_remove(w, p->share, dir, name, AT_REMOVEDIR);
	if (!trash_keeps_deleted(p->share) || rule_stands_below(p->share->conf, p->inner))
		return world_why(w, -ENOTEMPTY, "deleted files are kept in this directory");
	return trash_name_is_inside(p->inner)
		   ? world_why(w, -ENOTEMPTY, "deleted files are kept in it: delete them first")
		   : trash_move(w, p->share, dir, name);
}

static int
do_rmdir(struct world *w, const char *path)
{
	struct place *p = &w->here;
	FD_OWN int dir = -1;
	const char *name;
	int err = find(w, path, PLACE_OLD, p, &dir, &name);

	if (err == 0)
		err = need_or_own(w, p, RIGHT_RMDIR, RIGHT_MKDIR, dir, name);
	if (err < 0)
		return err;
	err = charge_remove(w, p->share, dir, name, AT_REMOVEDIR);
	return err == -ENOTEMPTY || err == -EEXIST ? clear_and_remove(w, p, dir, name) : err;
}

int
name_rmdir(struct world *w, const char *path)
{
	int err = do_rmdir(w, path);

	if (err == 0)
		world_happened(w, VFS_EVENT_DELETE, &w->here, NULL, 0, true);
	return world_changed(w, "rmdir", w->here.path, NULL, err);
}

static int
do_unlink(struct world *w, const char *path)
{
	struct place *p = &w->here;
	FD_OWN int dir = -1;
	const char *name;
	struct stat st;
	int err = find(w, path, PLACE_OLD, p, &dir, &name);

	if (err == 0)
		err = need_or_own(w, p, RIGHT_DELETE, RIGHT_CREATE, dir, name);
	if (err == 0 && trash_keeps_deleted(p->share) && !trash_name_is_inside(p->inner)) {
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		return S_ISDIR(st.st_mode) ? -EISDIR : trash_move(w, p->share, dir, name);
	}
	if (err == 0)
		err = charge_remove(w, p->share, dir, name, 0);
	if (err == 0)
		trash_forget(w, p->share, dir, name);
	return err;
}

int
name_unlink(struct world *w, const char *path)
{
	int err = do_unlink(w, path);

	if (err == 0)
		world_happened(w, VFS_EVENT_DELETE, &w->here, NULL, 0, false);
	return world_changed(w, "delete", w->here.path, NULL, err);
}

/* Two paths of one question, both found. */
struct pair {
	struct place *from, *to;
	int from_dir, to_dir;
	const char *from_name, *to_name;
	struct stat from_st, to_st;
	bool to_exists;
};

/* Both are in the record, also when already the first is refused. */
static int
clean_pair(struct world *w, const char *from, const char *to)
{
	int err = place_clean(from, &w->here), to_err = place_clean(to, &w->there);

	return err < 0 ? err : to_err;
}

static int
find_pair(struct world *w, const char *from, const char *to, struct pair *pair)
{
	int err;

	pair->from = &w->here;
	pair->to = &w->there;
	err = find(w, from, PLACE_OLD, pair->from, &pair->from_dir, &pair->from_name);
	if (err == 0)
		err = find(w, to, PLACE_NEW, pair->to, &pair->to_dir, &pair->to_name);
	if (err < 0)
		return err;
	if (pair->from->share != pair->to->share)
		return world_why(w, -EXDEV, "the two names are in different shares");
	if (fstatat(pair->from_dir, pair->from_name, &pair->from_st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	pair->to_exists =
	    fstatat(pair->to_dir, pair->to_name, &pair->to_st, AT_SYMLINK_NOFOLLOW) == 0;
	return 0;
}

/*
 * Rights of a rename. Within the reach of one rule "rename" is enough; to another one the new name
 * must also be one that could be made there, and nothing becomes readable by being moved.
 */
static int
judge_rename(struct world *w, const struct pair *pair)
{
	const struct place *from = pair->from, *to = pair->to;
	bool is_dir = S_ISDIR(pair->from_st.st_mode);
	bool is_own = own_has(&w->own, pair->from_dir, pair->from_name);
	enum conf_right making = is_dir ? RIGHT_MKDIR : RIGHT_CREATE;
	bool restores = trash_name_is_inside(from->inner);
	int err = need_or_own(w, from, RIGHT_RENAME, making, pair->from_dir, pair->from_name);

	if (err == 0 &&
	    (trash_name_is_inside(to->inner) || strcmp(pair->from_name, TRASH_DIR) == 0))
		return world_why(w, -EACCES, "things get into the trash by being deleted");
	if (err == 0 && (restores || from->rule != to->rule || !(to->rights & RIGHT_RENAME)))
		err = world_need(w, to, making);
	if (err == 0 && !is_own && (to->rights & ~from->rights & RIGHT_READ))
		err = world_refuse(w, from, RIGHT_READ);
	if (err == 0 && pair->to_exists)
		err =
		    need_or_own(w, to, RIGHT_OVERWRITE, RIGHT_CREATE, pair->to_dir, pair->to_name);
	if (err == 0 && is_dir && from->share->conf->rule_count > 0 &&
	    rule_stands_below(from->share->conf, from->inner))
		err = world_why(w, -EACCES, "rights of the share \"%s\" are tied to this directory",
				from->share->conf->name);
	return err;
}

static bool
is_same(const struct pair *pair)
{
	return pair->to_exists && pair->from_st.st_ino == pair->to_st.st_ino &&
	       pair->from_st.st_dev == pair->to_st.st_dev;
}

/* The rename itself; what it replaces is given back. */
static int
move(struct world *w, struct pair *pair, bool replace)
{
	struct share *share = pair->to->share;
	struct tally_sum gone = { 0, 0 };
	struct charge charge = { .on = false };
	bool charged = pair->to_exists && share->tally.fd >= 0;
	int err = 0;

	if (charged) {
		charge_touch(w, share, &pair->to_st);
		err = charge_begin(w, share, pair->to_st.st_uid, 0, 0, &charge);
		if (err < 0)
			return err;
		if (fstatat(pair->to_dir, pair->to_name, &pair->to_st, AT_SYMLINK_NOFOLLOW) == 0)
			gone = charge_of(&pair->to_st);
	}
	/* EINVAL may mean that the filesystem does not know the flag: we have looked ourselves. */
	if (renameat2(pair->from_dir, pair->from_name, pair->to_dir, pair->to_name,
		      replace ? 0 : RENAME_NOREPLACE) < 0 &&
	    (errno != EINVAL || replace ||
	     renameat(pair->from_dir, pair->from_name, pair->to_dir, pair->to_name) < 0))
		err = -errno;
	/* Two names of one file: rename(2) does nothing, and says that it did. */
	if (err < 0 || is_same(pair))
		gone = (struct tally_sum) { 0, 0 };
	charge_end(&charge, -(int64_t)gone.bytes, -(int64_t)gone.files);
	if (charged && err == 0)
		charge_touched(w, share, &pair->to_st, gone.files > 0);
	return err;
}

/*
 * A version is put back over its own file: both change places, since keeping what is replaced would
 * take the room of the very version that is wanted. Nothing is charged: both stay.
 */
static int
put_back(struct world *w, const struct pair *pair)
{
	if (renameat2(pair->from_dir, pair->from_name, pair->to_dir, pair->to_name,
		      RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	return world_why(
	    w, -EOPNOTSUPP,
	    "this filesystem cannot exchange files: rename the one that is there first");
}

static bool
is_own_version(const struct pair *pair)
{
	struct trash_label l;

	return pair->to_exists && S_ISREG(pair->to_st.st_mode) &&
	       trash_name_is_inside(pair->from->inner) && trash_name_get(pair->from_name, &l) &&
	       l.version > 0 && !l.is_cut && strcmp(l.name, pair->to_name) == 0;
}

static int
do_rename(struct world *w, const char *from, const char *to, uint32_t flags)
{
	struct pair pair = { .from_dir = -1, .to_dir = -1 };
	FD_OWN int from_dir = -1, to_dir = -1;
	struct trash_kept kept = { "" };
	bool is_dir, replace;
	int err = find_pair(w, from, to, &pair);

	from_dir = pair.from_dir;
	to_dir = pair.to_dir;
	if (err < 0)
		return err;
	is_dir = S_ISDIR(pair.from_st.st_mode);
	replace = (flags & VFS_REPLACE) && !is_dir;
	err = judge_rename(w, &pair);
	if (err < 0)
		return err;
	if (pair.to_exists && (!replace || S_ISDIR(pair.to_st.st_mode)))
		return -EEXIST;
	if (is_own_version(&pair)) {
		err = put_back(w, &pair);
		if (err == 0)
			world_happened(w, VFS_EVENT_RENAME, pair.from, pair.to, 0, false);
		return err;
	}
	if (pair.to_exists && !is_same(&pair)) {
		err = trash_keep(w, pair.to->share, pair.to_dir, pair.to_name, &kept);
		if (err < 0)
			return err;
	}
	err = move(w, &pair, replace);
	if (err < 0) {
		trash_unkeep(w, pair.to->share, pair.to_dir, &kept);
		return err;
	}
	if (is_dir)
		writing_moved(w, pair.to->share, pair.from->inner, pair.to->inner);
	world_happened(w, VFS_EVENT_RENAME, pair.from, pair.to, 0, is_dir);
	return 0;
}

int
name_rename(struct world *w, const char *from, const char *to, uint32_t flags)
{
	int err = clean_pair(w, from, to);

	if (err == 0)
		err = do_rename(w, from, to, flags);
	return world_changed(w, "rename", w->here.path, w->there.path, err);
}

/* A second name must not give what the first one does not. */
static int
judge_link(struct world *w, const struct pair *pair)
{
	const uint32_t powers =
	    RIGHT_READ | RIGHT_OVERWRITE | RIGHT_APPEND | RIGHT_CHMOD | RIGHT_TIMES;
	uint32_t gained = pair->to->rights & ~pair->from->rights & powers;
	int err = world_need(w, pair->from, RIGHT_LINK);

	if (err == 0)
		err = world_need(w, pair->to, RIGHT_LINK | RIGHT_CREATE);
	if (err == 0 && gained)
		err = world_refuse(w, pair->from, (enum conf_right)(gained & -gained));
	if (err == 0 && pair->to_exists) /* the kernel's order, and so OpenSSH's */
		err = -EEXIST;
	if (err == 0 && !S_ISREG(pair->from_st.st_mode))
		err = world_why(w, -EPERM, "only regular files get a second name");
	return err;
}

static int
do_link(struct world *w, const char *from, const char *to)
{
	struct pair pair = { .from_dir = -1, .to_dir = -1 };
	FD_OWN int from_dir = -1, to_dir = -1;
	int err = find_pair(w, from, to, &pair);

	from_dir = pair.from_dir;
	to_dir = pair.to_dir;
	if (err == 0)
		err = judge_link(w, &pair);
	if (err == 0 && linkat(from_dir, pair.from_name, to_dir, pair.to_name, 0) < 0)
		err = -errno;
	return err;
}

int
name_link(struct world *w, const char *from, const char *to)
{
	int err = clean_pair(w, from, to);

	if (err == 0)
		err = do_link(w, from, to);
	return world_changed(w, "link", w->here.path, w->there.path, err);
}

/* Does the text of a link that lies at inner stay in the share, as far as text can tell? */
static bool
stays_inside(const char *inner, const char *target)
{
	int depth = 0;

	if (target[0] == '/' || target[0] == '\0')
		return false;
	for (const char *s = inner; *s; s++)
		depth += *s == '/';
	while (*target) {
		size_t len = (size_t)(strchrnul(target, '/') - target);

		if (len == 2 && target[0] == '.' && target[1] == '.')
			depth--;
		else if (len > 0 && !(len == 1 && target[0] == '.'))
			depth++;
		if (depth < 0)
			return false;
		target += len;
		while (*target == '/')
			target++;
	}
	return true;
}

static int
do_symlink(struct world *w, const char *target, const char *path)
{
	struct place *p = &w->here;
	FD_OWN int dir = -1;
	struct charge charge;
	const char *name;
	int err = find(w, path, PLACE_NEW, p, &dir, &name);

	if (err == 0)
		err = world_need(w, p, RIGHT_SYMLINK);
	if (err < 0)
		return err;
	if (p->share->conf->symlinks == CONF_SYMLINKS_NEVER)
		return world_why(w, -EACCES, "the share \"%s\" has no symbolic links",
				 p->share->conf->name);
	if (!stays_inside(p->inner, target))
		return world_why(w, -EACCES, "the link would lead out of the share");
	err = charge_begin(w, p->share, w->account->uid, 0, 1, &charge);
	if (err == 0 && symlinkat(target, dir, name) < 0)
		err = -errno;
	charge_end(&charge, 0, err == 0);
	if (err < 0)
		return err;
	if (p->share->tracks)
		own_add(&w->own, dir, name);
	return 0;
}

int
name_symlink(struct world *w, const char *target, const char *path)
{
	int err = do_symlink(w, target, path);

	return world_changed(w, "symlink", w->here.path, target, err);
}

int
name_readlink(struct world *w, const char *path, struct buf *out)
{
	struct place *p = &w->here;
	FD_OWN int dir = -1;
	const char *name;
	ssize_t n;
	int err = place_find(w, path, PLACE_OLD, p);

	if (err == 0 && (p->is_mount || p->is_above_mount))
		return -EINVAL; /* a mount is no link */
	if (err == 0)
		err = place_parent(w, p, &dir, &name);
	if (err < 0)
		return err;
	if (!(p->rights & (RIGHT_LIST | RIGHT_READ)))
		return world_refuse(w, p, RIGHT_READ);
	n = readlinkat(dir, name, w->raw[1], sizeof(w->raw[1]));
	if (n < 0 && errno == ENOENT && writing_find(w, p))
		return -EINVAL; /* it is being uploaded: a file */
	if (n < 0)
		return -errno;
	if ((size_t)n == sizeof(w->raw[1]))
		return -ENAMETOOLONG;
	w->raw[1][n] = '\0';
	if (!stays_inside(p->inner, w->raw[1]))
		return world_why(w, -EACCES, "the link leads out of the share");
	buf_put_string(out, w->raw[1], (size_t)n);
	return 0;
}
