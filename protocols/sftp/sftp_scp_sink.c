/* SPDX-License-Identifier: ISC */
/*
 * sftp_scp_sink.c - `scp -t`: files and directories come. Distrusts: every line of the client. A
 * name is one component, whatever it says, and where it goes is decided here, not there.
 */
#include <errno.h>
#include <string.h>

#include "protocols/sftp/sftp_scp.h"
#include "server/base/fd.h"
#include "server/base/text.h"
#include "server/vfs/path.h"

static void
say_yes(struct sftp_channel *ch)
{
	scp_put(ch, "", 1);
}

static void
answer_target(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	struct sftp_channel *ch = sftp_ask_done(a);
	struct scp *s = ch ? sftp_verb_scp(ch) : NULL;

	if (!ch)
		return;
	s->is_target_dir = reply->err == 0 && reply->attr.type == VFS_DIR;
	if (s->to_dir && !s->is_target_dir) {
		scp_complain(ch, s, -ENOTDIR, reply->why);
		scp_end(ch);
		return;
	}
	say_yes(ch);
}

static void
look_at_target(struct sftp_channel *ch, struct scp *s)
{
	struct sftp_ask *a;
	int err = path_join(ch->f->s->start_dir, s->paths[0], s->path, sizeof(s->path));

	s->step = NULL;
	if (err == 0) {
		a = sftp_ask_new(ch, 0, NULL);
		err = sftp_asked(a, vfs_stat(ch->f->s->vfs, s->path, 0, answer_target, a));
	}
	if (err < 0) {
		scp_complain(ch, s, err, NULL);
		scp_end(ch);
	}
}

/* The path of what a line names: below the directory where it goes, or the target itself. */
static int
enter(struct scp *s, const char *name)
{
	char path[VFS_PATH_MAX];
	int err;

	if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	if (s->depth == 0 && !s->is_target_dir)
		return 0; /* the target is what it shall be called */
	err = path_join(s->path, name, path, sizeof(path));
	if (err == 0)
		memcpy(s->path, path, strlen(path) + 1);
	return err;
}

/* Back to the directory. */
static void
leave(struct scp *s)
{
	if (s->depth > 0 || s->is_target_dir)
		path_dir(s->path, s->path, sizeof(s->path));
}

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
		say_yes(ch);
	leave(s);
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
		leave(s);
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
	struct sftp_ask *a = ctx;
	struct sftp *f = a->f;
	struct sftp_handle *h = a->handle;
	struct sftp_channel *ch = sftp_ask_done(a);
	struct scp *s = ch ? sftp_verb_scp(ch) : NULL;

	if (reply->err == 0) {
		h->kind = SFTP_HANDLE_FILE;
		h->fd = fd_give(reply->fd);
		h->ticket = reply->ticket;
		h->limit = reply->limit;
		h->lane_up = reply->lane_up;
	}
	if (!ch) {
		if (reply->err == 0)
			sftp_abandon(f, h);
		else
			sftp_handle_free(f->handles, h);
		return;
	}
	if (reply->err < 0) {
		s->handle = NULL;
		sftp_handle_free(f->handles, h);
		scp_complain(ch, s, reply->err, reply->why);
		leave(s);
		return;
	}
	s->in_data = true;
	say_yes(ch);
}

static void
open_file(struct sftp_channel *ch, struct scp *s, uint32_t mode, uint64_t size)
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
		leave(s);
	}
}

static void
answer_made(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	struct sftp_channel *ch = sftp_ask_done(a);
	struct scp *s = ch ? sftp_verb_scp(ch) : NULL;

	if (!ch)
		return;
	if (reply->err < 0 && reply->err != -EEXIST) {
		scp_complain(ch, s, reply->err, reply->why);
		leave(s);
		return;
	}
	s->depth++;
	say_yes(ch);
}

