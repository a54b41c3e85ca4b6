/* SPDX-License-Identifier: ISC */
/*
 * vfs_call.c - the asking side of vfs.h, in wire: puts questions, and gives their answers
 * (vfs_take.c) to who asked. It opens nothing and decides nothing.
 */
#include "server/vfs/vfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/fd.h"
#include "server/vfs/vfs_msg.h"
#include "server/vfs/vfs_take.h"

/* The largest question: two paths. */
#define QUESTION_MAX (2 * VFS_PATH_MAX + 256)

struct pending {
	struct vfs *vfs;
	struct pending *next; /* in the list of free ones */
	vfs_fn *fn;
	void *ctx;
	uint16_t type;
};

struct vfs {
	struct ask *ask;
	struct pending *free;
	struct pending pool[ASK_MAX];
	struct buf question;
	uint8_t room[QUESTION_MAX];
	char text[VFS_PATH_MAX]; /* of the reply that is being handed out */
};

struct vfs *
vfs_new(struct ask *a)
{
	struct vfs *v = mem_new(1, sizeof(*v));

	v->ask = a;
	for (size_t i = 0; i < COUNT_OF(v->pool); i++) {
		v->pool[i].vfs = v;
		v->pool[i].next = v->free;
		v->free = &v->pool[i];
	}
	return v;
}

void
vfs_free(struct vfs *v)
{
	free(v);
}

static void
on_answer(void *ctx, int err, const char *why, struct buf *b, int *fd)
{
	struct pending *p = ctx;
	struct vfs *v = p->vfs;
	struct vfs_reply reply = { .err = err, .why = why, .text = "", .fd = fd };
	vfs_fn *fn = p->fn;
	void *fn_ctx = p->ctx;

	if (err == 0 && vfs_take(p->type, b, v->text, &reply) < 0) {
		reply.err = -EIO;
		reply.why = "internal error";
	}
	/* Given back first: fn may ask again. */
	p->next = v->free;
	v->free = p;
	fn(fn_ctx, &reply);
}

static void
begin(struct vfs *v, uint16_t type)
{
	ask_begin(v->ask, &v->question, v->room, sizeof(v->room), type);
}

static int
put_path(struct vfs *v, const char *path)
{
	size_t len = strlen(path);

	if (len >= VFS_PATH_MAX)
		return -ENAMETOOLONG;
	buf_put_string(&v->question, path, len);
	return 0;
}

static void
put_change(struct vfs *v, const struct vfs_change *change)
{
	struct buf *b = &v->question;

	buf_put_u32(b, change->set);
	buf_put_u64(b, change->size);
	buf_put_u32(b, change->mode);
	buf_put_u64(b, (uint64_t)change->mtime);
	buf_put_u64(b, (uint64_t)change->atime);
	buf_put_u32(b, change->mtime_ns);
	buf_put_u32(b, change->uid);
	buf_put_u32(b, change->gid);
}

static int
ask(struct vfs *v, uint16_t type, vfs_fn *fn, void *ctx)
{
	struct pending *p = v->free;
	int err;

	if (!fn)
		return ask_send(v->ask, &v->question, NULL, NULL);
	if (!p)
		return -EBUSY;
	p->fn = fn;
	p->ctx = ctx;
	p->type = type;
	v->free = p->next;
	err = ask_send(v->ask, &v->question, on_answer, p);
	if (err < 0) {
		p->next = v->free;
		v->free = p;
	}
	return err;
}

/* A question that is one path. */
static int
ask_path(struct vfs *v, uint16_t type, const char *path, vfs_fn *fn, void *ctx)
{
	int err;

	begin(v, type);
	err = put_path(v, path);
	return err < 0 ? err : ask(v, type, fn, ctx);
}

/* A question that is one path and a number. */
static int
ask_path_u32(struct vfs *v, uint16_t type, const char *path, uint32_t number, vfs_fn *fn, void *ctx)
{
	int err;

	begin(v, type);
	err = put_path(v, path);
	if (err < 0)
		return err;
	buf_put_u32(&v->question, number);
	return ask(v, type, fn, ctx);
}

/* A question that is one ticket. */
static int
ask_ticket(struct vfs *v, uint16_t type, uint32_t ticket, vfs_fn *fn, void *ctx)
{
	begin(v, type);
	buf_put_u32(&v->question, ticket);
	return ask(v, type, fn, ctx);
}

int
vfs_stat(struct vfs *v, const char *path, uint32_t flags, vfs_fn *fn, void *ctx)
{
	return ask_path_u32(v, VFS_MSG_STAT, path, flags, fn, ctx);
}

int
vfs_setattr(struct vfs *v, const char *path, uint32_t flags, const struct vfs_change *change,
	    vfs_fn *fn, void *ctx)
{
	int err;

	begin(v, VFS_MSG_SETATTR);
	err = put_path(v, path);
	if (err < 0)
		return err;
	buf_put_u32(&v->question, flags);
	put_change(v, change);
	return ask(v, VFS_MSG_SETATTR, fn, ctx);
}

int
vfs_open(struct vfs *v, const char *path, uint32_t flags, uint32_t mode, uint64_t offset,
	 vfs_fn *fn, void *ctx)
{
	int err;

	begin(v, VFS_MSG_OPEN);
	err = put_path(v, path);
	if (err < 0)
		return err;
	buf_put_u32(&v->question, flags);
	buf_put_u32(&v->question, mode);
	buf_put_u64(&v->question, offset);
	return ask(v, VFS_MSG_OPEN, fn, ctx);
}

int
vfs_begin(struct vfs *v, uint32_t ticket, vfs_fn *fn, void *ctx)
{
	return ask_ticket(v, VFS_MSG_BEGIN, ticket, fn, ctx);
}

