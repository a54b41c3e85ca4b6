/* SPDX-License-Identifier: ISC */
/*
 * sftp_file.c - open files: data goes between the client and the descriptor that worker passed,
 * here in wire; everything about rights, names and success is asked of worker by the file's ticket.
 * Must not: say that a file is written before worker has committed it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocols/sftp/sftp_channel.h"
#include "server/base/fd.h"

#define KEEP_ID ((uint32_t)-1)

uint32_t
sftp_mode(const struct sftp_attrs *a)
{
	return a->flags & SFTP_ATTR_PERMISSIONS ? a->mode & 07777 : VFS_MODE_DEFAULT;
}

int
sftp_change(const struct sftp_attrs *a, struct vfs_change *ret_change)
{
	struct vfs_change c = { .set = 0 };

	if (a->flags & SFTP_ATTR_SIZE) {
		if (a->size > INT64_MAX)
			return -EFBIG;
		c.set |= VFS_SET_SIZE;
		c.size = a->size;
	}
	if (a->flags & SFTP_ATTR_PERMISSIONS) {
		c.set |= VFS_SET_MODE;
		c.mode = a->mode & 07777;
	}
	if (a->flags & SFTP_ATTR_TIMES) {
		c.set |= VFS_SET_TIMES;
		c.mtime = a->mtime;
		c.atime = a->atime;
	}
	if (a->flags & SFTP_ATTR_UIDGID) {
		/* -1 keeps it, as in chown(2) and so in sshd: phpseclib's chgrp() sends one. */
		c.set |= a->uid == KEEP_ID ? 0 : VFS_SET_OWNER;
		c.set |= a->gid == KEEP_ID ? 0 : VFS_SET_GROUP;
		c.uid = a->uid;
		c.gid = a->gid;
	}
	*ret_change = c;
	return 0;
}

/* The flags as open(2), and with it OpenSSH's server, understands them. */
static uint32_t
plain_flags(uint32_t flags)
{
	if (!(flags & (SFTP_OPEN_READ | SFTP_OPEN_WRITE)))
		flags |= SFTP_OPEN_READ;
	return flags & SFTP_OPEN_CREAT ? flags : flags & ~(uint32_t)SFTP_OPEN_EXCL;
}

static uint32_t
open_flags(uint32_t sftp)
{
	static const struct {
		uint32_t sftp, vfs;
	} map[] = {
		{ SFTP_OPEN_READ, VFS_OPEN_READ },     { SFTP_OPEN_WRITE, VFS_OPEN_WRITE },
		{ SFTP_OPEN_APPEND, VFS_OPEN_APPEND }, { SFTP_OPEN_CREAT, VFS_OPEN_CREATE },
		{ SFTP_OPEN_TRUNC, VFS_OPEN_TRUNC },   { SFTP_OPEN_EXCL, VFS_OPEN_EXCL },
	};
	uint32_t vfs = 0;

	for (size_t i = 0; i < COUNT_OF(map); i++) {
		if (sftp & map[i].sftp)
			vfs |= map[i].vfs;
	}
	return vfs;
}

static void
reply_handle(struct sftp_channel *ch, uint32_t id, const struct sftp_handle *h)
{
	struct buf *b = sftp_room(ch, 64);
	size_t began = sftp_reply_begin(b, SFTP_REPLY_HANDLE, id);

	sftp_handle_put(b, h);
	sftp_reply_end(b, began);
}

static int
take(struct sftp_handle *h, struct vfs_reply *reply)
{
	if (reply->err < 0)
		return reply->err;
	if (*reply->fd < 0)
		return -EIO;
	h->kind = SFTP_HANDLE_FILE;
	h->fd = fd_give(reply->fd);
	h->ticket = reply->ticket;
	h->dev = reply->attr.dev;
	h->ino = reply->attr.ino;
	h->limit = reply->limit;
	h->lane_up = reply->lane_up;
	h->lane_down = reply->lane_down;
	return 0;
}

