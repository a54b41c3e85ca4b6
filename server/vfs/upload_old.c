/* SPDX-License-Identifier: ISC */
/*
 * upload_old.c - a file that is there: written in place, or replaced by a part beside it.
 * Invariant: it has one writer, who is known by the lock on it.
 */
#include "server/vfs/upload_in.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/vfs/charge.h"
#include "server/vfs/own.h"
#include "server/vfs/part.h"
#include "server/vfs/trash.h"
#include "server/vfs/world.h"
#include "server/vfs/writing.h"

/* Which right does writing to a file that is there take? *ret_append_only: nothing but append. */
static int
need_for_old(struct world *w, struct opening *o, bool *ret_append_only)
{
	uint32_t flags = o->f->flags, rights = o->p->rights;
	bool at_end = (flags & VFS_OPEN_APPEND) ||
		      ((flags & VFS_OPEN_RESUME) && o->offset == (uint64_t)o->st.st_size);

	*ret_append_only = false;
	if (rights & RIGHT_OVERWRITE)
		return 0;
	if (at_end && opening_goes_on(o) && (rights & RIGHT_APPEND)) {
		*ret_append_only = true;
		return 0;
	}
	/* What this session made, it may make again. */
	if ((rights & RIGHT_CREATE) && own_has(&w->own, o->f->dir, o->name))
		return 0;
	return world_refuse(w, o->p, at_end ? RIGHT_APPEND : RIGHT_OVERWRITE);
}

static int
check_offset(struct world *w, const struct opening *o)
{
	if (!(o->f->flags & VFS_OPEN_RESUME) || o->offset <= (uint64_t)o->st.st_size)
		return 0;
	return world_why(w, -ERANGE, "only %ju bytes are there", (uintmax_t)o->st.st_size);
}

/*
 * Between our look and our lock the file may have been replaced: then we hold what nobody sees. Or
 * somebody has written to it: o->st is true from here on.
 */