int
vfs_commit(struct vfs *v, uint32_t ticket, uint64_t bytes, vfs_fn *fn, void *ctx)
{
	begin(v, VFS_MSG_COMMIT);
	buf_put_u32(&v->question, ticket);
	buf_put_u64(&v->question, bytes);
	return ask(v, VFS_MSG_COMMIT, fn, ctx);
}

int
vfs_abort(struct vfs *v, uint32_t ticket, uint64_t bytes, const char *reason, vfs_fn *fn, void *ctx)
{
	begin(v, VFS_MSG_ABORT);
	buf_put_u32(&v->question, ticket);
	buf_put_u64(&v->question, bytes);
	buf_put_string(&v->question, reason, reason ? strnlen(reason, 63) : 0);
	return ask(v, VFS_MSG_ABORT, fn, ctx);
}

int
vfs_grow(struct vfs *v, uint32_t ticket, uint64_t size, vfs_fn *fn, void *ctx)
{
	begin(v, VFS_MSG_GROW);
	buf_put_u32(&v->question, ticket);
	buf_put_u64(&v->question, size);
	return ask(v, VFS_MSG_GROW, fn, ctx);
}

int
vfs_pace(struct vfs *v, uint32_t ticket, bool up, vfs_fn *fn, void *ctx)
{
	begin(v, VFS_MSG_PACE);
	buf_put_u32(&v->question, ticket);
	buf_put_u8(&v->question, up);
	return ask(v, VFS_MSG_PACE, fn, ctx);
}

int
vfs_fstat(struct vfs *v, uint32_t ticket, vfs_fn *fn, void *ctx)
{
	return ask_ticket(v, VFS_MSG_FSTAT, ticket, fn, ctx);
}

int
vfs_fsetattr(struct vfs *v, uint32_t ticket, const struct vfs_change *change, vfs_fn *fn, void *ctx)
{
	begin(v, VFS_MSG_FSETATTR);
	buf_put_u32(&v->question, ticket);
	put_change(v, change);
	return ask(v, VFS_MSG_FSETATTR, fn, ctx);
}

int
vfs_fsync(struct vfs *v, uint32_t ticket, vfs_fn *fn, void *ctx)
{
	return ask_ticket(v, VFS_MSG_FSYNC, ticket, fn, ctx);
}

int
vfs_copy(struct vfs *v, uint32_t from, uint64_t from_offset, uint64_t length, uint32_t to,
	 uint64_t to_offset, vfs_fn *fn, void *ctx)
{
	begin(v, VFS_MSG_COPY);
	buf_put_u32(&v->question, from);
	buf_put_u64(&v->question, from_offset);
	buf_put_u64(&v->question, length);
	buf_put_u32(&v->question, to);
	buf_put_u64(&v->question, to_offset);
	return ask(v, VFS_MSG_COPY, fn, ctx);
}

int
vfs_opendir(struct vfs *v, const char *path, uint32_t flags, vfs_fn *fn, void *ctx)
{
	return ask_path_u32(v, VFS_MSG_OPENDIR, path, flags, fn, ctx);
}

int
vfs_readdir(struct vfs *v, uint32_t ticket, vfs_fn *fn, void *ctx)
{
	return ask_ticket(v, VFS_MSG_READDIR, ticket, fn, ctx);
}

int
vfs_closedir(struct vfs *v, uint32_t ticket, vfs_fn *fn, void *ctx)
{
	return ask_ticket(v, VFS_MSG_CLOSEDIR, ticket, fn, ctx);
}

int
vfs_mkdir(struct vfs *v, const char *path, uint32_t mode, vfs_fn *fn, void *ctx)
{
	return ask_path_u32(v, VFS_MSG_MKDIR, path, mode, fn, ctx);
}

int
vfs_rmdir(struct vfs *v, const char *path, vfs_fn *fn, void *ctx)
{
	return ask_path(v, VFS_MSG_RMDIR, path, fn, ctx);
}

int
vfs_unlink(struct vfs *v, const char *path, vfs_fn *fn, void *ctx)
{
	return ask_path(v, VFS_MSG_UNLINK, path, fn, ctx);
}

int
vfs_rename(struct vfs *v, const char *from, const char *to, uint32_t flags, vfs_fn *fn, void *ctx)
{
	int err;

	begin(v, VFS_MSG_RENAME);
	err = put_path(v, from);
	if (err == 0)
		err = put_path(v, to);
	if (err < 0)
		return err;
	buf_put_u32(&v->question, flags);
	return ask(v, VFS_MSG_RENAME, fn, ctx);
}

/* A question that is two paths. */
static int
ask_two(struct vfs *v, uint16_t type, const char *first, const char *second, vfs_fn *fn, void *ctx)
{
	int err;

	begin(v, type);
	err = put_path(v, first);
	if (err == 0)
		err = put_path(v, second);
	return err < 0 ? err : ask(v, type, fn, ctx);
}

int
vfs_link(struct vfs *v, const char *from, const char *to, vfs_fn *fn, void *ctx)
{
	return ask_two(v, VFS_MSG_LINK, from, to, fn, ctx);
}

int
vfs_symlink(struct vfs *v, const char *target, const char *path, vfs_fn *fn, void *ctx)
{
	return ask_two(v, VFS_MSG_SYMLINK, target, path, fn, ctx);
}

int
vfs_readlink(struct vfs *v, const char *path, vfs_fn *fn, void *ctx)
{
	return ask_path(v, VFS_MSG_READLINK, path, fn, ctx);
}

int
vfs_statvfs(struct vfs *v, const char *path, vfs_fn *fn, void *ctx)
{
	return ask_path(v, VFS_MSG_STATVFS, path, fn, ctx);
}
