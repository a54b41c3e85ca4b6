/* SPDX-License-Identifier: ISC */
/*
 * trash_sweep.c - removes what has been in the trash for long enough. There is no process that does
 * it: whoever lists a directory or deletes in it does, as far as the kernel lets him.
 * Invariant: only names of ours are removed, and only behind the time that the share says.
 */
#include "server/vfs/trash_sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/vfs/charge.h"
#include "server/vfs/resolve.h"
#include "server/vfs/trash_name.h"
#include "server/vfs/world.h"

/*
 * How often at most in one directory: it costs reading the trash. What is kept shortly is looked
 * for more often.
 */
#define SWEEP_MS (10ull * 60 * 1000)
#define SWEEP_PART 10
/* A listing must not wait for a great cleaning: the rest goes next time. */
#define LOOKS_MAX 20000
#define REMOVALS_MAX 2000
/* Directories in directories in the trash; deeper ones stay. */
#define DEPTH_MAX 32

struct sweep {
	struct world *w;
	struct share *share;
	uint64_t now_ms;
	unsigned int looks, removals;
	bool left; /* something is still there */
};

static uint64_t
ms_of(const struct timespec *t)
{
	return t->tv_sec < 0 ? 0 : (uint64_t)t->tv_sec * 1000 + (uint64_t)t->tv_nsec / 1000000;
}

static bool
is_over(const struct sweep *s, uint64_t since_ms)
{
	return s->share->conf->trash_ms > 0 && s->now_ms > since_ms &&
	       s->now_ms - since_ms > s->share->conf->trash_ms;
}

/*
 * Removes a thing with all that is in it: a directory in the trash looked empty when it came, so
 * what it holds is older than itself. Returns whether it is gone.
 */
static bool
remove_tree(struct sweep *s, int dir, const char *name, bool is_dir, int depth)
{
	FD_OWN int fd = -1;
	struct dirent *entry;
	struct stat st;
	bool gone = true;
	DIR *list;

	if (s->removals++ >= REMOVALS_MAX || depth > DEPTH_MAX)
		return false;
	if (!is_dir)
		return charge_remove(s->w, s->share, dir, name, 0) == 0;
	if (resolve_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK, 0, &fd) < 0)
		return false;
	list = fdopendir(fd);
	if (!list)
		return false;
	while (gone && (entry = readdir(list))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		gone = fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		       remove_tree(s, fd, entry->d_name, S_ISDIR(st.st_mode), depth + 1);
	}
	fd = -1; /* the stream's */
	closedir(list);
	return gone && charge_remove(s->w, s->share, dir, name, AT_REMOVEDIR) == 0;
}

/* A moment stands in the name; a version has been there since its inode was last changed. */
static bool
remove_old(struct sweep *s, int trash, const char *name)
{
	struct trash_label l;
	struct stat st;

	if (!trash_name_get(name, &l) || (l.version == 0 && !is_over(s, l.at_ms)) ||
	    fstatat(trash, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (l.version > 0 && !is_over(s, ms_of(&st.st_ctim))))
		return false;
	return remove_tree(s, trash, name, S_ISDIR(st.st_mode), 0);
}

static void
look(struct sweep *s, int trash, const char *name)
{
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !remove_old(s, trash, name))
		s->left = true;
}

static bool
sweep(struct world *w, struct share *share, int dir)
{
	struct sweep s = { .w = w, .share = share };
	FD_OWN int fd = -1;
	struct timespec now;
	struct dirent *entry;
	DIR *list;
	int err =
	    resolve_at(dir, TRASH_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK, 0, &fd);

	if (err < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return err != -ENOENT;
	s.now_ms = ms_of(&now);
	list = fdopendir(fd);
	if (!list)
		return true;
	while (s.looks++ < LOOKS_MAX && (entry = readdir(list)))
		look(&s, fd, entry->d_name);
	s.left = s.left || s.looks > LOOKS_MAX;
	fd = -1; /* the stream's */
	closedir(list);
	if (!s.left)
		s.left = charge_remove(w, share, dir, TRASH_DIR, AT_REMOVEDIR) < 0;
	return s.left;
}

void
trash_sweep(struct world *w, struct share *share, int dir)
{
	(void)sweep(w, share, dir);
}

bool
trash_has_something(struct world *w, struct share *share, int dir)
{
	return sweep(w, share, dir);
}

void
trash_sweep_sometimes(struct world *w, struct share *share, int dir)
{
	uint64_t now = clock_ms(), pause = share->conf->trash_ms / SWEEP_PART;
	struct stat st;

	if (pause > SWEEP_MS)
		pause = SWEEP_MS;
	if (pause == 0 || fstat(dir, &st) < 0 ||
	    (w->trash_swept_ms && w->trash_swept_dev == st.st_dev &&
	     w->trash_swept_ino == st.st_ino && now - w->trash_swept_ms < pause))
		return;
	w->trash_swept_ms = now;
	w->trash_swept_dev = st.st_dev;
	w->trash_swept_ino = st.st_ino;
	trash_sweep(w, share, dir);
}
