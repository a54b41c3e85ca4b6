/* SPDX-License-Identifier: ISC */
/*
 * upload.c - opening for writing: which of the ways it goes, and with which right.
 *
 *	there is no such file:	a new part, or the kept one of a broken upload is gone on with
 *	there is one:		its replacement is a part (TRUNC, RESUME); or it is written in place
 *				(random access, APPE), or, in a share with upload: direct, always
 *
 * How it ends is in publish.c. Invariant: until publish_now() nothing under the name has changed,
 * unless the file is written in place.
 */
#include "server/vfs/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/text.h"
#include "server/vfs/attr.h"
#include "server/vfs/charge.h"
#include "server/vfs/part.h"
#include "server/vfs/publish.h"
#include "server/vfs/quota.h"
#include "server/vfs/resolve.h"
#include "server/vfs/trash.h"
#include "server/vfs/world.h"
#include "server/vfs/writing.h"

/* STOU: names that are tried. */
#define UNIQUE_TRIES 8

/* What an open for writing comes to, while it is found out. */
struct opening {
	struct place *p;
	struct file *f;
	const char *name; /* in f->dir */
	uint32_t mode;
	uint64_t offset;
	bool exists;
	struct stat st; /* when it exists */
};

static bool
is_direct(const struct opening *o)
{
	return o->p->share->conf->upload == CONF_UPLOAD_DIRECT;
}

/* Does the content that is there stay, so that writing goes on in it? */
static bool
goes_on(const struct opening *o)
{
	uint32_t flags = o->f->flags;

	if (flags & (VFS_OPEN_TRUNC | VFS_OPEN_UNIQUE))
		return false;
	return !(flags & VFS_OPEN_RESUME) || o->offset > 0;
}

static int
access_mode(const struct opening *o)
{
	return o->f->flags & VFS_OPEN_READ ? O_RDWR : O_WRONLY;
}

/* FTP says where it writes; SFTP's append means the end, wherever that is by then. */
static int
append_mode(const struct opening *o)
{
	return (o->f->flags & (VFS_OPEN_APPEND | VFS_OPEN_STREAM)) == VFS_OPEN_APPEND ? O_APPEND
										      : 0;
}

