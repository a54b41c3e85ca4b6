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
#include <sys/random.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/vfs/charge.h"
#include "server/vfs/part.h"
#include "server/vfs/publish.h"
#include "server/vfs/quota.h"
#include "server/vfs/upload_in.h"
#include "server/vfs/world.h"
#include "server/vfs/writing.h"

/* STOU: names that are tried. */
#define UNIQUE_TRIES 8

bool
opening_goes_on(const struct opening *o)
{
	uint32_t flags = o->f->flags;

	if (flags & (VFS_OPEN_TRUNC | VFS_OPEN_UNIQUE))
		return false;
	return !(flags & VFS_OPEN_RESUME) || o->offset > 0;
}

bool
opening_is_direct(const struct opening *o)
{
	return o->p->share->conf->upload == CONF_UPLOAD_DIRECT;
}

int
opening_access(const struct opening *o)
{
	return o->f->flags & VFS_OPEN_READ ? O_RDWR : O_WRONLY;
}

/* FTP says where it writes; SFTP's append means the end, wherever that is by then. */
int
opening_append(const struct opening *o)
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

/* STOU: the name when it is free, else with a tail that nobody guesses. Moves the place. */
static int
open_unique(struct world *w, struct opening *o)
{
	struct place *p = o->p;
	size_t path_len = strlen(p->path), inner_len;
	int err = o->exists ? -EEXIST : opening_new(w, o);

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
			err = o->exists ? -EEXIST : opening_new(w, o);
	}
	return err;
}

/* Nothing was written yet: what the open made goes, and what it took over is as it was. */
static void
undo(struct world *w, struct opening *o)
{
	struct file *f = o->f;
	int err = 0;

	if (f->kind == FILE_PART && f->had > 0)
		err = part_keep(w, o->p->share, f->dir, o->name, f->fd);
	else if (f->kind == FILE_PART)
		err = part_drop(f->dir, o->name, f->fd);
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
	int err;

	/* Where nothing at all may be written, nobody needs to learn what is there. */
	if (!(p->rights & (RIGHT_CREATE | RIGHT_OVERWRITE | RIGHT_APPEND)) &&
	    p->share->conf->rule_count == 0)
		return world_refuse(w, p, RIGHT_CREATE);
	err = find_target(w, &o);
	if (err == 0 && writing_find(w, p)) {
		/* Who wants a new file gets none, and what is being written is left alone. */
		err = f->flags & VFS_OPEN_EXCL ? -EEXIST : writing_settle(w, p);
		if (err == 0)
			err = find_target(w, &o);
	}
	/* Now that no link moves the place any more. */
	if (err == 0 && (f->flags & VFS_OPEN_READ))
		err = world_need(w, p, RIGHT_READ);
	if (err == 0)
		err = quota_check_room(w, p->share, f->dir);
	if (err == 0)
		err = quota_check_size(w, p->share, offset);
	if (err < 0)
		return err;
	if (f->flags & VFS_OPEN_UNIQUE)
		err = open_unique(w, &o);
	else
		err = o.exists ? opening_old(w, &o) : opening_new(w, &o);
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