static int
look_again(struct world *w, struct opening *o)
{
	struct stat st;

	if (fstatat(o->f->dir, o->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    st.st_ino != o->st.st_ino || st.st_dev != o->st.st_dev)
		return writing_busy(w);
	o->st = st;
	return check_offset(w, o);
}

/* What of the file is charged already: less than it has when this session is making it grow. */
static uint64_t
base_of(const struct world *w, const struct opening *o)
{
	for (uint32_t i = 0; i < w->file_max; i++) {
		const struct file *f = &w->files[i];

		if (f->kind == FILE_IN_PLACE && f->hold.on && f->dev == o->st.st_dev &&
		    f->ino == o->st.st_ino)
			return f->hold.base;
	}
	return (uint64_t)o->st.st_size;
}

/*
 * Keeps a copy of the file that will be written in place, where something of it may be lost: once
 * while it is open, and for single writes only where it is said how many copies are wanted.
 */
static int
keep_old(struct world *w, const struct opening *o, uint64_t keep)
{
	struct file *f = o->f;
	struct share *share = o->p->share;
	const struct file *other;
	int err;

	if ((f->flags & VFS_OPEN_APPEND) || keep > (uint64_t)o->st.st_size ||
	    ((f->flags & VFS_OPEN_RESUME) && keep == (uint64_t)o->st.st_size) ||
	    (opening_goes_on(o) && share->conf->versions == 0))
		return 0;
	other = writing_in_place(w, &o->st);
	if (other) {
		f->kept = other->kept;
		return 0;
	}
	err = trash_copy(w, share, f->dir, o->name, &o->st);
	f->kept = err == 0;
	return err;
}

/* Into the file itself. */
static int
open_in_place(struct world *w, struct opening *o, bool append_only)
{
	struct file *f = o->f;
	uint64_t size, keep;
	int flags = opening_access(o) | opening_append(o), err;

	f->append_only = append_only;
	/* Against mistakes: the library needs F_SETFL, with which a wire gone bad takes it off. */
	if (append_only)
		flags |= O_APPEND;
	err = place_file_at(w, o->p, f->dir, o->name, flags, &o->st, &f->fd);
	if (err == 0)
		err = writing_lock(w, f->fd, &o->st);
	if (err == 0)
		err = look_again(w, o);
	if (err < 0)
		return err;
	size = (uint64_t)o->st.st_size;
	keep = f->flags & VFS_OPEN_RESUME ? o->offset : opening_goes_on(o) ? size : 0;
	if (append_only && keep < size) /* it was the end when the right was looked for */
		return writing_busy(w);
	err = keep_old(w, o, keep);
	if (err == 0)
		err = charge_open(w, f, o->st.st_uid, true, base_of(w, o), NULL);
	if (err < 0)
		return err;
	f->kind = FILE_IN_PLACE;
	if (f->flags & (VFS_OPEN_APPEND | VFS_OPEN_RESUME))
		f->offset = keep;
	/* As with O_TRUNC, an empty file gets a new time. */
	if (keep < size || (f->flags & VFS_OPEN_TRUNC))
		f->begin = FILE_BEGIN_CUT;
	return 0;
}

/*
 * In a sticky directory only who owns the file or the directory may replace it: better said now
 * than after all of it was sent.
 */
static int
check_sticky(struct world *w, const struct opening *o)
{
	const struct stat *dir = &o->p->dir;

	if (!(dir->st_mode & S_ISVTX) || w->account->uid == 0 || dir->st_uid == w->account->uid ||
	    o->st.st_uid == w->account->uid)
		return 0;
	return world_why(w, -EPERM,
			 "the directory is sticky: only the owner of this file may replace it");
}

/* Beside it: the part will replace it. */
static int
open_replacement(struct world *w, struct opening *o)
{
	struct file *f = o->f;
	uint64_t keep = f->flags & VFS_OPEN_RESUME ? o->offset : 0;
	int err;

	/*
	 * Who may not open the file so may not replace it either; and its lock keeps others away.
	 */
	err = place_file_at(w, o->p, f->dir, o->name, keep ? O_RDWR : opening_access(o), &o->st,
			    &f->target);
	if (err < 0)
		return err;
	if (flock(f->target, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		/* The lock is not tried again: that it is free by now would be no leave. */
		if (!writing_in_place(w, &o->st))
			return writing_busy(w);
		/* This session has it open for writing already: both must mean the same file. */
		fd_close(&f->target);
		return open_in_place(w, o, false);
	}
	err = look_again(w, o);
	if (err == 0)
		err = check_sticky(w, o);
	if (err == 0)
		err = opening_make_part(w, o, o->st.st_mode & 0777);
	if (err < 0)
		return err;
	f->replaces = true;
	f->was = o->st;
	f->offset = keep;
	if (keep > 0)
		f->begin = FILE_BEGIN_COPY;
	return 0;
}

int
opening_old(struct world *w, struct opening *o)
{
	struct file *f = o->f;
	bool append_only;
	int err;

	if (f->flags & VFS_OPEN_EXCL)
		return -EEXIST;
	if (S_ISDIR(o->st.st_mode))
		return -EISDIR;
	if (!S_ISREG(o->st.st_mode))
		return world_why(w, -EPERM, "not a regular file");
	err = need_for_old(w, o, &append_only);
	if (err < 0)
		return err;
	if (opening_goes_on(o)) {
		err = check_offset(w, o);
		if (err < 0)
			return err;
		/*
		 * A writer that died while it replaced this file leaves its part, which becomes a
		 * mark.
		 */
		if (!opening_is_direct(o) &&
		    part_recover(w, o->p->share, f->dir, o->name, &o->st) == -EBUSY)
			return writing_busy(w);
		if (part_is_marked(w, o->p->share, f->dir, o->name, &o->st))
			return world_why(
			    w, -ESTALE,
			    "the last upload was interrupted and rolled back; upload from "
			    "the start");
	}
	if (opening_is_direct(o) || append_only ||
	    (opening_goes_on(o) && !(f->flags & VFS_OPEN_RESUME)))
		return open_in_place(w, o, append_only);
	return open_replacement(w, o);
}
