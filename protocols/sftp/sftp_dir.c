/* SPDX-License-Identifier: ISC */
/*
 * sftp_dir.c - listings. Worker sends entries by the message; each READDIR is answered from what is
 * left of the last one, and the next is asked for when that is used up. So memory does not depend
 * on how large a directory is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocols/common/lsline.h"
#include "protocols/sftp/sftp_channel.h"

/*
 * Bytes of a NAME reply. Every client takes 34000 (draft, section 3), and a packet that is full is
 * what makes long directories quick.
 */
#define NAME_BYTES 32000u
/* The largest entry: name, longname, attributes. */
#define ENTRY_BYTES (4 + VFS_NAME_MAX + 4 + LSLINE_MAX + 32)

static void
put_entry(struct buf *b, const struct vfs_entry *e, int64_t now)
{
	char room[LSLINE_MAX];
	struct text line;

	text_init(&line, room, sizeof(room));
	lsline_put(&line, e->name, &e->attr, now);
	buf_put_cstring(b, e->name);
	buf_put_string(b, line.at, line.len);
	sftp_put_attrs(b, &e->attr);
}

/* Answers one READDIR from what is left. Returns false when nothing is. */
static bool
reply_entries(struct sftp_channel *ch, uint32_t id, struct sftp_handle *h)
{
	struct vfs_entry e;
	struct buf *b, count;
	uint32_t entries = 0;
	int64_t now = (int64_t)time(NULL);
	size_t began;

	if (buf_left(&h->left) == 0)
		return false;
	b = sftp_room(ch, NAME_BYTES + ENTRY_BYTES);
	began = sftp_reply_begin(b, SFTP_REPLY_NAME, id);
	buf_put_u32(b, 0);
	while (b->end - began < NAME_BYTES && vfs_entry_get(&h->left, &e)) {
		put_entry(b, &e, now);
		sftp_saw_names(ch->f, &e.attr);
		entries++;
	}
	if (entries == 0) { /* not what worker promised: as if it were the end */
		b->end = began;
		h->left.pos = h->left.end;
		return false;
	}
	buf_init(&count, b->at + began + 9, 4);
	buf_put_u32(&count, entries);
	sftp_reply_end(b, began);
	return true;
}

/* Keeps the entries of an answer: they are gone when the answer's function returns. */
void
sftp_dir_keep(struct sftp_handle *h, const struct vfs_reply *reply)
{
	size_t len = buf_left(reply->entries);

	free(h->entries);
	h->entries = mem_new(len + 1, 1);
	memcpy(h->entries, reply->entries->at + reply->entries->pos, len);
	buf_init_read(&h->left, h->entries, len);
	h->last = reply->last;
}

static void
answer_opendir(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	struct sftp *f = a->f;
	struct sftp_handle *h = a->handle;
	uint32_t id = a->id;
	struct sftp_channel *ch = sftp_ask_done(a);
	struct buf *b;
	size_t began;

	if (reply->err < 0) {
		sftp_handle_free(f->handles, h);
		if (ch)
			sftp_reply_errno(ch, id, reply->err, reply->why);
		return;
	}
	h->kind = SFTP_HANDLE_DIR;
	h->ticket = reply->ticket;
	sftp_dir_keep(h, reply);
	if (!ch) {
		sftp_abandon(f, h);
		return;
	}
	b = sftp_room(ch, 64);
	began = sftp_reply_begin(b, SFTP_REPLY_HANDLE, id);
	sftp_handle_put(b, h);
	sftp_reply_end(b, began);
}

int
sftp_opendir(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	char path[VFS_PATH_MAX];
	struct sftp_handle *h;
	struct sftp_ask *a;
	int err = sftp_path(ch, r, 0, path);

	(void)none;
	if (err < 0)
		return err;
	h = sftp_handle_new(ch->f->handles, ch, true);
	if (!h)
		return -EMFILE;
	h->path = mem_dup(path);
	a = sftp_ask_new(ch, r->id, h);
	sftp_ask_attributes(a);
	err = sftp_asked(a, vfs_opendir(ch->f->s->vfs, path, VFS_DOTS, answer_opendir, a));
	if (err < 0)
		sftp_handle_free(ch->f->handles, h);
	return err;
}

static void
answer_readdir(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	struct sftp_handle *h = a->handle;
	uint32_t id = a->id;
	struct sftp_channel *ch = sftp_ask_done(a);

	if (!ch)
		return;
	if (reply->err < 0) {
		sftp_reply_errno(ch, id, reply->err, reply->why);
		return;
	}
	sftp_dir_keep(h, reply);
	if (!reply_entries(ch, id, h))
		sftp_reply_status(ch, id, SFTP_EOF, NULL);
}

int
sftp_readdir(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *h)
{
	struct sftp_ask *a;

	if (reply_entries(ch, r->id, h))
		return 0;
	if (h->last) {
		sftp_reply_status(ch, r->id, SFTP_EOF, NULL);
		return 0;
	}
	a = sftp_ask_new(ch, r->id, h);
	sftp_ask_attributes(a);
	return sftp_asked(a, vfs_readdir(ch->f->s->vfs, h->ticket, answer_readdir, a));
}

int
sftp_closedir(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *h)
{
	int err = vfs_closedir(ch->f->s->vfs, h->ticket, NULL, NULL);

	sftp_handle_free(ch->f->handles, h);
	if (err == 0)
		sftp_reply_status(ch, r->id, SFTP_OK, NULL);
	return err;
}
