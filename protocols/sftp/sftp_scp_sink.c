/* SPDX-License-Identifier: ISC */
/*
 * sftp_scp_sink.c - `scp -t`: lines of the client, and the directories that they name; files are
 * sftp_scp_file.c. Distrusts: every line. A name is one component, whatever it says, and where it
 * goes is decided here, not there.
 */
#include <errno.h>
#include <string.h>

#include "protocols/sftp/sftp_scp.h"
#include "server/base/text.h"
#include "server/vfs/path.h"

void
scp_sink_yes(struct sftp_channel *ch)
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
	scp_sink_yes(ch);
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

void
scp_sink_leave(struct scp *s)
{
	if (s->depth > 0 || s->is_target_dir)
		path_dir(s->path, s->path, sizeof(s->path));
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
		scp_sink_leave(s);
		return;
	}
	s->depth++;
	scp_sink_yes(ch);
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
		scp_sink_leave(s);
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

static void
answer_dated(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	struct sftp_channel *ch = sftp_ask_done(a);
	struct scp *s = ch ? sftp_verb_scp(ch) : NULL;

	(void)reply; /* whether it may have them is no reason to lose what is in it */
	if (!ch)
		return;
	scp_sink_leave(s);
	scp_sink_yes(ch);
}

/* All that is in the directory has come: it gets its times, if it may, before the client hears. */
static void
end_dir(struct sftp_channel *ch, struct scp *s)
{
	const struct scp_times *times = &s->dirs[--s->depth];
	const struct vfs_change change = { .set = VFS_SET_TIMES,
					   .mtime = times->mtime,
					   .atime = times->atime };
	struct vfs *v = ch->f->s->vfs;
	struct sftp_ask *a;

	if (times->set) {
		a = sftp_ask_new(ch, 0, NULL);
		if (sftp_asked(a, vfs_setattr(v, s->path, 0, &change, answer_dated, a)) == 0)
			return;
	}
	scp_sink_leave(s);
	scp_sink_yes(ch);
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
		scp_sink_yes(ch);
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
		scp_file_open(ch, s, mode, size);
	return true;
}

size_t
scp_sink_input(struct sftp_channel *ch, struct scp *s, const uint8_t *at, size_t len)
{
	const uint8_t *end;
	size_t n;

	if (s->in_data)
		return scp_file_data(ch, s, at, len);
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
