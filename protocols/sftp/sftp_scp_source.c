/* SPDX-License-Identifier: ISC */
/*
 * sftp_scp_source.c - `scp -f`: files and directories go to the client, each line only after the
 * client has said yes to the one before. Must not: follow what it sends itself; each name is asked
 * of worker.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocols/sftp/sftp_scp.h"
#include "server/base/text.h"
#include "server/vfs/path.h"

#define PIECE_BYTES (64u * 1024u)

static void next(struct sftp_channel *ch, struct scp *s);

/* Bytes after which the client has to answer. */
static void
put_line(struct sftp_channel *ch, struct scp *s, const char *line, size_t len)
{
	scp_put(ch, line, len);
	s->waits = true;
}

static void
drop_file(struct sftp_channel *ch, struct scp *s)
{
	struct sftp_handle *h = s->handle;

	if (!h)
		return;
	s->handle = NULL;
	/* Only for the log: what was read is on its way. */
	ignore_result(vfs_commit(ch->f->s->vfs, h->ticket, h->bytes_read, NULL, NULL));
	sftp_handle_free(ch->f->handles, h);
}

static void
skip(struct sftp_channel *ch, struct scp *s, int err, const char *why)
{
	scp_complain(ch, s, err, why);
	drop_file(ch, s);
	s->step = next;
}

static void
end_file(struct sftp_channel *ch, struct scp *s)
{
	drop_file(ch, s);
	s->step = next;
}

static void
send_data(struct sftp_channel *ch, struct scp *s)
{
	struct buf *b;
	ssize_t n;
	size_t want = s->left < PIECE_BYTES ? (size_t)s->left : PIECE_BYTES;

	if (s->refused) { /* the client does not want it, and has said why to its user */
		s->refused = false;
		end_file(ch, s);
		return;
	}
	if (want > 0) {
		want = (size_t)pace_allows(&ch->f->s->down, s->handle->ticket, s->handle->lane_down,
					   want);
		if (want == 0)
			return;
	}
	b = sftp_room(ch, PIECE_BYTES);
	n = want > 0 ? pread(s->handle->fd, b->at + b->end, want, (off_t)s->at) : 0;
	if (n <= 0 && want > 0) { /* it became shorter: what was announced must come */
		memset(b->at + b->end, 0, want);
		n = (ssize_t)want;
		s->err = -EIO;
	}
	b->end += (size_t)n;
	s->at += (uint64_t)n;
	s->left -= (uint64_t)n;
	s->handle->bytes_read += (uint64_t)n;
	pace_moved(&ch->f->s->down, s->handle->lane_down, (uint64_t)n);
	if (s->left > 0)
		return;
	if (s->err < 0) {
		scp_complain(ch, s, s->err, "the file changed while it was sent");
		s->waits = true;
	} else {
		put_line(ch, s, "", 1);
	}
	s->step = end_file;
}

static void
answer_list(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	struct sftp *f = a->f;
	struct sftp_handle *h = a->handle;
	struct sftp_channel *ch = sftp_ask_done(a);
	struct scp *s = ch ? sftp_verb_scp(ch) : NULL;
	bool opens = h->kind == SFTP_HANDLE_OPENING;

	if (reply->err < 0 && opens) {
		sftp_handle_free(f->handles, h);
		if (ch) {
			scp_complain(ch, s, reply->err, reply->why);
			s->depth--;
			put_line(ch, s, "E\n", 2);
			s->step = next;
		}
		return;
	}
	if (opens) {
		h->kind = SFTP_HANDLE_DIR;
		h->ticket = reply->ticket;
	}
	if (!ch) {
		if (opens) /* else that was the end of its last question */
			sftp_abandon(f, h);
		return;
	}
	if (reply->err < 0)
		h->last = true;
	else
		sftp_dir_keep(h, reply);
	s->step = next;
}

static void
open_dir(struct sftp_channel *ch, struct scp *s)
{
	struct sftp_handle *h;
	struct sftp_ask *a;
	int err = -EMFILE;

	if (s->refused) {
		s->refused = false;
		s->step = next;
		return;
	}
	h = s->depth < SCP_DEPTH_MAX ? sftp_handle_new(ch->f->handles, ch, true) : NULL;
	s->step = NULL;
	if (h) {
		s->levels[s->depth++] = (struct scp_level) { h, strlen(s->path) };
		a = sftp_ask_new(ch, 0, h);
		err = sftp_asked(a, vfs_opendir(ch->f->s->vfs, s->path, 0, answer_list, a));
	}
	if (err == 0)
		return;
	if (h) {
		s->depth--;
		sftp_handle_free(ch->f->handles, h);
	}
	skip(ch, s, err, NULL);
	put_line(ch, s, "E\n", 2);
}

/* "C0644 size name" or "D0755 0 name". */
static void
send_head(struct sftp_channel *ch, struct scp *s)
{
	bool is_dir = s->attr.type == VFS_DIR;
	const char *name = path_name(s->path);
	char room[VFS_NAME_MAX + 64];
	struct text t;

	text_init(&t, room, sizeof(room));
	text_printf(&t, "%c%04o %" PRIu64 " %s\n", is_dir ? 'D' : 'C', s->attr.mode & 0777u,
		    is_dir ? 0 : s->attr.size, *name ? name : "root");
	put_line(ch, s, t.at, t.len);
	s->at = 0;
	s->left = s->attr.size;
	s->err = 0;
	s->step = is_dir ? open_dir : send_data;
}