/* Finds the directory and what stands under the name; a link there is followed, once. */
static int
find_target(struct world *w, struct opening *o)
{
	struct place *p = o->p;
	int err;

	for (int i = 0; i < 2; i++) {
		fd_close(&o->f->dir);
		err = place_parent(w, p, &o->f->dir, &o->name);
		if (err < 0)
			return err;
		if (fstatat(o->f->dir, o->name, &o->st, AT_SYMLINK_NOFOLLOW) < 0) {
			o->exists = false;
			return errno == ENOENT ? 0 : -errno;
		}
		if (!S_ISLNK(o->st.st_mode)) {
			o->exists = true;
			return 0;
		}
		if (o->f->flags & (VFS_OPEN_EXCL | VFS_OPEN_UNIQUE))
			break;
		err = place_follow(w, p);
		if (err < 0)
			return err;
	}
	o->exists = true; /* as something that is no file */
	return 0;
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
				 access_mode(o) | append_mode(o) | O_CREAT | O_EXCL | O_NOFOLLOW,
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
	if (flock(f->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return writing_busy(w);
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

/*
 * The bytes of the file that will be replaced, when they are the user's own: they count once,
 * unless they stay in the trash.
 */
static uint64_t
credit(const struct world *w, const struct opening *o)
{
	bool own = o->exists && o->st.st_uid == w->account->uid && o->st.st_nlink == 1;

	return own && !trash_keeps_replaced(o->p->share) ? (uint64_t)o->st.st_size : 0;
}

/* Puts room aside, and makes the part. */
static int
make_charged_part(struct world *w, struct opening *o, uint32_t mode)
{
	int err;

	part_sweep_dir(w, o->p->share, o->f->dir);
	err = charge_open(w, o->f, w->account->uid, false, 0, credit(w, o));

	return err < 0 ? err : make_part(w, o, mode);
}

/* The kept part was taken in vain. */
static int
put_back(struct world *w, struct opening *o, int err)
{
	int back = part_keep(w, o->p->share, o->f->dir, o->name);

	return back < 0 ? back : err;
}

/* Goes on with a broken upload of this user. 0: done. -ENOENT: there is none. */
static int
take_kept(struct world *w, struct opening *o)
{
	struct file *f = o->f;
	char kept[PART_NAME_MAX], active[PART_NAME_MAX];
	struct charge charge;
	uint32_t walks;
	uint64_t size;
	struct stat st;
	int flags = access_mode(o) | append_mode(o), err;

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
	part_name(PART_ACTIVE, NULL, o->name, active);
	err = place_file_at(w, o->p, f->dir, kept, flags, &st, &f->fd);
	if (err < 0)
		return err;
	/* Locked before it gets the name under which others look for a lock. */
	if (flock(f->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return writing_busy(w);
	err = charge_begin(w, o->p->share, w->account->uid, 0, 0, &charge);
	if (err < 0)
		return err;
	if (renameat2(f->dir, kept, f->dir, active, RENAME_NOREPLACE) < 0 &&
	    (errno != EINVAL || renameat(f->dir, kept, f->dir, active) < 0))
		err = errno == EEXIST ? writing_busy(w) : -errno;
	walks = charge.on ? charge.deal.rec.walks : 0;
	charge_end(&charge, 0, 0);
	if (err < 0)
		return err;
	err = charge_open(w, f, w->account->uid, true, size, 0);
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

static int
open_new(struct world *w, struct opening *o)
{
	struct file *f = o->f;
	uint32_t mode = attr_file_mode(o->p, o->mode);
	int err = world_need(w, o->p, RIGHT_CREATE);

	if (err < 0)
		return err;
	if (goes_on(o) && !(f->flags & VFS_OPEN_EXCL)) {
		err = is_direct(o) ? -ENOENT : take_kept(w, o);
		if (err != -ENOENT)
			return err;
		if (f->flags & VFS_OPEN_RESUME)
			return world_why(w, -ERANGE,
					 "there is nothing to go on with: upload from the start");
	}
	if (!(f->flags & VFS_OPEN_CREATE))
		return -ENOENT;
	if (!is_direct(o))
		return make_charged_part(w, o, mode);
	err = charge_open(w, f, w->account->uid, false, 0, 0);
	if (err < 0)
		return err;
	err = resolve_at(f->dir, o->name,
			 access_mode(o) | append_mode(o) | O_CREAT | O_EXCL | O_NOFOLLOW, mode,
			 &f->fd);
	if (err < 0)
		return err == -EEXIST && !(f->flags & VFS_OPEN_EXCL) ? writing_busy(w) : err;
	if (flock(f->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return writing_busy(w);
	err = attr_force_group(w, o->p->share, f->fd);
	if (err < 0) {
		ignore_result(unlinkat(f->dir, o->name, 0)); /* empty */
		return err;
	}
	f->kind = FILE_IN_PLACE;
	f->created = true;
	return 0;
}

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
	if (at_end && goes_on(o) && (rights & RIGHT_APPEND)) {
		*ret_append_only = true;
		return 0;
	}
	/* What this session made, it may make again. */
	if ((rights & RIGHT_CREATE) && own_has(&w->own, o->f->dir, o->name))
		return 0;
	return world_refuse(w, o->p, at_end ? RIGHT_APPEND : RIGHT_OVERWRITE);
}

/* Between our look and our lock the file may have been replaced: then we hold what nobody sees. */
static int
check_still_there(struct world *w, const struct opening *o)
{
	struct stat st;

	if (fstatat(o->f->dir, o->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_ino == o->st.st_ino && st.st_dev == o->st.st_dev)
		return 0;
	return writing_busy(w);
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
	const struct file *f = o->f;
	struct share *share = o->p->share;

	if ((f->flags & VFS_OPEN_APPEND) || keep > (uint64_t)o->st.st_size ||
	    ((f->flags & VFS_OPEN_RESUME) && keep == (uint64_t)o->st.st_size) ||
	    (goes_on(o) && share->conf->versions == 0))
		return 0;
	for (uint32_t i = 0; i < w->file_max; i++) {
		const struct file *other = &w->files[i];

		if (other->kind == FILE_IN_PLACE && other->dev == o->st.st_dev &&
		    other->ino == o->st.st_ino)
			return 0;
	}
	return trash_copy(w, share, f->dir, o->name, &o->st);
}

/* Into the file itself. */
static int
open_in_place(struct world *w, struct opening *o, bool append_only)
{
	struct file *f = o->f;
	uint64_t size = (uint64_t)o->st.st_size;
	uint64_t keep = f->flags & VFS_OPEN_RESUME ? o->offset : goes_on(o) ? size : 0;
	int flags = access_mode(o) | append_mode(o), err;

	if (append_only) /* a descriptor that can do nothing else */
		flags |= O_APPEND;
	err = place_file_at(w, o->p, f->dir, o->name, flags, &o->st, &f->fd);
	if (err == 0)
		err = writing_lock(w, f->fd, &o->st);
	if (err == 0)
		err = check_still_there(w, o);
	if (err == 0 && fstat(f->fd, &o->st) < 0) /* locked now: this size is true */
		err = -errno;
	if (err == 0)
		err = keep_old(w, o, keep);
	if (err == 0)
		err = charge_open(w, f, o->st.st_uid, true, base_of(w, o), 0);
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

/* Beside it: the part will replace it. */
static int
open_replacement(struct world *w, struct opening *o)
{
	struct file *f = o->f;
	uint64_t keep = f->flags & VFS_OPEN_RESUME ? o->offset : 0;
	int err;

	/* Who may not open the file so may not replace it either; and its lock keeps others away.
	 */
	err = place_file_at(w, o->p, f->dir, o->name, keep ? O_RDWR : access_mode(o), &o->st,
			    &f->target);
	if (err < 0)
		return err;
	if (flock(f->target, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		err = writing_lock(w, f->target, &o->st);
		if (err < 0)
			return err;
		/* This session has it open for writing already: both must mean the same file. */
		fd_close(&f->target);
		return open_in_place(w, o, false);
	}
	err = check_still_there(w, o);
	if (err == 0)
		err = make_charged_part(w, o, o->st.st_mode & 0777);
	if (err < 0)
		return err;
	f->replaces = true;
	f->was = o->st;
	f->offset = keep;
	if (keep > 0)
		f->begin = FILE_BEGIN_COPY;
	return 0;
}

static int
open_old(struct world *w, struct opening *o)
{
	uint64_t size = (uint64_t)o->st.st_size;
	struct file *f = o->f;
	bool append_only;
	int err;

	if (f->flags & VFS_OPEN_EXCL)
		return -EEXIST;
	if (S_ISDIR(o->st.st_mode))
		return -EISDIR;
	if (!S_ISREG(o->st.st_mode))
		return world_why(w, -EINVAL, "not a regular file");
	err = need_for_old(w, o, &append_only);
	if (err < 0)
		return err;
	if (goes_on(o)) {
		if ((f->flags & VFS_OPEN_RESUME) && o->offset > size)
			return world_why(w, -ERANGE, "only %ju bytes are there", (uintmax_t)size);
		/* A writer that died while it replaced this file leaves its part, which becomes a
		 * mark. */
		if (!is_direct(o) &&
		    part_recover(w, o->p->share, f->dir, o->name, &o->st) == -EBUSY)
			return writing_busy(w);
		if (part_is_marked(w, o->p->share, f->dir, o->name, &o->st))
			return world_why(
			    w, -ESTALE,
			    "the last upload was interrupted and rolled back; upload from "
			    "the start");
	}
	if (is_direct(o) || append_only || (goes_on(o) && !(f->flags & VFS_OPEN_RESUME)))
		return open_in_place(w, o, append_only);
	return open_replacement(w, o);
}

/* STOU: the name when it is free, else with a tail that nobody guesses. Moves the place. */
static int
open_unique(struct world *w, struct opening *o)
{
	struct place *p = o->p;
	size_t path_len = strlen(p->path), inner_len;
	int err = o->exists ? -EEXIST : open_new(w, o);

	if (p->inner != p->room)
		memcpy(p->room, p->inner, strlen(p->inner) + 1);
	p->inner = p->room;
	inner_len = strlen(p->room);
	for (int i = 0; i < UNIQUE_TRIES && (err == -EEXIST || err == -EBUSY); i++) {
		uint32_t number;
		char tail[12];

		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return -EIO;
		(void)snprintf(tail, sizeof(tail), ".%08x", number);
		if (path_len + sizeof(tail) > sizeof(p->path) ||
		    inner_len + sizeof(tail) > sizeof(p->room))
			return -ENAMETOOLONG;
		memcpy(p->path + path_len, tail, strlen(tail) + 1);
		memcpy(p->room + inner_len, tail, strlen(tail) + 1);
		err = find_target(w, o);
		if (err == 0)
			err = o->exists ? -EEXIST : open_new(w, o);
	}
	return err;
}

/* Nothing was written yet: what the open made goes, and what it took over is as it was. */
static void
undo(struct world *w, struct opening *o)
{
	struct file *f = o->f;
	char hidden[PART_NAME_MAX];
	int err = 0;

	part_name(PART_ACTIVE, NULL, o->name, hidden);
	if (f->kind == FILE_PART && f->had > 0)
		err = part_keep(w, o->p->share, f->dir, o->name);
	else if (f->kind == FILE_PART)
		err = unlinkat(f->dir, hidden, 0);
	else if (f->created)
		err = unlinkat(f->dir, o->name, 0);
	if (err == 0 && f->kind == FILE_PART && f->had > 0) {
		charge_settle(w, f);
		charge_forget(w, f);
	} else if (f->kind == FILE_PART || f->created) {
		charge_drop(w, f);
	}
}

int
upload_open(struct world *w, struct place *p, uint32_t mode, uint64_t offset, struct file *f)
{
	struct opening o = { .p = p, .f = f, .mode = mode, .offset = offset };
	int err = 0;

	/* Where nothing at all may be written, nobody needs to learn what is there. */
	if (!(p->rights & (RIGHT_CREATE | RIGHT_OVERWRITE | RIGHT_APPEND)) &&
	    p->share->conf->rule_count == 0)
		return world_refuse(w, p, RIGHT_CREATE);
	if (f->flags & VFS_OPEN_READ)
		err = world_need(w, p, RIGHT_READ);
	if (err == 0)
		err = find_target(w, &o);
	if (err == 0 && writing_find(w, p)) {
		err = writing_settle(w, p);
		if (err == 0)
			err = find_target(w, &o);
	}
	if (err == 0)
		err = quota_check_room(w, p->share, f->dir);
	if (err == 0)
		err = quota_check_size(w, p->share, offset);
	if (err < 0)
		return err;
	if (f->flags & VFS_OPEN_UNIQUE)
		err = open_unique(w, &o);
	else
		err = o.exists ? open_old(w, &o) : open_new(w, &o);
	if (err < 0)
		return err;
	/* FTP's data connection is not there yet; an SFTP client is, so nothing is put off. */
	err = charge_grow(w, f, f->offset);
	if (err == 0 && !(f->flags & VFS_OPEN_STREAM))
		err = publish_begin(w, f);
	if (err < 0)
		undo(w, &o);
	return err;
}
