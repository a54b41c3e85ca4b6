/* SPDX-License-Identifier: ISC */
/*
 * sftp_scp_file.c - one file that comes by `scp -t`: it is opened, its bytes are written, and it
 * gets its name when they and the client's word behind them are there. Must not: look at names;
 * sftp_scp_sink.c has made the path.
 */
#include <errno.h>

#include "protocols/sftp/sftp_scp.h"
#include "server/base/fd.h"
#include "server/base/text.h"

static void
answer_written(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	struct sftp_channel *ch = sftp_ask_done(a);
	struct scp *s = ch ? sftp_verb_scp(ch) : NULL;

	if (!ch)
		return;
	if (reply->err < 0)
		scp_complain(ch, s, reply->err, reply->why);
	else
		scp_sink_yes(ch);
	scp_sink_leave(s);
}

/*
 * All bytes are there: the file gets its times and, under -p, its mode also where it was there
 * before; and its name.
 */
static void
end_file(struct sftp_channel *ch, struct scp *s)
{
	const struct vfs_change times = { .set = VFS_SET_TIMES,
					  .mtime = s->mtime,
					  .atime = s->atime };
	const struct vfs_change mode = { .set = VFS_SET_MODE, .mode = s->mode };
	struct sftp_handle *h = s->handle;
	struct vfs *v = ch->f->s->vfs;
	struct sftp_ask *a;
	int err = s->err, closed = fd_close_check(&h->fd);

	s->step = NULL;
	s->handle = NULL;
	if (err == 0)
		err = closed;
	if (err < 0) {
		ignore_result(vfs_abort(v, h->ticket, h->bytes_written, "write-error", NULL, NULL));
		scp_complain(ch, s, err, s->why);
		scp_sink_leave(s);
	} else {
		/* Whether they could be set is no reason to lose the file. */
		if (s->has_times) {
			ignore_result(vfs_fsetattr(v, h->ticket, &times, NULL, NULL));
			ignore_result(vfs_fsetattr(v, h->ticket, &mode, NULL, NULL));
		}
		a = sftp_ask_new(ch, 0, NULL);
		err = sftp_asked(a, vfs_commit(v, h->ticket, h->bytes_written, answer_written, a));
	}
	s->has_times = false;
	sftp_handle_free(ch->f->handles, h);
}

static void
answer_opened(void *ctx, struct vfs_reply *reply)
{
	int err;
	struct sftp_channel *ch = sftp_take_file(ctx, reply, &err);
	struct scp *s = ch ? sftp_verb_scp(ch) : NULL;

	if (!ch)
		return;
	if (err < 0) {
		s->handle = NULL;
		scp_complain(ch, s, err, reply->why);
		scp_sink_leave(s);
		return;
	}
	s->in_data = true;
	scp_sink_yes(ch);
}

void
scp_file_open(struct sftp_channel *ch, struct scp *s, uint32_t mode, uint64_t size)
{
	const uint32_t flags = VFS_OPEN_WRITE | VFS_OPEN_CREATE | VFS_OPEN_TRUNC;
	struct sftp_handle *h = sftp_handle_new(ch->f->handles, ch, false);
	struct sftp_ask *a;
	int err = h ? 0 : -EMFILE;

	s->at = 0;
	s->left = size;
	s->mode = mode;
	s->err = 0;
	s->why[0] = '\0';
	if (err == 0) {
		h->flags = SFTP_OPEN_WRITE;
		s->handle = h;
		a = sftp_ask_new(ch, 0, h);
		err = sftp_asked(
		    a, vfs_open(ch->f->s->vfs, s->path, flags, mode, 0, answer_opened, a));
	}
	if (err < 0) {
		if (h)
			sftp_handle_free(ch->f->handles, h);
		s->handle = NULL;
		scp_complain(ch, s, err, NULL);
		scp_sink_leave(s);
	}
}

static void
answer_grown(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	struct sftp_handle *h = a->handle;
	struct sftp_channel *ch = sftp_ask_done(a);
	struct scp *s = ch ? sftp_verb_scp(ch) : NULL;

	if (!ch)
		return;
	if (reply->err == 0) {
		h->limit = reply->limit;
	} else {
		s->err = reply->err;
		ignore_result(
		    text_copy(s->why, sizeof(s->why), reply->why)); /* too long: the errno's */
	}
}

size_t
scp_file_data(struct sftp_channel *ch, struct scp *s, const uint8_t *at, size_t len)
{
	struct sftp_handle *h = s->handle;
	size_t n = len < s->left ? len : (size_t)s->left;
	struct sftp_ask *a;
	int err;

	if (s->left == 0) { /* the byte behind it: 0, or words why it is not whole */
		s->in_data = false;
		if (*at != 0 && s->err == 0) {
			s->err = -EIO;
			ignore_result(text_copy(s->why, sizeof(s->why), "the client gave up"));
		}
		s->step = end_file;
		return 1;
	}
	if (s->err == 0) {
		n = (size_t)pace_allows(&ch->f->s->up, h->ticket, h->lane_up, n);
		if (n == 0)
			return 0;
	}
	if (s->err == 0 && s->at + n > h->limit) {
		a = sftp_ask_new(ch, 0, h);
		err = sftp_asked(a, vfs_grow(ch->f->s->vfs, h->ticket, s->at + n, answer_grown, a));
		if (err == 0)
			return 0;
		s->err = err;
	}
	if (s->err == 0)
		s->err = fd_pwrite_full(h->fd, at, n, s->at);
	if (s->err == 0) {
		h->bytes_written += n;
		pace_moved(&ch->f->s->up, h->lane_up, n);
	}
	s->at += n;
	s->left -= n;
	return n;
}
