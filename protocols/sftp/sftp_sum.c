/* SPDX-License-Identifier: ISC */
/*
 * sftp_sum.c - checksums of files; and the requests check-file-name and check-file-handle
 * (draft-ietf-secsh-filexfer-extensions-00, section 3). Must not: know who may read; worker opened
 * it.
 */
#include "protocols/sftp/sftp_sum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocols/sftp/sftp_channel.h"
#include "server/base/clock.h"

/* Bytes that are read in one turn. */
#define PIECE_BYTES (512u * 1024u)
/* The draft's least size of a block. */
#define BLOCK_MIN 256u
/* Bytes of checksums in one reply. */
#define FOUND_MAX (SFTP_PACKET_LIMIT - 1024u)

/* Takes the sum off its channel; the handle may be closed again. */
static struct sftp_sum *
take_off(struct sftp_channel *ch)
{
	struct sftp_sum *sum = ch->sum;

	ch->sum = NULL;
	if (sum->running)
		sum->handle->asks--;
	return sum;
}

static void
free_sum(struct sftp_sum *sum)
{
	digest_free(sum->digest);
	free(sum->found.at);
	free(sum);
}

static void
finish(struct sftp_channel *ch, int err, const char *why)
{
	struct sftp_sum *sum = take_off(ch);

	/*
	 * Only for the log: it was read, and nothing of it went out. That this leaves needs no
	 * answer.
	 */
	if (sum->own && sum->running)
		ignore_result(vfs_commit(ch->f->s->vfs, sum->handle->ticket, 0, NULL, NULL));
	if (sum->own)
		sftp_handle_free(ch->f->handles, sum->handle);
	sum->done(ch, sum, err, why);
	free_sum(sum);
}

void
sftp_sum_stop(struct sftp_channel *ch)
{
	/*
	 * A handle of its own is open, so the channel abandons it like others; or its answer does.
	 */
	if (ch->sum)
		free_sum(take_off(ch));
}

/* The digest of a block is complete. Returns 0 or -errno. */
static int
end_block(struct sftp_sum *sum)
{
	uint8_t bytes[DIGEST_BYTES_MAX];
	size_t len = digest_bytes(sum->digest, bytes);

	if (sum->found.end + len > FOUND_MAX)
		return -EMSGSIZE;
	if (buf_room(&sum->found) < len) {
		sum->found.size = 2 * sum->found.size + len;
		sum->found.at = mem_grow(sum->found.at, sum->found.size, 1);
	}
	buf_put_bytes(&sum->found, bytes, len);
	digest_free(sum->digest);
	sum->digest = digest_new(sum->kind);
	sum->in_block = 0;
	return sum->digest ? 0 : -EOPNOTSUPP;
}

/* Returns 1 at the end, 0, or -errno. */
static int
add_piece(struct sftp_sum *sum)
{
	static uint8_t piece[PIECE_BYTES];
	uint64_t want = sum->end - sum->at < sizeof(piece) ? sum->end - sum->at : sizeof(piece);
	int err = 0;
	ssize_t n;

	if (want > sum->block - sum->in_block)
		want = sum->block - sum->in_block;
	n = pread(sum->handle->fd, piece, want, (off_t)sum->at);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	digest_add(sum->digest, piece, (size_t)n);
	sum->at += (uint64_t)n;
	sum->in_block += (uint64_t)n;
	if (n == 0 || sum->at == sum->end) {
		if (sum->in_block > 0 || sum->found.end == 0)
			err = end_block(sum);
		return err < 0 ? err : 1;
	}
	return sum->in_block == sum->block ? end_block(sum) : 0;
}

bool
sftp_sum_step(struct sftp_channel *ch)
{
	struct sftp_sum *sum = ch->sum;
	uint64_t began;
	int step;

	if (!sum || !sum->running)
		return false;
	began = sum->at;
	do /* of small blocks as many as fit into a piece */
		step = add_piece(sum);
	while (step == 0 && sum->at - began < PIECE_BYTES);
	ch->f->progress_ms = clock_ms();
	if (step != 0)
		finish(ch, step < 0 ? step : 0, NULL);
	return true;
}

static struct sftp_sum *
sum_new(const struct sftp_sum *wish, struct sftp_handle *h)
{
	struct sftp_sum *sum = mem_new(1, sizeof(*sum));

	*sum = *wish;
	sum->handle = h;
	sum->digest = digest_new(sum->kind);
	buf_init(&sum->found, mem_new(DIGEST_BYTES_MAX, 1), DIGEST_BYTES_MAX);
	return sum;
}

