/* SPDX-License-Identifier: ISC */
/*
 * file.c - the table of open files: opening for reading, and what is asked of a ticket. Writing is
 * upload.c. Distrusts: tickets, which carry a generation, so that one that has ended is none.
 */
#include "server/vfs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/vfs/attr.h"
#include "server/vfs/part.h"
#include "server/vfs/publish.h"
#include "server/vfs/resolve.h"
#include "server/vfs/rule.h"
#include "server/vfs/upload.h"
#include "server/vfs/world.h"
#include "server/vfs/writing.h"

static struct file *
file_new(struct world *w)
{
	for (uint32_t i = 0; i < w->file_max; i++) {
		struct file *f = &w->files[i];

		if (f->kind == FILE_FREE) {
			uint16_t generation = (uint16_t)(f->generation + 1);

			memset(f, 0, sizeof(*f));
			f->generation = generation ? generation : 1;
			f->fd = f->dir = f->target = -1;
			f->end_mode = VFS_MODE_DEFAULT;
			f->limit = UINT64_MAX;
			return f;
		}
	}
	return NULL;
}

static uint32_t
ticket_of(const struct world *w, const struct file *f)
{
	return (uint32_t)f->generation << 16 | (uint32_t)(f - w->files);
}

struct file *
file_of(struct world *w, uint32_t ticket)
{
	uint32_t i = ticket & 0xffff;

	if (i >= w->file_max || w->files[i].kind == FILE_FREE ||
	    w->files[i].generation != ticket >> 16)
		return NULL;
	return &w->files[i];
}

void
file_name(struct file *f, struct share *share, const char *path, const char *inner)
{
	size_t path_size = strlen(path) + 1, inner_size = strlen(inner) + 1;
	char *room = mem_new(1, path_size + inner_size);
	const char *slash;

	memcpy(room, path, path_size);
	memcpy(room + path_size, inner, inner_size);
	free(f->path); /* after the copy: path may be this one */
	f->path = room;
	f->inner = room + path_size;
	slash = strrchr(f->inner, '/');
	f->name = slash ? slash + 1 : f->inner;
	f->share = share;
}

/* Closes all that f holds and gives its place back. */
static void
file_free(struct world *w, struct file *f)
{
	if (f->kind == FILE_PART)
		w->upload_count--;
	charge_close(w, f);
	f->kind = FILE_FREE;
	fd_close(&f->fd);
	fd_close(&f->dir);
	fd_close(&f->target);
	free(f->path);
	f->path = NULL;
}

/* reason NULL: it is complete. */
static void
log_transfer(const struct file *f, const char *path, uint64_t bytes, const char *reason)
{
	struct log_value path_v, why;
	bool appends = f->flags & VFS_OPEN_APPEND;
	const char *op = !(f->flags & VFS_OPEN_WRITE) ? "get" : appends ? "append" : "put";
	char head[96];

	(void)snprintf(head, sizeof(head),
		       "bytes=%" PRIu64 " offset=%" PRIu64 " duration_ms=%" PRIu64, bytes,
		       f->offset, clock_ms() - f->started_ms);
	if (reason)
		log_notice("transfer", "op=%s path=%s %s outcome=aborted reason=%s", op,
			   log_q(&path_v, path), head, log_q(&why, reason));
	else
		log_notice("transfer", "op=%s path=%s %s outcome=complete", op,
			   log_q(&path_v, path), head);
}

struct place *
file_place(struct world *w, const struct file *f)
{
	struct place *p = &w->here;

	memcpy(p->path, f->path, strlen(f->path) + 1);
	p->share = f->share;
	p->inner = f->inner;
	p->rights = rule_rights(f->share->conf, f->inner, &p->rule);
	p->is_mount = p->is_above_mount = false;
	return p;
}

/* What this session writes, it may look at; nobody else sees it yet. */
static int
open_mine(const struct file *mine, struct file *f, struct stat *ret_st)
{
	char hidden[PART_NAME_MAX];
	int err;

	part_name(PART_ACTIVE, NULL, mine->name, hidden);
	fd_close(&f->fd);
	err = part_check(mine->dir, hidden, mine->dev, mine->ino);
	if (err == 0)
		err = resolve_at(mine->dir, hidden, O_RDONLY | O_NOFOLLOW, 0, &f->fd);
	return err == 0 && fstat(f->fd, ret_st) < 0 ? -errno : err;
}

