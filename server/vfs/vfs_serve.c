/* SPDX-License-Identifier: ISC */
/*
 * vfs_serve.c - the answering side of vfs.h: a table of questions. A row decodes its fields, all of
 * them and no more, before anything is done; what is not of that shape ends the session.
 * Distrusts: wire, in every byte. Rights and names are judged behind this file, in place.c and
 * rule.c.
 */
#include "server/vfs/vfs_serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/ask.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/vfs/attr.h"
#include "server/vfs/charge.h"
#include "server/vfs/dir.h"
#include "server/vfs/file.h"
#include "server/vfs/name.h"
#include "server/vfs/quota.h"
#include "server/vfs/vfs_msg.h"
#include "server/vfs/world.h"

/* Open files beside the handles of SFTP: FTP's transfer, and what is closing. */
#define FILES_SPARE 8
/* A client lists one directory after another; each open one costs 16 KiB. */
#define DIRS_MAX 64
/* A message that is not one of ours: no errno of the kernel has this number. */
#define BAD_MESSAGE (-4096)

struct vfs_serve {
	struct world world;
	struct tally *tallies; /* from prepare to start */
	uint8_t out[IPC_MESSAGE_MAX];
	struct ipc_batch batch; /* answers that have not left */
};

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
#define WHOLE_OR_BAD(q)                     \
	do {                                \
		if (buf_done((q)->in) < 0)  \
			return BAD_MESSAGE; \
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

	get_change(q, &change);
	WHOLE_OR_BAD(q);
	return attr_set(q->w, path, flags, &change);
}

static int
on_open(struct question *q)
{
	const char *path = get_path(q, 0);
	uint32_t flags = buf_get_u32(q->in), mode = buf_get_u32(q->in);
	uint64_t offset = buf_get_u64(q->in);

	WHOLE_OR_BAD(q);
	return file_open(q->w, path, flags, mode, offset, q->out, &q->pass_fd);
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

	WHOLE_OR_BAD(q);
	return dir_open(q->w, path, q->out);
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

int
vfs_serve_prepare(const struct conf *conf, const struct account *account,
		  struct vfs_serve **ret_serve)
{
	struct vfs_serve *s = mem_new(1, sizeof(*s));
	struct world *w = &s->world;
	int err;

	if (conf->mode == CONF_SYSTEM)
		share_make_all(conf, account);
	err = charge_prepare(conf, account, &s->tallies);

	w->conf = conf;
	w->account = account;
	if (err == 0) {
		err = lane_open(conf, account, &w->lanes);
		if (err < 0)
			log_error("rate", "result=%s why=\"run-dir/lanes cannot be used\"",
				  strerrorname_np(-err));
	}
	if (err < 0)
		free(s);
	else
		*ret_serve = s;
	return err;
}

/* A share whose quota cannot be kept is no share. */
static void
start_quotas(struct vfs_serve *s)
{
	struct share_list *list = &s->world.shares;
	const struct conf *conf = s->world.conf;
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct share *share = &list->at[i];
		struct tally *tally = &s->tallies[share->conf - conf->shares];
		bool needs = share->conf->quota_bytes || share->conf->quota_files;
		struct log_value name;
		int err = needs && tally->fd < 0 ? -EIO : 0;

		share->tally = *tally;
		*tally = (struct tally) { .fd = -1 };
		if (err == 0)
			err = charge_start(&s->world, share);
		if (err == 0) {
			list->at[kept++] = *share;
			continue;
		}
		log_error("share", "name=%s result=%s why=\"its quota cannot be kept\"",
			  log_q(&name, share->conf->name), strerrorname_np(-err));
		share_close(share);
	}
	list->count = kept;
}

int
vfs_serve_start(struct vfs_serve *s)
{
	struct world *w = &s->world;
	const struct conf *conf = w->conf;
	int err = share_open_all(conf, w->account, &w->shares);

	if (err == 0)
		start_quotas(s);
	for (size_t i = 0; i < conf->share_count; i++) {
		if (s->tallies[i].fd >= 0)
			tally_close(&s->tallies[i]);
	}
	if (err < 0 || w->shares.count == 0)
		return -ENOENT;
	w->file_max = conf->sftp.max_handles + FILES_SPARE;
	if (w->file_max > UINT16_MAX)
		w->file_max = UINT16_MAX;
	w->files = mem_new(w->file_max, sizeof(*w->files));
	w->dir_max = DIRS_MAX;
	w->dirs = mem_new(w->dir_max, sizeof(*w->dirs));
	return 0;
}