/* From now on CLOSE and whatever changes the file wait. */
static void
set_running(struct sftp_sum *sum)
{
	sum->running = true;
	sum->handle->asks++;
}

/* Of an open file. Returns 0 or -EOPNOTSUPP. */
static int
sum_start(struct sftp_channel *ch, const struct sftp_sum *wish, struct sftp_handle *h)
{
	struct sftp_sum *sum = sum_new(wish, h);

	if (!sum->digest) {
		free_sum(sum);
		return -EOPNOTSUPP;
	}
	set_running(sum);
	ch->sum = sum;
	return 0;
}

static void
answer_open(void *ctx, struct vfs_reply *reply)
{
	int err;
	struct sftp_channel *ch = sftp_take_file(ctx, reply, &err);

	if (!ch)
		return;
	if (err == 0) {
		set_running(ch->sum);
	} else {
		ch->sum->own = false; /* the handle is free again */
		finish(ch, err, reply->why);
	}
}

int
sftp_sum_open(struct sftp_channel *ch, const struct sftp_sum *wish, const char *path)
{
	struct sftp_handle *h = sftp_handle_new(ch->f->handles, ch, false);
	struct sftp_ask *a;
	int err;

	if (!h)
		return -EMFILE;
	ch->sum = sum_new(wish, h);
	ch->sum->own = true;
	a = sftp_ask_new(ch, wish->id, h);
	err = ch->sum->digest ? vfs_open(ch->f->s->vfs, path, VFS_OPEN_READ, VFS_MODE_DEFAULT, 0,
					 answer_open, a)
			      : -EOPNOTSUPP;
	err = sftp_asked(a, err);
	if (err < 0) {
		free_sum(take_off(ch));
		sftp_handle_free(ch->f->handles, h);
	}
	return err;
}

/* ---- check-file ---- */

static void
reply_sums(struct sftp_channel *ch, struct sftp_sum *sum, int err, const char *why)
{
	struct buf *b;
	size_t began;

	if (err < 0) {
		sftp_reply_errno(ch, sum->id, err,
				 err == -EMSGSIZE ? "So many blocks do not fit into a reply."
						  : why);
		return;
	}
	b = sftp_room(ch, 64 + sum->found.end);
	began = sftp_reply_begin(b, SFTP_REPLY_EXTENDED, sum->id);
	buf_put_cstring(b, "check-file");
	buf_put_cstring(b, digest_short_name(sum->kind));
	buf_put_bytes(b, sum->found.at, sum->found.end);
	sftp_reply_end(b, began);
}

/* The first algorithm of the client's list that is here. */
static int
pick(const struct sftp_bytes *list, enum digest_kind *ret_kind)
{
	const char *at = (const char *)list->at;
	size_t left = list->len;

	while (left > 0) {
		const char *comma = memchr(at, ',', left);
		size_t len = comma ? (size_t)(comma - at) : left;

		if (digest_find_short(at, len, ret_kind) == 0)
			return 0;
		len += comma != NULL;
		at += len;
		left -= len;
	}
	return -EOPNOTSUPP;
}

static int
take_wish(const struct sftp_request *r, struct sftp_sum *ret_wish)
{
	uint64_t from = r->wide[0], len = r->wide[1], block = r->number;

	if (from > INT64_MAX || (block > 0 && block < BLOCK_MIN))
		return -EINVAL;
	if (len == 0 || len > INT64_MAX - from) /* 0: to the end */
		len = INT64_MAX - from;
	*ret_wish = (struct sftp_sum) { .id = r->id,
					.at = from,
					.end = from + len,
					.block = block > 0 ? block : UINT64_MAX,
					.done = reply_sums };
	return pick(&r->string[1], &ret_wish->kind);
}

int
sftp_check_file_handle(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *h)
{
	struct sftp_sum wish;
	int err = h->flags & SFTP_OPEN_READ ? take_wish(r, &wish) : -EACCES;

	if (err < 0)
		return err;
	return ch->sum ? SFTP_LATER : sum_start(ch, &wish, h);
}

int
sftp_check_file_name(struct sftp_channel *ch, const struct sftp_request *r,
		     struct sftp_handle *none)
{
	char path[VFS_PATH_MAX];
	struct sftp_sum wish;
	int err = take_wish(r, &wish);

	(void)none;
	if (err == 0)
		err = sftp_path(ch, r, 0, path);
	if (err < 0)
		return err;
	return ch->sum ? SFTP_LATER : sftp_sum_open(ch, &wish, path);
}
