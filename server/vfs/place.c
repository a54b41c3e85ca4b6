/* SPDX-License-Identifier: ISC */
/*
 * place.c - from a client's path to a share, its rights and a descriptor.
 * Invariant: the path that rights were taken from is the path that is opened, without a link in it;
 * and what a share is mounted over is opened through that share only.
 */
#include "server/vfs/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "server/base/fd.h"
#include "server/vfs/path.h"
#include "server/vfs/resolve.h"
#include "server/vfs/rule.h"
#include "server/vfs/world.h"

/* Looks at the names of inner and takes the rights there. */
static int
judge(struct world *w, struct place *p, enum place_wish wish)
{
	const struct conf_share *share = p->share->conf;
	enum rule_name before, last = RULE_NAME_OK;

	p->rights = rule_rights(share, p->inner, &p->rule);
	before = rule_path(share, p->inner, p->rights & RIGHT_TRASH, &last);
	if (before == RULE_NAME_HIDDEN)
		return -ENOENT;
	if (before == RULE_NAME_DENIED || last == RULE_NAME_DENIED)
		return world_why(w, -EACCES, "the share \"%s\" does not serve such names",
				 share->name);
	if (last == RULE_NAME_HIDDEN)
		return wish == PLACE_OLD
			   ? -ENOENT
			   : world_why(w, -EACCES, "the share \"%s\" does not take such names",
				       share->name);
	if (last == RULE_NAME_ODD && wish == PLACE_NEW)
		return world_why(w, -EINVAL, "names with control characters are not taken");
	return 0;
}

int
place_clean(const char *path, struct place *ret_place)
{
	struct place *p = ret_place;
	struct text t;
	int err = path_join("/", path, p->path, sizeof(p->path));

	if (err < 0) { /* for the log */
		text_init(&t, p->path, sizeof(p->path));
		text_puts(&t, path);
	}
	return err;
}

/* No share has this path: why not, if something was to be made? */
static int
nowhere(struct world *w, const struct place *p, enum place_wish wish)
{
	char dir[VFS_PATH_MAX];

	path_dir(p->path, dir, sizeof(dir));
	if (wish == PLACE_NEW && share_is_above_mount(&w->shares, dir))
		return world_why(w, -EACCES, "this directory only leads to shares");
	return -ENOENT;
}

int
place_find(struct world *w, const char *path, enum place_wish wish, struct place *ret_place)
{
	struct place *p = ret_place;
	int err = place_clean(path, p);

	if (err < 0)
		return err;
	p->rights = RIGHT_NONE;
	p->rule = NULL;
	p->is_mount = p->is_above_mount = false;
	p->share = share_find(&w->shares, p->path, &p->inner);
	if (!p->share || w->shares.count > 1)
		p->is_above_mount = share_is_above_mount(&w->shares, p->path);
	if (!p->share)
		return p->is_above_mount ? 0 : nowhere(w, p, wish);
	p->is_mount = p->inner[0] == '\0';
	return judge(w, p, wish);
}

/*
 * Where is this path of the share in the virtual tree? What another share is mounted over belongs
 * to that one alone, and what shares hang on is held as if no link had led there.
 */
static int
locate(struct world *w, struct place *p)
{
	const struct share *other;
	char path[VFS_PATH_MAX];
	const char *inner;
	struct text t;

	if (w->shares.count == 1) {
		p->is_mount = p->inner[0] == '\0';
		return 0;
	}
	text_init(&t, path, sizeof(path));
	text_puts(&t, p->share->mount_len > 0 ? p->share->conf->mount : "");
	text_puts(&t, "/");
	text_puts(&t, p->inner);
	if (p->inner[0] == '\0' && p->share->mount_len > 0)
		path[p->share->mount_len] = '\0'; /* the mount itself has no '/' behind it */
	if (t.cut)
		return -ENAMETOOLONG;
	other = share_find(&w->shares, path, &inner);
	if (other != p->share)
		return world_why(w, -EACCES,
				 "the link leads to where another share is mounted: use its path");
	p->is_mount = p->inner[0] == '\0';
	p->is_above_mount = share_is_above_mount(&w->shares, path);
	return 0;
}

/* The kernel met a link: puts what it stands for in its place. */
static int
move(struct world *w, struct place *p, bool last, enum place_wish wish)
{
	char *room = p->room;
	int err;

	if (p->share->conf->symlinks == CONF_SYMLINKS_NEVER)
		return world_why(w, -ELOOP, "the share \"%s\" does not follow symbolic links",
				 p->share->conf->name);
	err = resolve_links(p->share->root, p->inner, last, room, sizeof(p->room));
	if (err == -EXDEV)
		return world_why(w, -EACCES, "the link leads out of the share");
	if (err < 0)
		return err;
	p->inner = room;
	err = locate(w, p);
	return err == 0 ? judge(w, p, wish) : err;
}

