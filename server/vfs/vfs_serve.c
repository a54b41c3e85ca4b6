/* SPDX-License-Identifier: ISC */
/*
 * vfs_serve.c - the answering side of vfs.h: what a session can reach, from its first share to its
 * last open file, and the order in which answers leave. A question that is not of its shape
 * (vfs_question.c) ends the session.
 * Invariant: a descriptor lives until the answer that carries it has left.
 */
#include "server/vfs/vfs_serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/ask.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/vfs/charge.h"
#include "server/vfs/dir.h"
#include "server/vfs/file.h"
#include "server/vfs/vfs_msg.h"
#include "server/vfs/vfs_question.h"
#include "server/vfs/world.h"

/* Open files beside the handles of SFTP: FTP's transfer, and what is closing. */
#define FILES_SPARE 8
/* A client lists one directory after another; each open one costs 16 KiB. */
#define DIRS_MAX 64

struct vfs_serve {
	struct world world;
	struct tally *tallies; /* from prepare to start */
	uint8_t out[IPC_MESSAGE_MAX];
	struct ipc_batch batch; /* answers that have not left */
};

int
vfs_serve_prepare(const struct conf *conf, const struct account *account,
		  struct vfs_serve **ret_serve)
{
	struct vfs_serve *s = mem_new(1, sizeof(*s));
	struct world *w = &s->world;
	int err;

	w->conf = conf;
	w->account = account;
	if (conf->mode == CONF_SYSTEM)
		share_make_all(conf, account);
	err = lane_open(conf, account, &w->lanes);
	if (err < 0) {
		log_error("rate", "result=%s why=\"run-dir/lanes cannot be used\"",
			  strerrorname_np(-err));
		free(s);
		return err;
	}
	s->tallies = charge_prepare(conf, account);
	*ret_serve = s;
	return 0;
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
	int err, fd;

	if (!vfs_question_is_known(type) || is_untold(s, type, b))
		return -EBADMSG;
	err = is_slow(s, type) ? vfs_serve_flush(s, sock) : 0;
	if (err < 0)
		return err;
	s->world.why_room[0] = '\0';
	answer_begin(&out, s->out, sizeof(s->out), type, id, 0, "");
	err = vfs_question_answer(&s->world, type, b, &out, &fd);
	if (err == VFS_QUESTION_BAD)
		return -EBADMSG;
	if (id & ASK_TELL)
		return 0;
	if (err < 0) {
		answer_begin(&out, s->out, sizeof(s->out), type, id, err, s->world.why_room);
		fd = -1;
	}
	if (ipc_batch_put(&s->batch, &out, fd))
		return 0;
	err = vfs_serve_flush(s, sock);
	if (err < 0)
		return err;
	return ipc_batch_put(&s->batch, &out, fd) ? 0 : ipc_send(sock, &out, fd);
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
