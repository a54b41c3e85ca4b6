/* SPDX-License-Identifier: ISC */
/*
 * ftp_list.c - LIST NLST MLSD, and STAT with a path. Entries come from worker in batches; each
 * batch is formatted into the transfer's buffer and sent before the next is asked for, so that
 * memory does not depend on the directory.
 */
#include "protocols/ftp/ftp_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocols/common/lsline.h"
#include "protocols/ftp/ftp_deep.h"
#include "protocols/ftp/ftp_fact.h"
#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_match.h"
#include "protocols/ftp/ftp_move.h"
#include "protocols/ftp/ftp_reply.h"
#include "protocols/ftp/ftp_verb.h"
#include "server/vfs/path.h"

static void
put_entry(struct ftp *f, struct text *t, const char *name, const struct vfs_attr *attr,
	  const char *target)
{
	const struct ftp_list *l = &f->x.list;

	switch (l->format) {
	case FTP_LONG:
		lsline_put(t, name, attr, l->now);
		if (*target) {
			text_puts(t, " -> ");
			text_printable(t, target);
		}
		break;
	case FTP_FACTS:
		ftp_fact_put(t, attr, f->facts);
		text_printable(t, name);
		break;
	case FTP_NAMES:
		/* RFC 1123, section 4.1.2.7: what RETR would take as it is. */
		if (l->prefix) {
			text_printable(t, l->prefix);
			if (t->at[t->len - 1] != '/')
				text_putc(t, '/');
		}
		text_printable(t, name);
		break;
	}
	text_puts(t, "\r\n");
}

/* LIST -R, where another directory begins: its path, as clients would ask for it. */
static void
put_heading(struct ftp *f, struct text *t)
{
	size_t len = strlen(f->scratch);

	while (len > 1 && f->scratch[len - 1] == '/')
		f->scratch[--len] = '\0';
	text_puts(t, "\r\n");
	text_printable(t, f->scratch);
	if (len > 0 && f->scratch[len - 1] != '/')
		text_putc(t, '/');
	text_printable(t, f->deep->now);
	text_puts(t, ":\r\n");
}

/* A batch of 64 KiB makes less than FTP_PIECE of text, but for a path in front of each name. */
static void
make_room(struct ftp *f, const struct vfs_reply *reply)
{
	struct buf entries = *reply->entries;
	struct vfs_entry entry;
	size_t size = FTP_PIECE + (f->x.list.deep ? (size_t)2 * VFS_PATH_MAX : 0);
	uint8_t *more;

	while (f->x.list.prefix && vfs_entry_get(&entries, &entry))
		size += strlen(f->x.list.prefix) + 1;
	more = size > f->piece_size ? realloc(f->piece, size + 1) : NULL;
	if (more) {
		f->piece = more;
		f->piece_size = size;
	}
}

/* Formats a batch, the first of a directory or one that follows. */
static void
put_batch(struct ftp *f, struct vfs_reply *reply, bool first)
{
	struct ftp_xfer *x = &f->x;
	struct vfs_entry entry;
	struct text t;
	int err = 0;

	x->list.last = reply->last;
	make_room(f, reply);
	text_init(&t, (char *)f->piece, f->piece_size);
	if (first && x->list.deep && *f->deep->now)
		put_heading(f, &t);
	while (vfs_entry_get(reply->entries, &entry)) {
		if (x->list.pattern && !ftp_match(x->list.pattern, entry.name))
			continue;
		put_entry(f, &t, entry.name, &entry.attr, entry.target);
		if (x->list.deep && entry.attr.type == VFS_DIR && err == 0)
			err = ftp_deep_add(f->deep, entry.name);
	}
	x->pos = 0;
	x->len = t.len;
	if (err < 0)
		ftp_xfer_fail(f, 451, "list-too-large",
			      "Too many directories for one listing: list them one by one.");
	else if (t.cut)
		ftp_xfer_fail(f, 451, "list-too-long", "The server could not format the listing.");
}

