/* SPDX-License-Identifier: ISC */
/*
 * vfs_question.c - the questions of vfs.h, as a table. A row decodes its fields, all of them and no
 * more, before anything is done.
 * Distrusts: wire, in every byte. Rights and names are judged behind this file, in place.c and
 * rule.c.
 */
#include "server/vfs/vfs_question.h"

#include <errno.h>

#include "server/vfs/attr.h"
#include "server/vfs/dir.h"
#include "server/vfs/file.h"
#include "server/vfs/name.h"
#include "server/vfs/quota.h"
#include "server/vfs/vfs_msg.h"
#include "server/vfs/world.h"
#include "server/vfs/writing.h"

struct question {
	struct world *w;
	struct buf *in, *out;
	int pass_fd; /* goes with the answer; stays ours */
};

typedef int question_fn(struct question *q);

static const char *
get_path(struct question *q, int which)
{
	return buf_get_cstring(q->in, q->w->raw[which], sizeof(q->w->raw[which]));
}

static void
get_change(struct question *q, struct vfs_change *ret_change)
{
	ret_change->set = buf_get_u32(q->in);
	ret_change->size = buf_get_u64(q->in);
	ret_change->mode = buf_get_u32(q->in);
	ret_change->mtime = (int64_t)buf_get_u64(q->in);
	ret_change->atime = (int64_t)buf_get_u64(q->in);
	ret_change->mtime_ns = buf_get_u32(q->in);
	ret_change->uid = buf_get_u32(q->in);
	ret_change->gid = buf_get_u32(q->in);
}

/* Was that the whole question? */
#define WHOLE_OR_BAD(q)                          \
	do {                                     \
		if (buf_done((q)->in) < 0)       \
			return VFS_QUESTION_BAD; \
	} while (0)

static int
on_stat(struct question *q)
{
	const char *path = get_path(q, 0);
	uint32_t flags = buf_get_u32(q->in);

	WHOLE_OR_BAD(q);
	return attr_stat(q->w, path, flags, q->out);
}

static int
on_setattr(struct question *q)
{
	const char *path = get_path(q, 0);
	uint32_t flags = buf_get_u32(q->in);
	struct vfs_change change;
	unsigned waited = 0;
	int err = -EBUSY;

	get_change(q, &change);
	WHOLE_OR_BAD(q);
	while (writing_try(q->w, err, &waited))
		err = attr_set(q->w, path, flags, &change);
	return err;
}

static int
on_open(struct question *q)
{
	const char *path = get_path(q, 0);
	uint32_t flags = buf_get_u32(q->in), mode = buf_get_u32(q->in);
	uint64_t offset = buf_get_u64(q->in);
	unsigned waited = 0;
	int err = -EBUSY;

	WHOLE_OR_BAD(q);
	while (writing_try(q->w, err, &waited))
		err = file_open(q->w, path, flags, mode, offset, q->out, &q->pass_fd);
	return err;
}

static int
on_begin(struct question *q)
{
	uint32_t ticket = buf_get_u32(q->in);

	WHOLE_OR_BAD(q);
	return file_begin(q->w, ticket);
}

static int
on_commit(struct question *q)
{
	uint32_t ticket = buf_get_u32(q->in);
	uint64_t bytes = buf_get_u64(q->in);

	WHOLE_OR_BAD(q);
	return file_commit(q->w, ticket, bytes, q->out);
}

static int
on_abort(struct question *q)
{
	uint32_t ticket = buf_get_u32(q->in);
	uint64_t bytes = buf_get_u64(q->in);
	char reason[64];

	buf_get_cstring(q->in, reason, sizeof(reason));
	WHOLE_OR_BAD(q);
	return file_abort(q->w, ticket, bytes, reason[0] ? reason : "aborted");
}

static int
on_grow(struct question *q)
{
	uint32_t ticket = buf_get_u32(q->in);
	uint64_t size = buf_get_u64(q->in);

	WHOLE_OR_BAD(q);
	return file_grow(q->w, ticket, size, q->out);
}

static int
on_pace(struct question *q)
{
	uint32_t ticket = buf_get_u32(q->in);
	uint8_t up = buf_get_u8(q->in);

	WHOLE_OR_BAD(q);
	return file_pace(q->w, ticket, up != 0, q->out);
}

static int
on_fstat(struct question *q)
{
	uint32_t ticket = buf_get_u32(q->in);

	WHOLE_OR_BAD(q);
	return file_stat(q->w, ticket, q->out);
}

static int
on_fsetattr(struct question *q)
{
	uint32_t ticket = buf_get_u32(q->in);
	struct vfs_change change;

	get_change(q, &change);
	WHOLE_OR_BAD(q);
	return file_set(q->w, ticket, &change);
}

static int
on_fsync(struct question *q)
{
	uint32_t ticket = buf_get_u32(q->in);

	WHOLE_OR_BAD(q);
	return file_sync(q->w, ticket);
}

