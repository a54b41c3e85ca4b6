/* SPDX-License-Identifier: ISC */
/*
 * sftp_write.c - WRITE: from libssh's buffer to the descriptor that worker passed, as far as the
 * limit that came with it. Must not: write behind the limit; a quota is worker's.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "protocols/sftp/sftp_channel.h"
#include "server/base/fd.h"
#include "server/base/text.h"

static void
answer_grow(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	struct sftp_handle *h = a->handle;

	h->growing = false;
	h->grow_err = reply->err;
	if (reply->err == 0)
		h->limit = reply->limit;
	ignore_result(text_copy(h->why, sizeof(h->why), reply->why)); /* too long: the errno's */
	(void)sftp_ask_done(a);
}

/*
 * A write would end at end, behind the limit. Returns 0 (worker said no, and so was answered) or
 * SFTP_LATER.
 */
static int
grow(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *h, uint64_t end)
{
	int err = h->grow_err;

	if (err < 0) {
		h->grow_err = 0; /* somebody may make room: the next write asks again */
		if (h->write_err == 0)
			h->write_err = err;
		sftp_reply_errno(ch, r->id, err, h->why);
		return 0;
	}
	if (!h->growing && ask_open(ch->f->s->ask) < SFTP_ASKS_MAX) {
		struct sftp_ask *a = sftp_ask_new(ch, r->id, h);

		h->growing = true;
		err = sftp_asked(a, vfs_grow(ch->f->s->vfs, h->ticket, end, answer_grow, a));
		if (err < 0)
			h->growing = false;
	}
	return err < 0 ? err : SFTP_LATER;
}

/* Where the kernel will put what is written with O_APPEND. */
static uint64_t
end_of(const struct sftp_handle *h)
{
	off_t end = lseek(h->fd, 0, SEEK_END);

	return end < 0 ? UINT64_MAX : (uint64_t)end; /* then the write is refused */
}

/* The data is written out of libssh's own buffer: nothing is copied on the way. */
int
sftp_write(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *h)
{
	const struct sftp_bytes *data = &r->string[1];
	uint64_t offset = r->wide[0];
	int err;

	if (!(h->flags & SFTP_OPEN_WRITE))
		return -EACCES;
	if (h->flags & SFTP_OPEN_APPEND)
		offset = end_of(h);
	if (offset > INT64_MAX || data->len > INT64_MAX - offset) {
		if (h->write_err == 0)
			h->write_err = -EFBIG; /* what is missing, CLOSE must tell */
		return -EFBIG;
	}
	if (data->len > 0 && pace_allows(&ch->f->s->up, h->ticket, h->lane_up, data->len) == 0)
		return SFTP_LATER;
	if (offset + data->len > h->limit)
		return grow(ch, r, h, offset + data->len);
	err = fd_pwrite_full(h->fd, data->at, data->len, offset);
	if (err < 0) {
		if (h->write_err == 0)
			h->write_err = err;
		return err;
	}
	pace_moved(&ch->f->s->up, h->lane_up, data->len);
	h->bytes_written += data->len;
	sftp_reply_status(ch, r->id, SFTP_OK, NULL);
	return 0;
}
