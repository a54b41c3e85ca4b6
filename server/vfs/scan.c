/* SPDX-License-Identifier: ISC */
/*
 * scan.c - the walk behind quotas. Follows no link, opens nothing but directories and the parts of
 * uploads. Memory: the paths of directories that are known and not walked yet.
 */
#include "server/vfs/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "server/base/fd.h"
#include "server/base/text.h"
#include "server/vfs/part.h"
#include "server/vfs/resolve.h"
#include "server/vfs/vfs.h"

/* An inode with several names. */
struct twin {
	dev_t dev;
	ino_t ino;
};

struct walk {
	struct scan *scan;
	int root;
	char **dirs; /* paths below root that are still to be walked */
	size_t dir_count;
	struct twin *twins; /* open addressing; ino 0 is free */
	size_t twin_count, twin_size;
};

struct scan_owner
scan_of(const struct scan *s, uid_t uid)
{
	for (size_t i = 0; i < s->owner_count; i++) {
		if (s->owners[i].uid == uid)
			return s->owners[i];
	}
	return (struct scan_owner) { .uid = uid };
}

void
scan_clear(struct scan *s)
{
	free(s->owners);
	*s = (struct scan) { .owners = NULL };
}

static struct scan_owner *
owner_of(struct scan *s, uid_t uid)
{
	for (size_t i = 0; i < s->owner_count; i++) {
		if (s->owners[i].uid == uid)
			return &s->owners[i];
	}
	s->owners = mem_grow(s->owners, s->owner_count + 1, sizeof(*s->owners));
	s->owners[s->owner_count] = (struct scan_owner) { .uid = uid };
	return &s->owners[s->owner_count++];
}

static size_t
twin_place(const struct walk *w, dev_t dev, ino_t ino)
{
	size_t at = (size_t)((ino ^ (dev << 7)) * 0x9e3779b97f4a7c15u) & (w->twin_size - 1);

	while (w->twins[at].ino && (w->twins[at].ino != ino || w->twins[at].dev != dev))
		at = (at + 1) & (w->twin_size - 1);
	return at;
}

/* Is it the first time that we meet this inode? */
static bool
is_first(struct walk *w, const struct stat *st)
{
	struct twin *old = w->twins;
	size_t old_size = w->twin_size, at;

	if (2 * (w->twin_count + 1) > w->twin_size) {
		w->twin_size = old_size ? 2 * old_size : 64;
		w->twins = mem_new(w->twin_size, sizeof(*w->twins));
		for (size_t i = 0; i < old_size; i++) {
			if (old[i].ino)
				w->twins[twin_place(w, old[i].dev, old[i].ino)] = old[i];
		}
		free(old);
	}
	at = twin_place(w, st->st_dev, st->st_ino);
	if (w->twins[at].ino)
		return false;
	w->twins[at] = (struct twin) { st->st_dev, st->st_ino };
	w->twin_count++;
	return true;
}

/*
 * Is it being written at this moment? Perhaps by a wire whose worker was killed: so it counts, and
 * what a living session has put aside for it counts twice until the next walk.
 */
static bool
is_being_written(int dir, const char *name)
{
	FD_OWN int fd = -1;

	return resolve_at(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &fd) == 0 &&
	       flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static void
add_dir(struct walk *w, const char *path, const char *name)
{
	char room[VFS_PATH_MAX];
	struct text t;

	text_init(&t, room, sizeof(room));
	if (*path) {
		text_puts(&t, path);
		text_putc(&t, '/');
	}
	text_puts(&t, name);
	if (t.cut) { /* no session reaches it either */
		w->scan->unread++;
		return;
	}
	w->dirs = mem_grow(w->dirs, w->dir_count + 1, sizeof(*w->dirs));
	w->dirs[w->dir_count++] = mem_dup(room);
}

static void
look(struct walk *w, int dir, const char *path, const char *name)
{
	struct scan_owner *owner;
	struct stat st;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || part_is_named(PART_MARK, name) ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISDIR(st.st_mode))
		add_dir(w, path, name);
	else if (st.st_nlink > 1 && !is_first(w, &st))
		return;
	else if (part_is_named(PART_ACTIVE, name))
		w->scan->locked += is_being_written(dir, name);
	owner = owner_of(w->scan, st.st_uid);
	owner->files++;
	if (S_ISREG(st.st_mode))
		owner->bytes += (uint64_t)st.st_size;
}

static int
walk_dir(struct walk *w, const char *path)
{
	FD_OWN int fd = -1;
	struct dirent *entry;
	DIR *dir;
	int err = resolve_at(w->root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0, &fd);

	if (err < 0)
		return err;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		look(w, fd, path, entry->d_name);
	fd = -1; /* the stream's */
	closedir(dir);
	return 0;
}

int
scan_tree(int root, struct scan *ret_scan)
{
	struct walk w = { .scan = ret_scan, .root = root };
	int err;

	*ret_scan = (struct scan) { .owners = NULL };
	err = walk_dir(&w, "");
	while (err == 0 && w.dir_count > 0) {
		char *path = w.dirs[--w.dir_count];

		/* One that is gone by now holds nothing; one that we may not read is told. */
		if (walk_dir(&w, path) < 0)
			ret_scan->unread++;
		free(path);
	}
	free(w.dirs);
	free(w.twins);
	return err;
}