static void
send_times(struct sftp_channel *ch, struct scp *s)
{
	char room[64];
	struct text t;

	if (!s->times) {
		send_head(ch, s);
		return;
	}
	text_init(&t, room, sizeof(room));
	text_printf(&t, "T%" PRId64 " 0 %" PRId64 " 0\n", s->attr.mtime, s->attr.atime);
	put_line(ch, s, t.at, t.len);
	s->step = send_head;
}

static void
answer_open(void *ctx, struct vfs_reply *reply)
{
	int err;
	struct sftp_channel *ch = sftp_take_file(ctx, reply, &err);
	struct scp *s = ch ? sftp_verb_scp(ch) : NULL;

	if (!ch)
		return;
	if (err < 0) {
		s->handle = NULL;
		skip(ch, s, err, reply->why);
	} else {
		s->attr = reply->attr;
		s->step = send_times;
	}
}

static void
answer_stat(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	struct sftp_channel *ch = sftp_ask_done(a);
	struct scp *s = ch ? sftp_verb_scp(ch) : NULL;
	struct sftp_handle *h;
	int err;

	if (!ch)
		return;
	s->attr = reply->attr;
	if (reply->err < 0) {
		skip(ch, s, reply->err, reply->why);
	} else if (reply->attr.type == VFS_DIR && !s->recursive) {
		skip(ch, s, -EISDIR, "this is a directory: it takes -r");
	} else if (reply->attr.type == VFS_DIR) {
		s->step = send_times;
	} else {
		h = sftp_handle_new(ch->f->handles, ch, false);
		if (!h) {
			skip(ch, s, -EMFILE, NULL);
			return;
		}
		h->flags = SFTP_OPEN_READ;
		s->handle = h;
		a = sftp_ask_new(ch, 0, h);
		err = sftp_asked(a, vfs_open(ch->f->s->vfs, s->path, VFS_OPEN_READ,
					     VFS_MODE_DEFAULT, 0, answer_open, a));
		if (err < 0) {
			s->handle = NULL;
			sftp_handle_free(ch->f->handles, h);
			skip(ch, s, err, NULL);
		}
	}
}

static void
look(struct sftp_channel *ch, struct scp *s)
{
	struct sftp_ask *a = sftp_ask_new(ch, 0, NULL);
	int err = sftp_asked(a, vfs_stat(ch->f->s->vfs, s->path, 0, answer_stat, a));

	if (err < 0)
		skip(ch, s, err, NULL);
}

/* The next name of the directory that is being sent. */
static void
next_below(struct sftp_channel *ch, struct scp *s)
{
	struct scp_level *level = &s->levels[s->depth - 1];
	struct sftp_handle *h = level->handle;
	struct vfs_entry e;
	struct sftp_ask *a;
	int err;

	s->path[level->path_len] = '\0';
	if (buf_left(&h->left) > 0 && vfs_entry_get(&h->left, &e)) {
		err = path_join(s->path, e.name, s->path, sizeof(s->path));
		if (err < 0)
			skip(ch, s, err, NULL);
		else if (strchr(e.name, '\n'))
			skip(ch, s, -EINVAL, "scp cannot send such a name");
		else
			look(ch, s);
		return;
	}
	if (!h->last) {
		a = sftp_ask_new(ch, 0, h);
		if (sftp_asked(a, vfs_readdir(ch->f->s->vfs, h->ticket, answer_list, a)) == 0)
			return;
	}
	ignore_result(vfs_closedir(ch->f->s->vfs, h->ticket, NULL, NULL));
	sftp_handle_free(ch->f->handles, h);
	s->depth--;
	put_line(ch, s, "E\n", 2);
	s->step = next;
}

static void
next(struct sftp_channel *ch, struct scp *s)
{
	int err;

	s->step = NULL;
	s->refused = false;
	if (s->depth > 0) {
		next_below(ch, s);
	} else if (s->next == s->count) {
		scp_end(ch);
	} else {
		err = path_join(ch->f->s->start_dir, s->paths[s->next++], s->path, sizeof(s->path));
		if (err < 0)
			skip(ch, s, err, NULL);
		else
			look(ch, s);
	}
}

size_t
scp_source_input(struct sftp_channel *ch, struct scp *s, const uint8_t *at, size_t len)
{
	const uint8_t *end;

	if (s->line_len == 0 && at[0] == 0) {
		s->waits = false;
		return 1;
	}
	/* 1 or 2, and a line of words; after a 2 there is nothing more. */
	end = memchr(at, '\n', len);
	if (s->line_len == 0 && at[0] != 1) {
		scp_end(ch);
		return len;
	}
	s->line_len = end ? 0 : 1;
	if (!end)
		return len;
	sftp_verb_failed(ch);
	s->refused = true;
	s->waits = false;
	return (size_t)(end - at) + 1;
}

void
scp_source_begin(struct scp *s)
{
	s->waits = true; /* the client begins, with a yes */
	s->step = next;
}
