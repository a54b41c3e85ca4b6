/* SPDX-License-Identifier: ISC */
/*
 * writing.c - the uploads of this session that go on: whoever asks about a path, changes it or
 * opens it asks here first. Invariant: one inode has one writing session.
 */
#include "server/vfs/writing.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/text.h"
#include "server/vfs/attr.h"
#include "server/vfs/part.h"
#include "server/vfs/publish.h"
#include "server/vfs/world.h"

#define LOOK_AGAIN_MS 10u
#define PATIENCE_MS 500u

int
writing_busy(struct world *w)
{
	return world_why(w, -EBUSY, "another upload is writing this file; try again later");
}

const struct file *
writing_in_place(const struct world *w, const struct stat *st)
{
	for (uint32_t i = 0; i < w->file_max; i++) {
		const struct file *f = &w->files[i];

		if (f->kind == FILE_IN_PLACE && f->dev == st->st_dev && f->ino == st->st_ino)
			return f;
	}
	return NULL;
}

int
writing_lock(struct world *w, int fd, const struct stat *st)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return 0; /* a filesystem without locks: then nobody else has one either */
	/* One session may have a file open for writing twice, as programs do. */
	return writing_in_place(w, st) ? 0 : writing_busy(w);
}

bool
writing_try(struct world *w, int err, unsigned *waited_ms)
{
	if (err != -EBUSY || *waited_ms > PATIENCE_MS)
		return false;
	if (*waited_ms > 0)
		(void)poll(NULL, 0, LOOK_AGAIN_MS);
	*waited_ms += LOOK_AGAIN_MS;
	w->tries_again = *waited_ms <= PATIENCE_MS;
	return true;
}

struct file *
writing_find(struct world *w, const struct place *p)
{
	for (uint32_t i = 0, left = w->upload_count; left > 0 && i < w->file_max; i++) {
		struct file *f = &w->files[i];

		if (f->kind != FILE_PART)
			continue;
		left--;
		if (f->path && f->share == p->share && strcmp(f->inner, p->inner) == 0)
			return f;
	}
	return NULL;
}

struct file *
writing_by_name(struct world *w, struct place *p)
{
	struct file *f = writing_find(w, p);
	FD_OWN int dir = -1;
	const char *name;
	struct stat st;

	/* The look at "." is what asks for the right to go into the directory itself. */
	if (f && (place_parent(w, p, &dir, &name) < 0 || fstatat(dir, ".", &st, 0) < 0))
		return NULL;
	return f;
}

bool
writing_stat(struct world *w, struct place *p, struct stat *ret_st)
{
	struct file *f = writing_by_name(w, p);

	return f && fstat(f->fd, ret_st) == 0;
}

int
writing_settle(struct world *w, const struct place *p)
{
	struct file *f = writing_find(w, p);

	return f ? publish_now(w, f) : 0;
}

bool
writing_set(struct world *w, struct place *p, const struct vfs_change *change, bool *ret_mode,
	    int *ret_err)
{
	struct file *f = writing_by_name(w, p);

	if (!f)
		return false;
	*ret_err = file_change(w, p, f, change, ret_mode);
	return true;
}

int
writing_stat_kept(struct world *w, struct place *p, struct stat *ret_st)
{
	FD_OWN int dir = -1;
	const char *name;
	int err;

	if (p->inner[0] == '\0' || !(p->rights & RIGHT_CREATE) ||
	    p->share->conf->upload == CONF_UPLOAD_DIRECT)
		return -ENOENT;
	err = place_parent(w, p, &dir, &name);
	if (err == 0)
		err = part_recover(w, p->share, dir, name, NULL);
	if (err == 0)
		err = part_find_kept(w, p->share, dir, name, ret_st);
	return err < 0 ? -ENOENT : 0;
}

int
writing_drop_kept(struct world *w, struct place *p)
{
	FD_OWN int dir = -1;
	const char *name;
	struct stat st;
	int err = writing_stat_kept(w, p, &st);

	if (err == 0)
		err = place_parent(w, p, &dir, &name);
	if (err == 0)
		part_remove(w, p->share, PART_KEPT, dir, name);
	return err;
}

void
writing_moved(struct world *w, struct share *share, const char *from, const char *to)
{
	size_t len = strlen(from);
	char inner[VFS_PATH_MAX];

	for (uint32_t i = 0; i < w->file_max && w->upload_count > 0; i++) {
		struct file *f = &w->files[i];
		struct text t;

		if (f->kind != FILE_PART || f->share != share ||
		    strncmp(f->inner, from, len) != 0 || f->inner[len] != '/')
			continue;
		text_init(&t, inner, sizeof(inner));
		text_puts(&t, to);
		text_puts(&t, f->inner + len);
		/* The virtual path stays as the client said it: it is for the log. */
		if (!t.cut)
			file_name(f, share, f->path, inner);
	}
}