static int
open_for_reading(struct world *w, struct place *p, struct file *f, struct stat *ret_st)
{
	const struct file *mine;
	int err = world_need(w, p, RIGHT_READ);

	if (err < 0)
		return err;
	f->kind = FILE_READ;
	mine = writing_by_name(w, p);
	if (mine)
		return open_mine(mine, f, ret_st);
	err = place_file(w, p, O_RDONLY, &f->fd, ret_st);
	if (p->inner != p->room) /* no link has moved it */
		return err;
	mine = err == 0 || err == -ENOENT ? writing_by_name(w, p) : NULL;
	if (mine)
		err = open_mine(mine, f, ret_st);
	return err == 0 ? world_need(w, p, RIGHT_READ) : err;
}

/* A number for what limits the share in this direction; 0: nothing does. */
static uint32_t
lane_of(const struct world *w, const struct share *share, enum lane_way way)
{
	return lane_limits(&w->lanes, share->conf, way) ? (uint32_t)(share - w->shares.at) + 1 : 0;
}

static void
put_opened(struct world *w, struct place *p, struct file *f, const struct stat *st, struct buf *out)
{
	buf_put_u32(out, ticket_of(w, f));
	buf_put_u64(out, f->offset);
	buf_put_u8(out, f->begin != FILE_BEGIN_NOTHING);
	attr_put(w, out, p->share, st, p->rights);
	buf_put_cstring(out, f->flags & VFS_OPEN_UNIQUE ? p->path : "");
	buf_put_u64(out, f->flags & VFS_OPEN_WRITE ? f->limit : UINT64_MAX);
	buf_put_u32(out, lane_of(w, p->share, LANE_UP));
	buf_put_u32(out, lane_of(w, p->share, LANE_DOWN));
}

/* Bytes of an answer about an open file. */
#define OPENED_BYTES 1024

/* A file that is only to be read, but made when it is not there (O_RDONLY | O_CREAT). */
static int
make_empty(struct world *w, const char *path, uint32_t flags, uint32_t mode)
{
	uint8_t room[OPENED_BYTES];
	struct buf out;
	int fd, err;

	buf_init(&out, room, sizeof(room));
	err = file_open(w, path, VFS_OPEN_WRITE | (flags & (VFS_OPEN_CREATE | VFS_OPEN_EXCL)), mode,
			0, &out, &fd);
	if (err < 0)
		return err;
	out.pos = 0;
	return file_commit(w, buf_get_u32(&out), 0, &out);
}

/* What was made readable in order to be opened gets its mode, unless somebody was faster. */
static void
narrow(struct world *w, int fd, uint32_t mode)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_size == 0 &&
	    (st.st_mode & 07777) == attr_file_mode(&w->here, mode | S_IRUSR))
		ignore_result(fchmod(fd, attr_file_mode(&w->here, mode))); /* vfat has no modes */
}

static int
open_or_make(struct world *w, const char *path, uint32_t flags, uint32_t mode, struct buf *out,
	     int *ret_fd)
{
	uint32_t read_only = flags & ~(uint32_t)(VFS_OPEN_CREATE | VFS_OPEN_EXCL);
	bool hides = mode != VFS_MODE_DEFAULT && !(mode & S_IRUSR);
	int err = -ENOENT;

	if (!(flags & VFS_OPEN_EXCL))
		err = file_open(w, path, read_only, mode, 0, out, ret_fd);
	if (err != -ENOENT)
		return err;
	/* POSIX, open(): who makes a file may read it by this handle, whatever its mode says. */
	err = make_empty(w, path, flags, hides ? mode | S_IRUSR : mode);
	if (err == 0)
		err = file_open(w, path, read_only, mode, 0, out, ret_fd);
	if (err == 0 && hides)
		narrow(w, *ret_fd, mode);
	return err;
}

int
file_open(struct world *w, const char *path, uint32_t flags, uint32_t mode, uint64_t offset,
	  struct buf *out, int *ret_fd)
{
	struct place *p = &w->here;
	struct stat st;
	struct file *f;
	bool writes = flags & VFS_OPEN_WRITE;
	int err;