int
vfs_serve_new(const struct conf *conf, const struct account *account, struct vfs_serve **ret_serve)
{
	struct vfs_serve *s;
	int err = vfs_serve_prepare(conf, account, &s);

	if (err == 0) {
		err = vfs_serve_start(s);
		if (err == 0)
			*ret_serve = s;
		else
			vfs_serve_free(s);
	}
	return err;
}

void
vfs_serve_events(struct vfs_serve *s, vfs_event_fn *fn, void *ctx)
{
	s->world.on_event = fn;
	s->world.event_ctx = ctx;
}

void
vfs_serve_roots(const struct vfs_serve *s, vfs_root_fn *each, void *ctx)
{
	const uint32_t reading = RIGHTS_READ_ONLY;

	for (size_t i = 0; i < s->world.shares.count; i++) {
		const struct share *share = &s->world.shares.at[i];
		uint32_t rights = share->conf->rights;

		for (size_t j = 0; j < share->conf->rule_count; j++)
			rights |= share->conf->rules[j].rights;
		each(ctx, share->root, (rights & ~reading) != 0);
	}
}

/*
 * Does it end a ticket that wire has not been told yet? It can only be guessed, and the descriptor
 * that goes with it must live until then.
 */
static bool
is_untold(struct vfs_serve *s, uint16_t type, const struct buf *b)
{
	struct buf copy = *b;
	uint32_t ticket;
	const struct file *f;

	if (s->batch.count == 0 || (type != VFS_MSG_COMMIT && type != VFS_MSG_ABORT))
		return false;
	ticket = buf_get_u32(&copy);
	f = copy.bad ? NULL : file_of(&s->world, ticket);
	for (unsigned int i = 0; f && i < s->batch.count; i++) {
		if (s->batch.out[i].fd == f->fd)
			return true;
	}
	return false;
}

/* May it take so long that what was answered before should not wait for it? */
static bool
is_slow(const struct vfs_serve *s, uint16_t type)
{
	switch (type) {
	case VFS_MSG_BEGIN: /* may copy */
	case VFS_MSG_COPY:
	case VFS_MSG_FSYNC:
	case VFS_MSG_OPENDIR:
	case VFS_MSG_READDIR:
		return true;
	case VFS_MSG_COMMIT: /* syncs */
		for (size_t i = 0; i < s->world.shares.count; i++) {
			if (s->world.shares.at[i].conf->durable)
				return true;
		}
		return false;
	default:
		return false;
	}
}

int
vfs_serve_flush(struct vfs_serve *s, int sock)
{
	return s->batch.count > 0 ? ipc_batch_send(sock, &s->batch) : 0;
}

int
vfs_serve_message(struct vfs_serve *s, int sock, uint16_t type, uint32_t id, struct buf *b)
{
	int err = vfs_serve_queue(s, sock, type, id, b);

	return err < 0 ? err : vfs_serve_flush(s, sock);
}

int
vfs_serve_queue(struct vfs_serve *s, int sock, uint16_t type, uint32_t id, struct buf *b)
{
	struct buf out;
	struct question q = { .w = &s->world, .in = b, .out = &out, .pass_fd = -1 };
	int err;

	if (type < VFS_MSG_STAT || type >= VFS_MSG_END || is_untold(s, type, b))
		return -EBADMSG;
	err = is_slow(s, type) ? vfs_serve_flush(s, sock) : 0;
	if (err < 0)
		return err;
	s->world.why_room[0] = '\0';
	answer_begin(&out, s->out, sizeof(s->out), type, id, 0, "");
	err = questions[type - VFS_MSG_STAT](&q);
	if (err == BAD_MESSAGE)
		return -EBADMSG;
	if (id & ASK_TELL)
		return 0;
	if (err < 0)
		answer_begin(&out, s->out, sizeof(s->out), type, id, err, s->world.why_room);
	if (err < 0)
		q.pass_fd = -1;
	if (ipc_batch_put(&s->batch, &out, q.pass_fd))
		return 0;
	err = vfs_serve_flush(s, sock);
	if (err < 0)
		return err;
	return ipc_batch_put(&s->batch, &out, q.pass_fd) ? 0 : ipc_send(sock, &out, q.pass_fd);
}

void
vfs_serve_free(struct vfs_serve *s)
{
	if (!s)
		return;
	file_end_all(&s->world);
	dir_close_all(&s->world);
	own_clear(&s->world.own);
	share_close_all(&s->world.shares);
	lane_close(&s->world.lanes);
	free(s->tallies);
	free(s->world.files);
	free(s->world.dirs);
	free(s);
}
