/* SPDX-License-Identifier: ISC */
/*
 * dir.c - reads directories. One message holds as many entries as fit, or as a slow disk gives in a
 * moment, so that a client sees the first names soon. Names that are hidden, denied or ours are
 * left out, but for what this session is uploading. "." and ".." come first where they are wanted,
 * then the shares that are mounted in the directory, which cover what has the same name.
 */
#include "server/vfs/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/vfs/attr.h"
#include "server/vfs/file.h"
#include "server/vfs/name.h"
#include "server/vfs/part.h"
#include "server/vfs/path.h"
#include "server/vfs/rule.h"
#include "server/vfs/trash_sweep.h"
#include "server/vfs/trash_name.h"
#include "server/vfs/world.h"

/* Bytes of names that the kernel gives at once; kept per open directory. */
#define DIR_ROOM (16u * 1024)
/* A batch that takes longer is sent as it is; the clock is looked at once in so many entries. */
#define BATCH_MS 20
#define BATCH_LOOK 32
#define ENTRY_BYTES_MAX (4 + VFS_NAME_MAX + ATTR_BYTES_MAX + 4 + VFS_TARGET_MAX)

static struct dir *
dir_new(struct world *w)
{
	for (uint32_t i = 0; i < w->dir_max; i++) {
		struct dir *d = &w->dirs[i];

		if (!d->is_open) {
			uint16_t generation = (uint16_t)(d->generation + 1);

			memset(d, 0, sizeof(*d));
			d->generation = generation ? generation : 1;
			d->fd = -1;
			return d;
		}
	}
	return NULL;
}

static struct dir *
dir_of(struct world *w, uint32_t ticket)
{
	uint32_t i = ticket & 0xffff;

	if (i >= w->dir_max || !w->dirs[i].is_open || w->dirs[i].generation != ticket >> 16)
		return NULL;
	return &w->dirs[i];
}

static void
dir_free(struct dir *d)
{
	fd_close(&d->fd);
	free(d->path);
	free(d->room);
	d->path = NULL;
	d->room = NULL;
	d->is_open = false;
}

static uint32_t
entry_rights(const struct dir *d, const char *name)
{
	char inner[VFS_PATH_MAX];
	const struct conf_place *rule;
	struct text t;

	if (!d->has_rules && strcmp(name, TRASH_DIR) != 0)
		return d->rights;
	text_init(&t, inner, sizeof(inner));
	text_puts(&t, d->inner);
	if (d->inner[0])
		text_putc(&t, '/');
	text_puts(&t, name);
	return rule_rights(d->share->conf, inner, &rule);
}

static void
put_virtual(struct world *w, const struct dir *d, const char *name, struct buf *out)
{
	char path[VFS_PATH_MAX];
	struct text t;

	text_init(&t, path, sizeof(path));
	text_puts(&t, strcmp(d->path, "/") == 0 ? "" : d->path);
	text_putc(&t, '/');
	text_puts(&t, name);
	attr_put_virtual(w, out, path);
}

/* The directory itself, or the one above it; what may not be seen is left out. */
static void
put_dot(struct world *w, const char *name, const char *path, struct buf *out)
{
	size_t before = out->end;

	buf_put_cstring(out, name);
	if (attr_stat(w, path, 0, out) < 0)
		out->end = before;
}

static void
put_dots(struct world *w, struct dir *d, struct buf *out)
{
	char parent[VFS_PATH_MAX];

	d->has_dots = false;
	path_dir(d->path, parent, sizeof(parent));
	put_dot(w, ".", d->path, out);
	put_dot(w, "..", parent, out);
}

