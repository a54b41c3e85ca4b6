/* SPDX-License-Identifier: ISC */
/*
 * sftp_copy.c - copy-data: one file's bytes into another, by worker, a piece in each question.
 * Must not: read or write them here; worker knows where the filesystem can share them.
 */
#include <errno.h>

#include "protocols/sftp/sftp_channel.h"
#include "server/base/clock.h"

/* Bytes of one question about a copy. */
#define COPY_PIECE ((uint64_t)16 * 1024 * 1024)

/* Would a copy within one file read what it has written? length 0 is "to the end". */
static bool
overlaps(const struct sftp_request *r)
{
	uint64_t from = r->wide[0], len = r->wide[1], to = r->wide[2];

	if (len == 0)
		return true;
	return from < to ? to - from < len : from - to < len;
}

static void copy_answer(void *ctx, struct vfs_reply *reply);

/* Worker does one thing at a time, and one that takes minutes would look like a disk that hangs. */
static int
copy_piece(struct sftp_ask *a)
{
	return vfs_copy(a->f->s->vfs, a->from, a->from_at,
			a->left < COPY_PIECE ? a->left : COPY_PIECE, a->handle->ticket, a->to_at,
			copy_answer, a);
}

static void
copy_answer(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	bool is_last = reply->err < 0 || reply->bytes < COPY_PIECE || a->left == COPY_PIECE;
	int err;

	if (is_last || !a->channel) {
		sftp_answer_status(a, reply);
		return;
	}
	a->f->progress_ms = clock_ms();
	a->from_at += COPY_PIECE;
	a->to_at += COPY_PIECE;
	a->left -= a->left == UINT64_MAX ? 0 : COPY_PIECE;
	err = copy_piece(a);
	if (err < 0) {
		struct vfs_reply failed = { .err = err, .why = "" };

		sftp_answer_status(a, &failed);
	}
}

int
sftp_copy_data(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *from)
{
	struct sftp_handle *to =
	    sftp_handle_find(ch->f->handles, ch, &r->string[1], SFTP_HANDLE_FILE);
	struct sftp_ask *a;

	if (!to) {
		sftp_reply_bad_handle(ch, r->id);
		return 0;
	}
	if (!(from->flags & SFTP_OPEN_READ) || !(to->flags & SFTP_OPEN_WRITE))
		return -EACCES;
	if (to->asks > 0 || to->reads > 0)
		return SFTP_LATER;
	if (r->wide[0] > INT64_MAX || r->wide[1] > INT64_MAX || r->wide[2] > INT64_MAX)
		return -EFBIG;
	if (from == to && overlaps(r)) {
		sftp_reply_status(ch, r->id, SFTP_FAILURE, "The two ranges overlap.");
		return 0;
	}
	a = sftp_ask_new(ch, r->id, to);
	sftp_ask_changes(a);
	ch->copy = a;
	a->from = from->ticket;
	a->from_at = r->wide[0];
	a->left = r->wide[1] > 0 ? r->wide[1] : UINT64_MAX;
	a->to_at = r->wide[2];
	return sftp_asked(a, copy_piece(a));
}