static int
on_copy(struct question *q)
{
	uint32_t from = buf_get_u32(q->in);
	uint64_t from_at = buf_get_u64(q->in), length = buf_get_u64(q->in);
	uint32_t to = buf_get_u32(q->in);
	uint64_t to_at = buf_get_u64(q->in);

	WHOLE_OR_BAD(q);
	return file_copy(q->w, from, from_at, length, to, to_at, q->out);
}

static int
on_opendir(struct question *q)
{
	const char *path = get_path(q, 0);
	uint32_t flags = buf_get_u32(q->in);

	WHOLE_OR_BAD(q);
	return dir_open(q->w, path, flags, q->out);
}

static int
on_readdir(struct question *q)
{
	uint32_t ticket = buf_get_u32(q->in);

	WHOLE_OR_BAD(q);
	return dir_read(q->w, ticket, q->out);
}

static int
on_closedir(struct question *q)
{
	uint32_t ticket = buf_get_u32(q->in);

	WHOLE_OR_BAD(q);
	return dir_close(q->w, ticket);
}

static int
on_mkdir(struct question *q)
{
	const char *path = get_path(q, 0);
	uint32_t mode = buf_get_u32(q->in);

	WHOLE_OR_BAD(q);
	return name_mkdir(q->w, path, mode);
}

static int
on_rmdir(struct question *q)
{
	const char *path = get_path(q, 0);

	WHOLE_OR_BAD(q);
	return name_rmdir(q->w, path);
}

static int
on_unlink(struct question *q)
{
	const char *path = get_path(q, 0);

	WHOLE_OR_BAD(q);
	return name_unlink(q->w, path);
}

static int
on_rename(struct question *q)
{
	const char *from = get_path(q, 0), *to = get_path(q, 1);
	uint32_t flags = buf_get_u32(q->in);

	WHOLE_OR_BAD(q);
	return name_rename(q->w, from, to, flags);
}

static int
on_link(struct question *q)
{
	const char *from = get_path(q, 0), *to = get_path(q, 1);

	WHOLE_OR_BAD(q);
	return name_link(q->w, from, to);
}

static int
on_symlink(struct question *q)
{
	const char *target = get_path(q, 1), *path = get_path(q, 0);

	WHOLE_OR_BAD(q);
	return name_symlink(q->w, target, path);
}

static int
on_readlink(struct question *q)
{
	const char *path = get_path(q, 0);

	WHOLE_OR_BAD(q);
	return name_readlink(q->w, path, q->out);
}

static int
on_statvfs(struct question *q)
{
	const char *path = get_path(q, 0);

	WHOLE_OR_BAD(q);
	return quota_space(q->w, path, q->out);
}

static question_fn *const questions[VFS_MSG_END - VFS_MSG_STAT] = {
	[VFS_MSG_STAT - VFS_MSG_STAT] = on_stat,
	[VFS_MSG_SETATTR - VFS_MSG_STAT] = on_setattr,
	[VFS_MSG_OPEN - VFS_MSG_STAT] = on_open,
	[VFS_MSG_BEGIN - VFS_MSG_STAT] = on_begin,
	[VFS_MSG_COMMIT - VFS_MSG_STAT] = on_commit,
	[VFS_MSG_ABORT - VFS_MSG_STAT] = on_abort,
	[VFS_MSG_FSTAT - VFS_MSG_STAT] = on_fstat,
	[VFS_MSG_FSETATTR - VFS_MSG_STAT] = on_fsetattr,
	[VFS_MSG_FSYNC - VFS_MSG_STAT] = on_fsync,
	[VFS_MSG_COPY - VFS_MSG_STAT] = on_copy,
	[VFS_MSG_OPENDIR - VFS_MSG_STAT] = on_opendir,
	[VFS_MSG_READDIR - VFS_MSG_STAT] = on_readdir,
	[VFS_MSG_CLOSEDIR - VFS_MSG_STAT] = on_closedir,
	[VFS_MSG_MKDIR - VFS_MSG_STAT] = on_mkdir,
	[VFS_MSG_RMDIR - VFS_MSG_STAT] = on_rmdir,
	[VFS_MSG_UNLINK - VFS_MSG_STAT] = on_unlink,
	[VFS_MSG_RENAME - VFS_MSG_STAT] = on_rename,
	[VFS_MSG_LINK - VFS_MSG_STAT] = on_link,
	[VFS_MSG_SYMLINK - VFS_MSG_STAT] = on_symlink,
	[VFS_MSG_READLINK - VFS_MSG_STAT] = on_readlink,
	[VFS_MSG_STATVFS - VFS_MSG_STAT] = on_statvfs,
	[VFS_MSG_GROW - VFS_MSG_STAT] = on_grow,
	[VFS_MSG_PACE - VFS_MSG_STAT] = on_pace,
};

bool
vfs_question_is_known(uint16_t type)
{
	return type >= VFS_MSG_STAT && type < VFS_MSG_END;
}

int
vfs_question_answer(struct world *w, uint16_t type, struct buf *in, struct buf *out, int *ret_fd)
{
	struct question q = { .w = w, .in = in, .out = out, .pass_fd = -1 };
	int err = questions[type - VFS_MSG_STAT](&q);

	*ret_fd = q.pass_fd;
	return err;
}