/* The shares mounted here, and directories that lead to such. */
static bool
put_mounts(struct world *w, struct dir *d, struct buf *out)
{
	for (; d->next_mount < w->shares.count; d->next_mount++) {
		const struct conf_place *rule;
		const struct share *at;
		char name[VFS_NAME_MAX];
		struct stat st;

		if (buf_room(out) < ENTRY_BYTES_MAX)
			return false;
		if (!share_child(&w->shares, d->next_mount, d->path, name, sizeof(name), &at))
			continue;
		buf_put_cstring(out, name);
		if (at && fstat(at->root, &st) == 0)
			attr_put(w, out, at, &st,
				 rule_rights(at->conf, "", &rule) & ~ATTR_NOT_OF_MOUNTS);
		else
			put_virtual(w, d, name, out);
	}
	return true;
}

/*
 * A part in the directory: of this session it is shown as what it will be; one too old is swept
 * away.
 */
static void
put_part(struct world *w, struct dir *d, const char *hidden, struct buf *out)
{
	char room[PART_NAME_MAX];
	struct stat here, st;

	if (w->upload_count > 0 && fstat(d->fd, &here) == 0) {
		for (uint32_t i = 0; i < w->file_max; i++) {
			const struct file *f = &w->files[i];

			if (f->kind != FILE_PART || f->replaces)
				continue;
			part_name(PART_ACTIVE, NULL, f->name, room);
			if (strcmp(room, hidden) != 0 || fstat(f->dir, &st) < 0 ||
			    st.st_ino != here.st_ino || st.st_dev != here.st_dev)
				continue;
			if (fstat(f->fd, &st) == 0) {
				buf_put_cstring(out, f->name);
				attr_put(w, out, d->share, &st, entry_rights(d, f->name));
			}
			return;
		}
	}
	part_sweep(w, d->share, d->fd, hidden);
}

/* Is the trash of this directory to be shown? It is swept in any case. */
static bool
shows_trash(struct world *w, struct dir *d)
{
	if (d->share->conf->trash_ms > 0)
		trash_sweep_sometimes(w, d->share, d->fd);
	return entry_rights(d, TRASH_DIR) & RIGHT_TRASH;
}

/* What READLINK would say of it, for listings. */
static void
put_target(const struct dir *d, const char *name, struct buf *out)
{
	char target[VFS_TARGET_MAX];
	ssize_t n = readlinkat(d->fd, name, target, sizeof(target));
	int depth = d->inner[0] != '\0';

	for (const char *s = d->inner; *s; s++)
		depth += *s == '/';
	target[n < 0 || (size_t)n == sizeof(target) ? 0 : n] = '\0';
	buf_put_cstring(out, name_target_stays(depth, target) ? target : "");
}