static void
make_dir(struct sftp_channel *ch, struct scp *s, uint32_t mode)
{
	struct sftp_ask *a = sftp_ask_new(ch, 0, NULL);
	int err = sftp_asked(a, vfs_mkdir(ch->f->s->vfs, s->path, mode, answer_made, a));

	s->dirs[s->depth] = (struct scp_times) { s->has_times, s->mtime, s->atime };
	s->has_times = false;
	if (err < 0) {
		scp_complain(ch, s, err, NULL);
		leave(s);
	}
}

/* "0644 123 name": the number's end, or NULL. */
static char *
take_number(char *at, char end, uint64_t max, uint64_t *ret)
{
	char *stop = strchr(at, end);

	if (!stop)
		return NULL;
	*stop = '\0';
	return num_u64(at, max, ret) < 0 ? NULL : stop + 1;
}

static bool
take_mode(const char *at, uint32_t *ret_mode)
{
	uint32_t mode = 0;

	for (int i = 0; i < 4; i++) {
		if (at[i] < '0' || at[i] > '7')
			return false;
		mode = mode * 8 + (uint32_t)(at[i] - '0');
	}
	*ret_mode = mode & 0777;
	return at[4] == ' ';
}

/* All that is in the directory has come: it gets its times, if it may. */
static void
end_dir(struct sftp_channel *ch, struct scp *s)
{
	const struct scp_times *times = &s->dirs[--s->depth];
	const struct vfs_change change = { .set = VFS_SET_TIMES,
					   .mtime = times->mtime,
					   .atime = times->atime };

	if (times->set)
		ignore_result(vfs_setattr(ch->f->s->vfs, s->path, 0, &change, NULL, NULL));
	leave(s);
	say_yes(ch);
}

/* Returns false when the line is none that a sink knows. */
static bool
take_line(struct sftp_channel *ch, struct scp *s)
{
	uint64_t size, numbers[4];
	char *at = s->line + 1;
	uint32_t mode;
	int err;

	switch (s->line[0]) {
	case '\1': /* a file that it could not send */
	case '\2':
		return true;
	case 'T':
		for (int i = 0; i < 4 && at; i++)
			at = take_number(at, i < 3 ? ' ' : '\0', UINT32_MAX, &numbers[i]);
		if (!at)
			return false;
		s->mtime = (int64_t)numbers[0];
		s->atime = (int64_t)numbers[2];
		s->has_times = true;
		say_yes(ch);
		return true;
	case 'E':
		if (s->depth == 0 || *at)
			return false;
		end_dir(ch, s);
		return true;
	case 'C':
	case 'D':
		break;
	default:
		return false;
	}
	if (!take_mode(at, &mode))
		return false;
	at = take_number(at + 5, ' ', INT64_MAX, &size);
	if (!at || (s->line[0] == 'D' && (!s->recursive || s->depth == SCP_DEPTH_MAX)))
		return false;
	err = enter(s, at);
	if (err < 0)
		scp_complain(ch, s, err, "this is no name of a file");
	else if (s->line[0] == 'D')
		make_dir(ch, s, mode);
	else
		open_file(ch, s, mode, size);
	return true;
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

/*
 * Bytes of the file. What cannot be written is taken all the same: the protocol has no other way.
 */
static size_t
take_data(struct sftp_channel *ch, struct scp *s, const uint8_t *at, size_t len)
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

size_t
scp_sink_input(struct sftp_channel *ch, struct scp *s, const uint8_t *at, size_t len)
{
	const uint8_t *end;
	size_t n;

	if (s->in_data)
		return take_data(ch, s, at, len);
	end = memchr(at, '\n', len);
	n = end ? (size_t)(end - at) + 1 : len;
	if (s->line_len + n > sizeof(s->line)) {
		scp_end(ch);
		return len;
	}
	memcpy(s->line + s->line_len, at, n);
	s->line_len += n;
	if (!end)
		return n;
	s->line[s->line_len - 1] = '\0';
	if (memchr(s->line, '\0', s->line_len - 1) || !take_line(ch, s)) {
		scp_complain(ch, s, -EINVAL, "this line is not of scp's protocol");
		scp_end(ch);
	}
	s->line_len = 0;
	return n;
}

void
scp_sink_begin(struct scp *s)
{
	s->step = look_at_target;
}