/* RFC 959, section 5.4 knows two codes for a STAT with a path. */
static void
begin(struct ftp *f, int code)
{
	if (f->x.list.to_control) {
		f->x.list.code = code;
		ftp_reply_first(f, code, "Status:");
		f->x.stage = FTP_MOVING;
		ftp_list_pump(f);
	} else {
		ftp_xfer_opened(f, "Sending the list.");
	}
}

static void
more_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	if (ftp_xfer_answered(f, reply->err, reply->why))
		put_batch(f, reply, false);
}

/* A listing of one entry, which is no directory. */
static void
put_alone(struct ftp *f, const char *target)
{
	struct ftp_list *l = &f->x.list;
	struct text t;

	l->prefix = NULL;
	l->last = true;
	text_init(&t, (char *)f->piece, FTP_PIECE);
	put_entry(f, &t, l->format == FTP_NAMES ? f->scratch : path_name(f->path), &l->alone,
		  target);
	f->x.len = t.len;
	begin(f, 213);
}

static void
target_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	if (ftp_xfer_answered(f, 0, ""))
		put_alone(f, reply->err == 0 ? reply->text : "");
}

static void
file_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	struct ftp_list *l = &f->x.list;

	if (!ftp_xfer_answered(f, reply->err, reply->why))
		return;
	l->alone = reply->attr;
	if (l->format == FTP_LONG && l->alone.type == VFS_LINK)
		ftp_xfer_asked(f, vfs_readlink(f->s->vfs, f->path, target_answer, f));
	else
		put_alone(f, "");
}

static void open_answer(void *ctx, struct vfs_reply *reply);

/* Nothing has that very name: is it a pattern for the names of its directory? */
static bool
try_pattern(struct ftp *f)
{
	struct ftp_list *l = &f->x.list;
	size_t len = strlen(f->scratch);
	char *slash;

	if (l->format == FTP_FACTS || l->pattern || !ftp_match_is_pattern(path_name(f->path)))
		return false;
	while (len > 1 && f->scratch[len - 1] == '/')
		f->scratch[--len] = '\0';
	slash = strrchr(f->scratch, '/');
	l->pattern = f->path2;
	l->deep = false;
	ignore_result(text_copy(f->path2, VFS_PATH_MAX, path_name(f->path)));
	if (slash)
		slash[1] = '\0';
	l->prefix = slash ? f->scratch : NULL;
	/* STAT may stand between RNFR and RNTO, which then have to begin anew. */
	f->has_from = f->has_copy_from = false;
	path_dir(f->path, f->from, VFS_PATH_MAX);
	ftp_xfer_asked(f, vfs_opendir(f->s->vfs, f->from, 0, open_answer, f));
	return true;
}

static void
open_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	struct ftp_xfer *x = &f->x;

	if (reply->err == 0) {
		x->has_ticket = true;
		x->ticket = reply->ticket;
	}
	if (!x->failing && reply->err == -ENOENT && try_pattern(f))
		return;
	/* Not a directory; or a link that leads nowhere, or an upload that broke. */
	if (!x->failing && (reply->err == -ENOTDIR || reply->err == -ENOENT) &&
	    x->list.format != FTP_FACTS && !x->list.pattern) {
		ftp_xfer_asked(f, vfs_stat(f->s->vfs, f->path, VFS_NOFOLLOW, file_answer, f));
		return;
	}
	/* RFC 3659, section 7.2.1: MLSD of a file is a mistake in the argument. */
	if (!x->failing && reply->err == -ENOTDIR) {
		x->asked = false;
		ftp_xfer_fail(f, 501, "refused", "MLSD lists directories; use MLST for a file.");
		return;
	}
	if (!ftp_xfer_answered(f, reply->err, reply->why))
		return;
	put_batch(f, reply, true);
	if (x->stage == FTP_OPENING)
		begin(f, 212);
}

/* One that is gone by now, or closed to this user, is passed over, as by ls(1). */
static void
deep_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	struct ftp_xfer *x = &f->x;
	bool over = reply->err == -ENOENT || reply->err == -ENOTDIR || reply->err == -EACCES ||
		    reply->err == -EPERM;

	if (reply->err == 0) {
		x->has_ticket = true;
		x->ticket = reply->ticket;
	}
	if (ftp_xfer_answered(f, over ? 0 : reply->err, reply->why) && !over)
		put_batch(f, reply, true);
}