struct sftp_channel *
sftp_take_file(struct sftp_ask *a, struct vfs_reply *reply, int *ret_err)
{
	struct sftp *f = a->f;
	struct sftp_handle *h = a->handle;
	struct sftp_channel *ch = sftp_ask_done(a);

	*ret_err = take(h, reply);
	if (*ret_err < 0)
		sftp_handle_free(f->handles, h);
	else if (!ch)
		sftp_abandon(f, h);
	return ch;
}

static void
answer_open(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	struct sftp_handle *h = a->handle;
	uint32_t id = a->id;
	int err;
	struct sftp_channel *ch = sftp_take_file(a, reply, &err);

	if (ch && err < 0)
		sftp_reply_errno(ch, id, err, reply->why);
	else if (ch)
		reply_handle(ch, id, h);
}

int
sftp_open(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	char path[VFS_PATH_MAX];
	struct sftp_handle *h;
	struct sftp_ask *a;
	int err = sftp_path(ch, r, 0, path);

	(void)none;
	if (err < 0)
		return err;
	h = sftp_handle_new(ch->f->handles, ch, false);
	if (!h)
		return -EMFILE;
	h->flags = plain_flags(r->number);
	h->path = mem_dup(path);
	a = sftp_ask_new(ch, r->id, h);
	if (h->flags & SFTP_OPEN_TRUNC)
		sftp_ask_changes(a);
	err = sftp_asked(a, vfs_open(ch->f->s->vfs, path, open_flags(h->flags),
				     sftp_mode(&r->attrs), 0, answer_open, a));
	if (err < 0)
		sftp_handle_free(ch->f->handles, h);
	return err;
}

void
sftp_abandon(struct sftp *f, struct sftp_handle *h)
{
	fd_close(&h->fd);
	h->owner = NULL;
	h->lost_file = h->kind == SFTP_HANDLE_FILE;
	h->kind = SFTP_HANDLE_LOST;
	f->lost++;
}

void
sftp_bury(struct sftp *f)
{
	struct sftp_handle *h = NULL;

	while (f->lost > 0 && ask_open(f->s->ask) < SFTP_ASKS_MAX) {
		uint64_t bytes;
		int err;

		h = sftp_handle_next(f->handles, NULL, h);
		if (!h)
			return;
		if (h->kind != SFTP_HANDLE_LOST)
			continue;
		bytes = h->bytes_written ? h->bytes_written : h->bytes_read;
		err = h->lost_file
			  ? vfs_abort(f->s->vfs, h->ticket, bytes, "connection-lost", NULL, NULL)
			  : vfs_closedir(f->s->vfs, h->ticket, NULL, NULL);
		if (err < 0)
			return; /* worker is gone, and with it what was open there */
		sftp_handle_free(f->handles, h);
		f->lost--;
	}
}

/*
 * CLOSE of a written file is where success is said, so worker's commit decides. A write that failed
 * was answered with its error, and this is said again here, for clients that look only at the end.
 */
int
sftp_close(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *h)
{
	struct vfs *v = ch->f->s->vfs;
	int err = fd_close_check(&h->fd), sent;
	uint32_t ticket = h->ticket;
	uint64_t written = h->bytes_written, read = h->bytes_read;
	bool writes = h->flags & SFTP_OPEN_WRITE;
	struct sftp_ask *a;

	if (h->write_err < 0)
		err = h->write_err;
	sftp_handle_free(ch->f->handles, h);
	if (!writes) {
		/* Only for the log of transfers: the client need not wait for it. */
		sent = vfs_commit(v, ticket, read, NULL, NULL);
		return sent < 0 ? sent : (sftp_reply_status(ch, r->id, SFTP_OK, NULL), 0);
	}
	if (err < 0) {
		sent = vfs_abort(v, ticket, written, err == -ENOSPC ? "no-space" : "write-error",
				 NULL, NULL);
		return sent < 0 ? sent : err;
	}
	a = sftp_ask_new(ch, r->id, NULL);
	return sftp_asked(a,
			  vfs_commit(v, ticket, written ? written : read, sftp_answer_status, a));
}

