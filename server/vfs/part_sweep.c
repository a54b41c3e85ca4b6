/* SPDX-License-Identifier: ISC */
/*
 * part_sweep.c - the hidden files of a whole directory: those whose time is over go, and a
 * directory that looks empty is emptied. There is no process that does it: whoever comes does.
 * Invariant: only names of ours are removed, and no part whose writer lives.
 */
#include "server/vfs/part.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/vfs/charge.h"
#include "server/vfs/part_in.h"
#include "server/vfs/resolve.h"
#include "server/vfs/rule.h"
#include "server/vfs/trash_name.h"
#include "server/vfs/world.h"

/* Sweeping at uploads: how often in one directory, and how far into it. Listings see all of it. */
#define SWEEP_MS (10ull * 60 * 1000)
#define SWEEP_ENTRIES 10000

void
part_sweep(struct world *w, struct share *share, int dir, const char *hidden)
{
	FD_OWN int fd = -1;
	struct stat st;

	for (enum part_kind kind = PART_ACTIVE; kind <= PART_MARK; kind++) {
		if (!part_is_named(kind, hidden))
			continue;
		if (fstatat(dir, hidden, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !part_is_over(share, kind, &st))
			return;
		if (kind == PART_ACTIVE) {
			if (part_seize(dir, hidden, &fd, &st) < 0 ||
			    (fd < 0 && !part_is_abandoned(share, &st)))
				return;
			charge_dirty(w, share);
		}
		ignore_result(part_remove_hidden(w, share, dir, hidden)); /* whoever may, will */
		return;
	}
}

void
part_sweep_dir(struct world *w, const struct place *p, int dir)
{
	FD_OWN int fd = -1;
	struct dirent *entry;
	uint64_t now = clock_ms();
	DIR *list;

	if (w->swept_ms && w->swept_dev == p->dir.st_dev && w->swept_ino == p->dir.st_ino &&
	    now - w->swept_ms < SWEEP_MS)
		return;
	w->swept_ms = now;
	w->swept_dev = p->dir.st_dev;
	w->swept_ino = p->dir.st_ino;
	if (resolve_at(dir, "", O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0, &fd) < 0)
		return; /* a drop box may be unreadable for its users */
	list = fdopendir(fd);
	if (!list)
		return;
	for (int i = 0; i < SWEEP_ENTRIES && (entry = readdir(list)); i++) {
		if (strncmp(entry->d_name, RULE_OUR_PREFIX, strlen(RULE_OUR_PREFIX)) == 0)
			part_sweep(w, p->share, fd, entry->d_name);
	}
	fd = -1; /* the stream's */
	closedir(list);
}

int
part_clear_dir(struct world *w, struct share *share, int fd)
{
	FD_OWN int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return -errno;
	copy = -1; /* the stream's now */
	/* Twice: first is there anything that the user sees? Then nothing may be lost. */
	for (int pass = 0; pass < 2 && err == 0; pass++) {
		rewinddir(dir);
		while (err == 0 && (entry = readdir(dir))) {
			const char *name = entry->d_name;

			if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
			    strcmp(name, TRASH_DIR) == 0)
				continue;
			if (rule_name(share->conf, name) != RULE_NAME_HIDDEN)
				err = -ENOTEMPTY;
			else if (pass == 0 && !part_belongs(w, name))
				err = world_why(
				    w, -ENOTEMPTY,
				    strncmp(name, RULE_OUR_PREFIX, strlen(RULE_OUR_PREFIX)) == 0
					? "an upload into this directory is not finished"
					: "the directory holds hidden files");
			else if (pass == 1)
				err = part_remove_hidden(w, share, fd, name);
		}
	}
	closedir(dir);
	return err;
}
