/* SPDX-License-Identifier: ISC */
/*
 * file_change.c - what is changed through an open file: size, mode, times. Invariant: a handle
 * gives no right that its open did not need.
 */
#include <errno.h>
#include <sys/stat.h>

#include "server/vfs/attr.h"
#include "server/vfs/charge.h"
#include "server/vfs/file.h"
#include "server/vfs/own.h"
#include "server/vfs/trash.h"
#include "server/vfs/world.h"

/* What may be changed through the handle without a right of its own: enum vfs_set. */
static uint32_t
file_may(const struct world *w, const struct file *f)
{
	uint32_t may = VFS_SET_TIMES;

	if (f->kind == FILE_READ)
		return 0;
	/* Who opened it for no more than its end has not the right to cut it. */
	if (!f->append_only)
		may |= VFS_SET_SIZE;
	/* A file that was there has its mode from somebody else. */
	if (f->kind == FILE_PART || f->published || f->created)
		may |= VFS_SET_MODE;
	if (own_wrote(&w->own, f->fd, ""))
		may |= VFS_SET_SIZE | VFS_SET_MODE;
	return may;
}

/* A file that is written in place is about to be cut, and nothing of it was kept at its open. */
static int
keep_before_cut(struct world *w, struct file *f, uint64_t size)
{
	struct stat st;
	int err;

	if (f->kind != FILE_IN_PLACE || f->created || f->published || f->kept)
		return 0;
	if (fstat(f->fd, &st) < 0)
		return -errno;
	if (size >= (uint64_t)st.st_size || (size > 0 && f->share->conf->versions == 0))
		return 0;
	err = trash_copy(w, f->share, f->dir, f->name, &st);
	f->kept = err == 0;
	return err;
}

int
file_change(struct world *w, const struct place *p, struct file *f, const struct vfs_change *change,
	    bool *ret_mode)
{
	uint32_t may = file_may(w, f);
	int err = 0;

	*ret_mode = false;
	if (change->set & may & VFS_SET_SIZE)
		err = change->size > INT64_MAX ? -EFBIG : charge_grow(w, f, change->size);
	if (err == 0 && (change->set & may & VFS_SET_SIZE))
		err = keep_before_cut(w, f, change->size);
	if (err == 0)
		err = attr_set_fd(w, p, f->fd, change, may, ret_mode);
	if (*ret_mode) /* a later wish than the one at its open */
		f->end_mode = VFS_MODE_DEFAULT;
	if (err == 0 && (change->set & VFS_SET_TIMES) && f->kind != FILE_READ)
		f->times = *change;
	return err;
}

int
file_set(struct world *w, uint32_t ticket, const struct vfs_change *change)
{
	struct file *f = file_of(w, ticket);
	struct place *p;
	bool has_mode;
	int err;

	if (!f)
		return -EBADF;
	p = file_place(w, f);
	err = file_change(w, p, f, change, &has_mode);
	/* What the handle gives leave for is a part of its transfer, which has a record. */
	attr_record(w, p, change->set & ~file_may(w, f), has_mode, err);
	return err;
}