int
place_follow(struct world *w, struct place *p)
{
	return move(w, p, true, PLACE_NEW);
}

/* What lies on procfs and its like is not there. */
static int
check_dev(struct world *w, const struct place *p, int fd, const struct stat *st)
{
	if (st->st_dev == p->share->dev || share_allows_dev(p->share, fd, st->st_dev))
		return 0;
	return world_why(w, -EACCES, "this filesystem is never served");
}

int
place_look(struct world *w, struct place *p, bool follow, int *ret_fd, struct stat *ret_st)
{
	FD_OWN int fd = -1;
	struct stat st;
	int err;

	for (int i = 0; i < 2; i++) {
		err = resolve_at(p->share->root, p->inner, O_PATH | O_NOFOLLOW, 0, &fd);
		if (err == 0 && fstat(fd, &st) < 0)
			return -errno;
		if (err < 0 && err != -ELOOP)
			return err;
		if (err == 0 && !(follow && S_ISLNK(st.st_mode))) {
			err = check_dev(w, p, fd, &st);
			if (err < 0)
				return err;
			*ret_fd = fd_give(&fd);
			*ret_st = st;
			return 0;
		}
		fd_close(&fd);
		err = move(w, p, follow, PLACE_OLD);
		if (err < 0)
			return err;
	}
	return -ELOOP; /* somebody keeps exchanging directories and links */
}

/* Splits inner: the directory's part goes to room. */
static const char *
split(const char *inner, char *room)
{
	const char *slash = strrchr(inner, '/');
	size_t len = slash ? (size_t)(slash - inner) : 0;

	memcpy(room, inner, len);
	room[len] = '\0';
	return slash ? slash + 1 : inner;
}

static int
check_parent(struct world *w, struct place *p, int dir)
{
	if (fstat(dir, &p->dir) < 0)
		return -errno;
	return check_dev(w, p, dir, &p->dir);
}

int
place_is_held(struct world *w, const struct place *p, int err)
{
	if (p->share && p->inner[0] == '\0')
		return world_why(w, err, "this is where the share \"%s\" is mounted",
				 p->share->conf->name);
	return world_why(w, err, "shares are mounted below this directory");
}

int
place_parent(struct world *w, struct place *p, int *ret_dir, const char **ret_name)
{
	char dir[VFS_PATH_MAX];
	int err;

	if (!p->share)
		return world_why(w, -EACCES, "this directory only leads to shares");
	if (p->inner[0] == '\0')
		return place_is_held(w, p, -EACCES);
	for (int i = 0; i < 2; i++) {
		*ret_name = split(p->inner, dir);
		err = resolve_at(p->share->root, dir, O_PATH | O_DIRECTORY, 0, ret_dir);
		if (err == 0)
			return check_parent(w, p, *ret_dir);
		if (err != -ELOOP)
			return err;
		err = move(w, p, false, PLACE_OLD);
		if (err < 0)
			return err;
	}
	return -ELOOP;
}

int
place_file_at(struct world *w, const struct place *p, int dir, const char *name, int flags,
	      const struct stat *st, int *ret_fd)
{
	FD_OWN int fd = -1;
	struct stat now;
	int err;

	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	if (!S_ISREG(st->st_mode))
		return world_why(w, -EPERM, "not a regular file");
	err = resolve_at(dir, name, flags | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0, &fd);
	if (err < 0)
		return err == -ENXIO ? world_why(w, -EPERM, "not a regular file") : err;
	if (fstat(fd, &now) < 0)
		return -errno;
	if (!S_ISREG(now.st_mode) || now.st_dev != st->st_dev || now.st_ino != st->st_ino)
		return world_why(w, -EBUSY, "the file was exchanged a moment ago; try again");
	err = check_dev(w, p, fd, &now);
	if (err < 0)
		return err;
	*ret_fd = fd_give(&fd);
	return 0;
}

int
place_file(struct world *w, struct place *p, int flags, int *ret_fd, struct stat *ret_st)
{
	FD_OWN int seen = -1;
	struct stat st;
	int err = place_look(w, p, true, &seen, &st);

	if (err == 0)
		err = place_file_at(w, p, p->share->root, p->inner, flags, &st, ret_fd);
	if (err == 0)
		*ret_st = st;
	return err;
}

int
place_dir(struct world *w, struct place *p, int *ret_fd)
{
	FD_OWN int fd = -1;
	struct stat st;
	int err;

	for (int i = 0; i < 2; i++) {
		err = resolve_at(p->share->root, p->inner, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0,
				 &fd);
		if (err != -ELOOP)
			break;
		err = move(w, p, true, PLACE_OLD);
		if (err < 0)
			return err;
		err = -ELOOP;
	}
	if (err < 0)
		return err;
	if (fstat(fd, &st) < 0)
		return -errno;
	err = check_dev(w, p, fd, &st);
	if (err == 0)
		*ret_fd = fd_give(&fd);
	return err;
}