int
sftp_read(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *h)
{
	struct sftp_read *q;

	if (!(h->flags & SFTP_OPEN_READ))
		return -EACCES;
	if (r->wide[0] > INT64_MAX)
		return -EOVERFLOW;
	if (ch->read_count == SFTP_READS_MAX)
		return SFTP_LATER;
	q = &ch->reads[(ch->read_first + ch->read_count++) % SFTP_READS_MAX];
	*q = (struct sftp_read) { .handle = h,
				  .offset = r->wide[0],
				  .id = r->id,
				  .len = r->number < SFTP_DATA_MAX ? r->number : SFTP_DATA_MAX };
	h->reads++;
	return 0;
}

static ssize_t
read_at(const struct sftp_handle *h, uint8_t *at, size_t len, uint64_t offset)
{
	ssize_t n;

	if (len > INT64_MAX - offset)
		len = INT64_MAX - offset;
	do
		n = pread(h->fd, at, len, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/*
 * Does a read of len bytes go into the batch? Two large ones do not: what was read should still be
 * in the processor's cache when it is encrypted. Whether it comes to so much is not known yet, and
 * many small files are to go out together.
 */
static bool
has_room(const struct sftp_channel *ch, uint32_t len)
{
	const size_t most = SFTP_BATCH_BYTES + SFTP_BATCH_BYTES / 64; /* some heads, too */

	return ch->out_end < SFTP_BATCH_BYTES / 2 ||
	       (ch->out_end < SFTP_BATCH_BYTES && ch->out_end + len <= most);
}

void
sftp_fill_reads(struct sftp_channel *ch)
{
	while (ch->read_count > 0 && has_room(ch, ch->reads[ch->read_first].len)) {
		struct sftp_read *q = &ch->reads[ch->read_first];
		uint64_t len =
		    pace_allows(&ch->f->s->down, q->handle->ticket, q->handle->lane_down, q->len);
		uint8_t *at = ch->out + ch->out_end;
		ssize_t n;

		if (len == 0 && q->len > 0)
			return;
		/* The data goes straight behind where its head will stand. */
		n = read_at(q->handle, at + SFTP_DATA_HEAD, len, q->offset);
		if (n > 0 || (n == 0 && q->len == 0)) {
			sftp_put_data_head(at, q->id, (uint32_t)n);
			ch->out_end += SFTP_DATA_HEAD + (size_t)n;
			q->handle->bytes_read += (uint64_t)n;
			pace_moved(&ch->f->s->down, q->handle->lane_down, (uint64_t)n);
		} else if (n == 0) {
			sftp_reply_status(ch, q->id, SFTP_EOF, NULL);
		} else {
			sftp_reply_errno(ch, q->id, (int)n, NULL);
		}
		q->handle->reads--;
		ch->read_first = (ch->read_first + 1) % SFTP_READS_MAX;
		ch->read_count--;
	}
}

int
sftp_fstat(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *h)
{
	struct sftp_ask *a = sftp_ask_new(ch, r->id, h);

	sftp_ask_attributes(a);
	return sftp_asked(a, vfs_fstat(ch->f->s->vfs, h->ticket, sftp_answer_attrs, a));
}

int
sftp_fsetstat(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *h)
{
	struct vfs_change change;
	struct sftp_ask *a;
	int err = sftp_change(&r->attrs, &change);

	if (err < 0)
		return err;
	a = sftp_ask_new(ch, r->id, h);
	sftp_ask_attributes(a);
	if (change.set & VFS_SET_SIZE)
		sftp_ask_changes(a);
	return sftp_asked(a,
			  vfs_fsetattr(ch->f->s->vfs, h->ticket, &change, sftp_answer_status, a));
}

int
sftp_fsync(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *h)
{
	struct sftp_ask *a = sftp_ask_new(ch, r->id, h);

	return sftp_asked(a, vfs_fsync(ch->f->s->vfs, h->ticket, sftp_answer_status, a));
}
