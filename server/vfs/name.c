/* SPDX-License-Identifier: ISC */
/*
 * name.c - mkdir, rmdir, unlink, symlink, readlink; what has two paths is name_move.c.
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
#include "server/vfs/name_in.h"
#include "server/vfs/part.h"
#include "server/vfs/quota.h"
#include "server/vfs/resolve.h"
#include "server/vfs/rule.h"
#include "server/vfs/trash.h"
#include "server/vfs/trash_sweep.h"
#include "server/vfs/world.h"
#include "server/vfs/writing.h"

int
name_find(struct world *w, const char *path, enum place_wish wish, struct place *p, int *ret_dir,
	  const char **ret_name)
{
	int err = place_find(w, path, wish, p);

	if (err < 0)
		return err;
	if (p->is_mount || p->is_above_mount)
		return place_is_held(w, p, wish == PLACE_NEW ? -EEXIST : -EACCES);
	err = place_parent(w, p, ret_dir, ret_name);
	if (err == 0 && (p->is_mount || p->is_above_mount)) /* a link has led here */
		return place_is_held(w, p, wish == PLACE_NEW ? -EEXIST : -EACCES);
	return err == 0 ? writing_settle(w, p) : err;
}

int
name_need_or_own(struct world *w, const struct place *p, enum conf_right right,
		 enum conf_right making, int dir, const char *name)
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

	/*
	 * What gets another group is readable for its owner until then: only so it can be opened.
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
	int err = name_find(w, path, PLACE_NEW, p, &dir, &name);

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
		own_add(&w->own, dir, name, true);
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
	int err = name_find(w, path, PLACE_OLD, p, &dir, &name);

	if (err == 0)
		err = name_need_or_own(w, p, RIGHT_RMDIR, RIGHT_MKDIR, dir, name);
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

/* *ret_kept: it was a broken upload, which has never had the name. */
static int
do_unlink(struct world *w, const char *path, bool *ret_kept)
{
	struct place *p = &w->here;
	FD_OWN int dir = -1;
	const char *name;
	struct stat st;
	int err = name_find(w, path, PLACE_OLD, p, &dir, &name);

	if (err == 0)
		err = name_need_or_own(w, p, RIGHT_DELETE, RIGHT_CREATE, dir, name);
	if (err < 0)
		return err;
	if (trash_keeps_deleted(p->share) && !trash_name_is_inside(p->inner)) {
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			err = -errno;
		else
			return S_ISDIR(st.st_mode) ? -EISDIR : trash_move(w, p->share, dir, name);
	}
	if (err == 0)
		err = charge_remove(w, p->share, dir, name, 0);
	if (err == 0)
		trash_forget(w, p->share, dir, name);
	/* What SIZE and STAT show can be deleted. */
	*ret_kept = err == -ENOENT && writing_drop_kept(w, p) == 0;
	return *ret_kept ? 0 : err;
}

int
name_unlink(struct world *w, const char *path)
{
	bool kept = false;
	int err = do_unlink(w, path, &kept);

	if (err == 0 && !kept)
		world_happened(w, VFS_EVENT_DELETE, &w->here, NULL, 0, false);
	return world_changed(w, "delete", w->here.path, NULL, err);
}

bool
name_target_stays(int depth, const char *target)
{
	if (target[0] == '/' || target[0] == '\0')
		return false;
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

/* For a link that lies at inner. */
static bool
stays_inside(const char *inner, const char *target)
{
	int depth = 0;

	for (const char *s = inner; *s; s++)
		depth += *s == '/';
	return name_target_stays(depth, target);
}

static int
do_symlink(struct world *w, const char *target, const char *path)
{
	struct place *p = &w->here;
	FD_OWN int dir = -1;
	struct charge charge;
	const char *name;
	int err = name_find(w, path, PLACE_NEW, p, &dir, &name);

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
		own_add(&w->own, dir, name, true);
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