	if (!(flags & (VFS_OPEN_READ | VFS_OPEN_WRITE)) || offset > INT64_MAX)
		return -EINVAL;
	if (!writes && (flags & VFS_OPEN_CREATE))
		return open_or_make(w, path, flags, mode, out, ret_fd);
	err = place_find(w, path, writes && (flags & VFS_OPEN_CREATE) ? PLACE_NEW : PLACE_OLD, p);
	if (err < 0)
		return err;
	if (!p->share || p->is_mount || p->is_above_mount)
		return -EISDIR;
	f = file_new(w);
	if (!f)
		return world_why(w, -EMFILE, "this session has %u files open, which is the most",
				 w->file_max);
	f->flags = flags;
	f->started_ms = clock_ms();
	f->share = p->share;
	err = writes ? upload_open(w, p, mode, offset, f) : open_for_reading(w, p, f, &st);
	if (err == 0 && writes && fstat(f->fd, &st) < 0)
		err = -errno;
	if (err < 0) {
		/*
		 * Clients probe for what is not there all the time; anything else is worth a line.
		 */
		if (err != -ENOENT && !(err == -EBUSY && w->tries_again))
			log_transfer(f, p->path, 0, strerrorname_np(-err));
		file_free(w, f);
		return err;
	}
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	file_name(f, p->share, p->path, p->inner);
	put_opened(w, p, f, &st, out);
	*ret_fd = f->fd;
	return 0;
}

int
file_begin(struct world *w, uint32_t ticket)
{
	struct file *f = file_of(w, ticket);

	return f ? publish_begin(w, f) : -EBADF;
}

int
file_grow(struct world *w, uint32_t ticket, uint64_t size, struct buf *out)
{
	struct file *f = file_of(w, ticket);
	int err;

	if (!f)
		return -EBADF;
	if (f->kind == FILE_READ)
		return -EACCES;
	if (size > INT64_MAX)
		return -EFBIG;
	err = charge_grow(w, f, size);
	if (err == 0)
		buf_put_u64(out, f->limit);
	return err;
}

int
file_pace(struct world *w, uint32_t ticket, bool up, struct buf *out)
{
	const struct file *f = file_of(w, ticket);
	enum lane_way way = up ? LANE_UP : LANE_DOWN;
	struct lane_grant grant;

	if (!f)
		return -EBADF;
	if (!lane_limits(&w->lanes, f->share->conf, way))
		return -EINVAL; /* nobody told wire to ask */
	lane_reserve(&w->lanes, f->share->conf, way, clock_us(), &f->share->reserved_us[way],
		     &grant);
	buf_put_u64(out, grant.bytes);
	buf_put_u64(out, grant.wait_ms);
	return 0;
}

int
file_commit(struct world *w, uint32_t ticket, uint64_t bytes, struct buf *out)
{
	struct file *f = file_of(w, ticket);
	struct place *p;
	struct stat st;
	int err = 0;

	if (!f)
		return -EBADF;
	if (f->kind != FILE_READ)
		err = publish_commit(w, f, bytes, &st);
	else if (fstat(f->fd, &st) < 0)
		err = -errno;
	log_transfer(f, f->path, bytes, err < 0 ? strerrorname_np(-err) : NULL);
	if (err == 0) {
		p = file_place(w, f);
		if (f->kind != FILE_READ)
			world_happened(w, VFS_EVENT_UPLOAD, p, NULL, (uint64_t)st.st_size, false);
		attr_put(w, out, f->share, &st, p->rights);
	}
	file_free(w, f);
	return err;
}

int
file_abort(struct world *w, uint32_t ticket, uint64_t bytes, const char *reason)
{
	struct file *f = file_of(w, ticket);

	if (!f)
		return -EBADF;
	if (f->kind != FILE_READ)
		publish_abort(w, f, bytes, reason);
	log_transfer(f, f->path, bytes, reason);
	file_free(w, f);
	return 0;
}

int
file_stat(struct world *w, uint32_t ticket, struct buf *out)
{
	struct file *f = file_of(w, ticket);
	struct stat st;

	if (!f)
		return -EBADF;
	if (fstat(f->fd, &st) < 0)
		return -errno;
	attr_put(w, out, f->share, &st, file_place(w, f)->rights);
	return 0;
}

int
file_sync(struct world *w, uint32_t ticket)
{
	struct file *f = file_of(w, ticket);

	if (!f)
		return -EBADF;
	return fsync(f->fd) < 0 ? -errno : 0;
}

void
file_end_all(struct world *w)
{
	for (uint32_t i = 0; i < w->file_max; i++) {
		struct file *f = &w->files[i];

		if (f->kind == FILE_FREE)
			continue;
		/* How much was written, and so whether something is missing, nobody has said. */
		if (f->kind != FILE_READ)
			publish_abort(w, f, 0, f->flags & VFS_OPEN_STREAM ? "session-ended" : NULL);
		log_transfer(f, f->path, 0, "session-ended");
		file_free(w, f);
	}
}
