/* SPDX-License-Identifier: ISC */
/*
 * name_move.c - rename and link, which have two paths. Invariant: neither carries anything from one
 * share into another, or out of the reach of a rule that was written for it.
 */
#include "server/vfs/name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/vfs/charge.h"
#include "server/vfs/name_in.h"
#include "server/vfs/path.h"
#include "server/vfs/rule.h"
#include "server/vfs/trash.h"
#include "server/vfs/world.h"
#include "server/vfs/writing.h"

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
	err = name_find(w, from, PLACE_OLD, pair->from, &pair->from_dir, &pair->from_name);
	if (err == 0)
		err = name_find(w, to, PLACE_NEW, pair->to, &pair->to_dir, &pair->to_name);
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
 * Nothing may be done to a thing by its new name that could not be done by the old one. Refuses for
 * the right that it would gain. But files that this session made are its own; a directory that it
 * made may hold what others have put there, and what comes out of the trash has there no rights of
 * a file that is written.
 */
static int
check_gains(struct world *w, const struct pair *pair, bool is_own, bool restores)
{
	const struct place *from = pair->from, *to = pair->to;
	bool is_dir = S_ISDIR(pair->from_st.st_mode);
	uint32_t gains = to->rights, guarded = RIGHT_READ;

	if (is_own && !is_dir)
		return 0;
	if (is_dir) { /* not everything in it has the rights of its own name */
		gains |= rule_rights_below(to->share->conf, to->inner);
		guarded |= RIGHT_LIST; /* of a file it shows the name only, which is known */
	}
	if (!restores)
		guarded |= RIGHT_DELETE | RIGHT_OVERWRITE;
	gains &= ~from->rights & guarded;
	if (gains & RIGHT_READ)
		gains = RIGHT_READ;
	return gains ? world_refuse(w, from, (enum conf_right)(gains & -gains)) : 0;
}

/*
 * Rights of a rename. Within the reach of one rule "rename" is enough; to another one the new name
 * must also be one that could be made there, and nothing is gained by it.
 */
static int
judge_rename(struct world *w, const struct pair *pair)
{
	const struct place *from = pair->from, *to = pair->to;
	bool is_dir = S_ISDIR(pair->from_st.st_mode);
	bool is_own = own_has(&w->own, pair->from_dir, pair->from_name);
	enum conf_right making = is_dir ? RIGHT_MKDIR : RIGHT_CREATE;
	bool restores = trash_name_is_inside(from->inner);
	int err = name_need_or_own(w, from, RIGHT_RENAME, making, pair->from_dir, pair->from_name);

	if (err == 0 &&
	    (trash_name_is_inside(to->inner) || strcmp(pair->from_name, TRASH_DIR) == 0))
		return world_why(w, -EACCES, "things get into the trash by being deleted");
	if (err == 0 && (restores || from->rule != to->rule || !(to->rights & RIGHT_RENAME)))
		err = world_need(w, to, making);
	if (err == 0)
		err = check_gains(w, pair, is_own, restores);
	if (err == 0 && pair->to_exists)
		err = name_need_or_own(w, to, RIGHT_OVERWRITE, RIGHT_CREATE, pair->to_dir,
				       pair->to_name);
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
	/* Filesystems say EINVAL of names that they cannot have, too. */
	if (err == -EINVAL && path_is_below(pair->to->path, pair->from->path))
		err = world_why(w, err, "a directory cannot be moved into itself");
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

/* Of this very file: what another one of that name has must not get where the version was. */
static bool
is_own_version(const struct pair *pair)
{
	char origin[VFS_PATH_MAX];
	struct trash_label l;

	return pair->to_exists && S_ISREG(pair->to_st.st_mode) &&
	       trash_name_is_inside(pair->from->inner) && trash_name_get(pair->from_name, &l) &&
	       l.version > 0 && trash_name_origin(pair->from->inner, origin, sizeof(origin)) == 0 &&
	       strcmp(origin, pair->to->inner) == 0;
}

static int
do_rename(struct world *w, const char *from, const char *to, uint32_t flags)
{
	struct pair pair = { .from_dir = -1, .to_dir = -1 };
	FD_OWN int from_dir = -1, to_dir = -1;
	struct trash_kept kept = { .name = "" };
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
	trash_kept(w, pair.to->share, pair.to_dir, &kept);
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
