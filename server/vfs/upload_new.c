/* SPDX-License-Identifier: ISC */
/*
 * upload_new.c - a file that is not there yet: a new part, or the kept one of a broken upload; and
 * the part that will replace a file. Invariant: who gets the part has its lock.
 */
#include "server/vfs/upload_in.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/vfs/attr.h"
#include "server/vfs/charge.h"
#include "server/vfs/part.h"
#include "server/vfs/publish.h"
#include "server/vfs/resolve.h"
#include "server/vfs/world.h"
#include "server/vfs/writing.h"

/* Milliseconds that somebody who only looks may take. */
#define LOCK_TRIES 200

/*
 * Locks what this open has just made. Who stats, lists or counts there may hold the lock for the
 * moment in which he finds out that it is too new to be abandoned.
 */
static int
lock_new(struct world *w, int fd)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			return 0; /* a filesystem without locks has none for others either */
		(void)poll(NULL, 0, 1);
	}
	return writing_busy(w);
}

/* Makes the part, locked. */
static int
make_part(struct world *w, struct opening *o, uint32_t mode)
{
	struct file *f = o->f;
	char hidden[PART_NAME_MAX];
	int err = -EEXIST;

	part_name(PART_ACTIVE, NULL, o->name, hidden);
	for (int i = 0; i < 2 && err == -EEXIST; i++) {
		err = resolve_at(f->dir, hidden,
				 opening_access(o) | opening_append(o) | O_CREAT | O_EXCL |
				     O_NOFOLLOW,
				 mode | 0600, &f->fd);
		if (err == -EEXIST) {
			int way = part_recover(w, o->p->share, f->dir, o->name,
					       o->exists ? &o->st : NULL);

			if (way == -EBUSY)
				return f->flags & VFS_OPEN_EXCL ? -EEXIST : writing_busy(w);
			if (way < 0)
				return way;
		}
	}
	if (err == -EACCES)
		return world_why(
		    w, -EACCES,
		    "the directory does not let you make the temporary file that a safe "
		    "upload needs");
	if (err < 0)
		return err;
	err = lock_new(w, f->fd);
	if (err < 0)
		return err;
	err = attr_force_group(w, o->p->share, f->fd);
	if (err < 0) {
		ignore_result(unlinkat(f->dir, hidden, 0)); /* empty, and never to be more */
		return err;
	}
	f->kind = FILE_PART;
	w->upload_count++;
	if ((mode | 0600) != mode)
		f->end_mode = mode;
	return 0;
}

int
opening_make_part(struct world *w, struct opening *o, uint32_t mode)
{
	int err;

	part_sweep_dir(w, o->p, o->f->dir);
	err = charge_open(w, o->f, w->account->uid, false, 0,
			  o->exists && publish_counts_once(w, o->p->share, &o->st) ? &o->st : NULL);

	return err < 0 ? err : make_part(w, o, mode);
}

/*
 * The kept part becomes one that is being written, while nobody counts. *ret_walks: how often it
 * was counted until then.
 */
static int
wake(struct world *w, struct opening *o, const char *kept, uint32_t *ret_walks)
{
	char active[PART_NAME_MAX];
	struct charge charge;
	int dir = o->f->dir;
	int err = charge_begin(w, o->p->share, w->account->uid, 0, 0, &charge);

	if (err < 0)
		return err;
	part_name(PART_ACTIVE, NULL, o->name, active);
	if (renameat2(dir, kept, dir, active, RENAME_NOREPLACE) < 0 &&
	    (errno != EINVAL || renameat(dir, kept, dir, active) < 0))
		err = errno == EEXIST ? writing_busy(w) : -errno;
	*ret_walks = charge.on ? charge.deal.rec.walks : 0;
	charge_end(&charge, 0, 0);
	return err;
}

/* The kept part was taken in vain. */
static int
put_back(struct world *w, struct opening *o, int err)
{
	int back = part_keep(w, o->p->share, o->f->dir, o->name, o->f->fd);

	return back < 0 ? back : err;
}

/* Goes on with a broken upload of this user. 0: done. -ENOENT: there is none. */
static int
take_kept(struct world *w, struct opening *o)
{
	struct file *f = o->f;
	char kept[PART_NAME_MAX];
	uint32_t walks;
	uint64_t size;
	struct stat st;
	int flags = opening_access(o) | opening_append(o), err;

	err = part_recover(w, o->p->share, f->dir, o->name, NULL);
	if (err < 0)
		return err == -EBUSY ? writing_busy(w) : err;
	err = part_find_kept(w, o->p->share, f->dir, o->name, &st);
	if (err < 0)
		return err;
	size = (uint64_t)st.st_size;
	if ((f->flags & VFS_OPEN_RESUME) && o->offset > size)
		return world_why(w, -ERANGE, "only %ju bytes are there", (uintmax_t)size);
	part_name(PART_KEPT, w->account->name, o->name, kept);
	err = place_file_at(w, o->p, f->dir, kept, flags, &st, &f->fd);
	if (err < 0)
		return err;
	/* Locked before it gets the name under which others look for a lock. */
	if (flock(f->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return writing_busy(w);
	err = wake(w, o, kept, &walks);
	if (err < 0)
		return err;
	err = charge_open(w, f, w->account->uid, true, size, NULL);
	if (err < 0)
		return put_back(w, o, err);
	f->hold.walks = walks; /* who counted since then has not seen it */
	f->kind = FILE_PART;
	w->upload_count++;
	f->had = size;
	if (f->flags & VFS_OPEN_RESUME) {
		f->offset = o->offset;
		f->begin = o->offset < size ? FILE_BEGIN_CUT : FILE_BEGIN_NOTHING;
	} else if (f->flags & VFS_OPEN_APPEND) {
		f->offset = size;
	}
	return 0;
}

int
opening_new(struct world *w, struct opening *o)
{
	struct file *f = o->f;
	uint32_t mode = attr_file_mode(o->p, o->mode);
	int err = world_need(w, o->p, RIGHT_CREATE);

	if (err < 0)
		return err;
	if (opening_goes_on(o) && !(f->flags & VFS_OPEN_EXCL)) {
		err = opening_is_direct(o) ? -ENOENT : take_kept(w, o);
		if (err != -ENOENT)
			return err;
		if (f->flags & VFS_OPEN_RESUME)
			return world_why(w, -ERANGE,
					 "there is nothing to go on with: upload from the start");
	}
	if (!(f->flags & VFS_OPEN_CREATE))
		return -ENOENT;
	if (!opening_is_direct(o))
		return opening_make_part(w, o, mode);
	err = charge_open(w, f, w->account->uid, false, 0, NULL);
	if (err < 0)
		return err;
	err = resolve_at(f->dir, o->name,
			 opening_access(o) | opening_append(o) | O_CREAT | O_EXCL | O_NOFOLLOW,
			 mode, &f->fd);
	if (err < 0)
		return err == -EEXIST && !(f->flags & VFS_OPEN_EXCL) ? writing_busy(w) : err;
	err = lock_new(w, f->fd);
	if (err < 0)
		return err;
	err = attr_force_group(w, o->p->share, f->fd);
	if (err < 0) {
		ignore_result(unlinkat(f->dir, o->name, 0)); /* empty */
		return err;
	}
	f->kind = FILE_IN_PLACE;
	f->created = true;
	return 0;
}