/* The listing of one directory is on its way: the next one. */
static void
go_deeper(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;
	int err = 0;

	if (x->has_ticket)
		err = vfs_closedir(f->s->vfs, x->ticket, NULL, NULL);
	x->has_ticket = false;
	if (err == 0)
		err = ftp_deep_next(f->deep, f->path, VFS_PATH_MAX);
	if (err == 0)
		err = vfs_opendir(f->s->vfs, f->path, 0, deep_answer, f);
	ftp_xfer_asked(f, err);
}

/* Clients send options of ls(1) and hope. Only -R may mean something; other words are names. */
static const char *
skip_options(const char *arg, bool *ret_deep)
{
	*ret_deep = false;
	while (*arg == '-') {
		size_t len = strspn(arg + 1, "alAL1CFdghnoRrStTux");

		if (arg[1 + len] != '\0' && arg[1 + len] != ' ')
			break;
		if (memchr(arg + 1, 'R', len))
			*ret_deep = true;
		arg += 1 + len;
		arg += strspn(arg, " ");
	}
	return arg;
}

static void
start(struct ftp *f, enum ftp_format format, const char *arg, bool to_control)
{
	struct ftp_list *l = &f->x.list;
	bool deep = false;
	size_t len;

	if (format != FTP_FACTS)
		arg = skip_options(arg, &deep);
	len = strlen(arg);
	if (!ftp_take_path(f, *arg ? arg : "."))
		return;
	if (!to_control && !ftp_data_is_arranged(&f->data)) {
		ftp_reply(f, 425, "Send EPSV or PASV first.");
		return;
	}
	ftp_xfer_start(f, FTP_LIST);
	l->format = format;
	l->to_control = to_control;
	l->deep = deep && format == FTP_LONG && !to_control && f->s->conf->ftps.recursive_lists;
	if (l->deep)
		ftp_deep_begin(&f->deep, f->path);
	l->now = (int64_t)time(NULL);
	memcpy(f->scratch, arg, len + 1);
	l->prefix = len > 0 ? f->scratch : NULL;
	ftp_xfer_asked(f, vfs_opendir(f->s->vfs, f->path, 0, open_answer, f));
}

void
ftp_list(struct ftp *f, char *arg)
{
	start(f, FTP_LONG, arg, false);
}

void
ftp_nlst(struct ftp *f, char *arg)
{
	start(f, FTP_NAMES, arg, false);
}

void
ftp_mlsd(struct ftp *f, char *arg)
{
	start(f, FTP_FACTS, arg, false);
}

void
ftp_list_stat(struct ftp *f, const char *arg)
{
	start(f, FTP_LONG, arg, true);
}

/* STAT path: as much as fits into the replies now; the loop calls again when there is room. */
static void
control_pump(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;

	while (x->pos < x->len && f->out.size - f->out.len > FTP_REPLY_ROOM) {
		size_t room = f->out.size - f->out.len - FTP_REPLY_ROOM;
		size_t n = x->len - x->pos < room ? x->len - x->pos : room;

		text_putn(&f->out, (char *)f->piece + x->pos, n);
		x->pos += n;
		f->active_ms = clock_ms();
	}
}

void
ftp_list_pump(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;
	const bool deeper = x->list.last && x->list.deep && !ftp_deep_is_done(f->deep);

	if (x->list.to_control)
		control_pump(f);
	else if ((x->pos < x->len || tls_unsent(f->data.tls) > 0) &&
		 !ftp_move_send(f, x->list.last && !deeper) && x->stage != FTP_MOVING)
		return;
	if (x->asked || x->pos < x->len)
		return;
	/* Worker gathers the next batch while this one, which TLS took, travels. */
	if (!x->list.last)
		ftp_xfer_asked(f, vfs_readdir(f->s->vfs, x->ticket, more_answer, f));
	else if (deeper)
		go_deeper(f);
	else if (x->list.to_control)
		ftp_xfer_done(f, x->list.code, "End");
	else
		ftp_move_end(f);
}