static void
put_entry(struct world *w, struct dir *d, const struct dirent64 *entry, struct buf *out)
{
	const char *name = entry->d_name;
	enum rule_name rule;
	struct stat st;
	bool is_trash = strcmp(name, TRASH_DIR) == 0;

	if (is_trash && !shows_trash(w, d))
		return;
	if (name[0] == '.' && !is_trash) {
		if (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'))
			return;
		if (strncmp(name, RULE_OUR_PREFIX, strlen(RULE_OUR_PREFIX)) == 0) {
			put_part(w, d, name, out);
			return;
		}
	}
	rule =
	    is_trash ? RULE_NAME_OK : rule_name(d->share->conf, rule_true_name(name, d->is_trash));
	if (rule == RULE_NAME_HIDDEN || rule == RULE_NAME_DENIED)
		return;
	if (d->has_mounts && share_has_child(&w->shares, d->path, name))
		return;
	if (fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return; /* it went while we looked */
		/* A directory that may be read but not entered: the name and its kind are known. */
		memset(&st, 0, sizeof(st));
		st.st_mode = DTTOIF(entry->d_type);
		st.st_ino = entry->d_ino;
		st.st_nlink = 1;
	}
	buf_put_cstring(out, name);
	attr_put(w, out, d->share, &st, entry_rights(d, name));
	if (S_ISLNK(st.st_mode))
		put_target(d, name, out);
}

static int
refill(struct dir *d)
{
	ssize_t n;

	if (!d->room)
		d->room = mem_new(1, DIR_ROOM);
	do
		n = getdents64(d->fd, d->room, DIR_ROOM);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	d->pos = 0;
	d->end = (size_t)n;
	d->at_end = n == 0;
	return 0;
}

static int
put_entries(struct world *w, struct dir *d, struct buf *out)
{
	uint64_t deadline = clock_ms() + BATCH_MS;
	unsigned int count = 0;
	size_t before = out->end;
	int err;

	if (d->has_dots)
		put_dots(w, d, out);
	if (!put_mounts(w, d, out))
		return 0;
	while (!d->at_end && buf_room(out) >= ENTRY_BYTES_MAX) {
		const struct dirent64 *entry;

		if (d->pos == d->end) {
			err = refill(d);
			if (err < 0)
				return err;
			continue;
		}
		if (++count % BATCH_LOOK == 0 && out->end > before && clock_ms() >= deadline)
			break;
		entry = (const struct dirent64 *)(const void *)(d->room + d->pos);
		d->pos += entry->d_reclen;
		put_entry(w, d, entry, out);
	}
	return 0;
}

int
dir_read(struct world *w, uint32_t ticket, struct buf *out)
{
	struct dir *d = dir_of(w, ticket);
	size_t last_at;
	int err;

	if (!d)
		return -EBADF;
	last_at = out->end;
	buf_put_u8(out, 0);
	err = put_entries(w, d, out);
	if (err == 0 && !out->bad)
		out->at[last_at] = d->at_end && d->next_mount == w->shares.count;
	return err;
}

/* Names the directory and finds out what is special in it. */
static void
name_dir(struct world *w, struct dir *d, const struct place *p)
{
	size_t path = strlen(p->path) + 1, inner = p->share ? strlen(p->inner) + 1 : 1;

	d->path = mem_new(1, path + inner);
	memcpy(d->path, p->path, path);
	if (p->share)
		memcpy(d->path + path, p->inner, inner);
	d->inner = d->path + path;
	d->share = p->share;
	d->rights = p->rights;
	d->has_mounts = p->is_above_mount;
	d->has_rules = p->share && p->share->conf->rule_count > 0;
	d->is_trash = p->share && trash_name_is_inside(p->inner);
	if (!d->has_mounts)
		d->next_mount = w->shares.count;
	d->is_open = true;
}

int
dir_open(struct world *w, const char *path, uint32_t flags, struct buf *out)
{
	struct place *p = &w->here;
	FD_OWN int fd = -1;
	struct dir *d;
	int err = place_find(w, path, PLACE_OLD, p);

	if (err < 0)
		return err;
	if (p->share) {
		err = place_dir(w, p, &fd);
		if (err == 0)
			err = world_need(w, p, RIGHT_LIST);
		/* The way to other shares is shown even where this one shows nothing. */
		if (err < 0 && !p->is_above_mount)
			return err;
		if (err < 0)
			fd_close(&fd);
	}
	d = dir_new(w);
	if (!d)
		return world_why(w, -EMFILE,
				 "this session has %u directories open, which is the most",
				 w->dir_max);
	name_dir(w, d, p);
	d->has_dots = flags & VFS_DOTS;
	d->at_end = fd < 0;
	d->fd = fd_give(&fd);
	buf_put_u32(out, (uint32_t)d->generation << 16 | (uint32_t)(d - w->dirs));
	err = dir_read(w, (uint32_t)d->generation << 16 | (uint32_t)(d - w->dirs), out);
	if (err < 0)
		dir_free(d);
	return err;
}

int
dir_close(struct world *w, uint32_t ticket)
{
	struct dir *d = dir_of(w, ticket);

	if (!d)
		return -EBADF;
	dir_free(d);
	return 0;
}

void
dir_close_all(struct world *w)
{
	for (uint32_t i = 0; i < w->dir_max; i++) {
		if (w->dirs[i].is_open)
			dir_free(&w->dirs[i]);
	}
}
