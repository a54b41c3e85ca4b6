/* SPDX-License-Identifier: ISC */
/*
 * ftp_file.c - the commands that transfer files: RETR STOR APPE STOU, with REST, RANG and ABOR.
 * They ask worker for the file, and say 150 when it is there. Must not: move a byte.
 */
#include "protocols/ftp/ftp_verb.h"

#include <errno.h>
#include <string.h>

#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"
#include "server/base/fd.h"
#include "server/vfs/path.h"

static bool
take_file(struct ftp *f, struct vfs_reply *reply)
{
	struct ftp_xfer *x = &f->x;

	/* Before anything can fail: who got a ticket gives it back. */
	if (reply->err == 0) {
		x->has_ticket = true;
		x->ticket = reply->ticket;
		x->fd = fd_give(reply->fd);
		x->needs_begin = reply->needs_begin;
		x->lane_up = reply->lane_up;
		x->lane_down = reply->lane_down;
	}
	if (!ftp_xfer_answered(f, reply->err, reply->why))
		return false;
	if (x->fd < 0)
		ftp_xfer_fail(f, 451, "refused", ftp_reply_words(-EPIPE));
	return x->fd >= 0;
}

static void
get_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	struct ftp_xfer *x = &f->x;
	char words[512];
	struct text t;

	if (!take_file(f, reply))
		return;
	if (x->at > reply->attr.size) {
		ftp_xfer_fail(f, 554, "bad-offset", ftp_reply_words(-ERANGE));
		return;
	}
	if (x->end > reply->attr.size)
		x->end = reply->attr.size;
	text_init(&t, words, sizeof(words));
	text_puts(&t, "Sending ");
	text_printable(&t, path_name(f->path));
	text_printf(&t, " (%" PRIu64 " bytes).", x->end - x->at);
	ftp_xfer_opened(f, words);
}

static void
put_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	char words[512];
	struct text t;

	if (!take_file(f, reply))
		return;
	f->x.at = reply->offset;
	f->x.limit = reply->limit;
	text_init(&t, words, sizeof(words));
	/* RFC 1123, section 4.1.2.9: the name that STOU took must be said like this. */
	if (reply->text && *reply->text) {
		text_puts(&t, "FILE: ");
		text_printable(&t, path_name(reply->text));
		f->x.unique = text_copy(f->path, VFS_PATH_MAX, reply->text) == 0;
	} else {
		text_puts(&t, "Ready for ");
		text_printable(&t, path_name(f->path));
		text_puts(&t, ".");
	}
	ftp_xfer_opened(f, words);
}

static bool
way_is_arranged(struct ftp *f)
{
	if (!ftp_data_is_arranged(&f->data))
		ftp_reply(f, 425, "Send EPSV or PASV first.");
	return ftp_data_is_arranged(&f->data);
}

/* Offsets were given for this command; the next one begins at 0 again. */
static bool
take_offset(struct ftp *f, uint64_t *ret_first, uint64_t *ret_end)
{
	const bool any = f->has_range || f->restart > 0;

	*ret_first = f->has_range ? f->range_first : f->restart;
	*ret_end = f->has_range ? f->range_last + 1 : UINT64_MAX;
	f->has_range = false;
	f->restart = 0;
	if (any && f->ascii)
		ftp_reply(f, 504, "Offsets make sense in TYPE I only.");
	return !any || !f->ascii;
}

void
ftp_retr(struct ftp *f, char *arg)
{
	uint64_t first, end;

	(void)arg;
	if (!take_offset(f, &first, &end) || !way_is_arranged(f))
		return;
	ftp_xfer_start(f, FTP_GET);
	f->x.at = first;
	f->x.end = end;
	ftp_xfer_asked(f, vfs_open(f->s->vfs, f->path, VFS_OPEN_READ | VFS_OPEN_STREAM,
				   VFS_MODE_DEFAULT, 0, get_answer, f));
}

static void
put(struct ftp *f, uint32_t flags, uint64_t offset)
{
	if (!way_is_arranged(f))
		return;
	ftp_xfer_start(f, FTP_PUT);
	flags |= VFS_OPEN_WRITE | VFS_OPEN_CREATE | VFS_OPEN_STREAM;
	ftp_xfer_asked(
	    f, vfs_open(f->s->vfs, f->path, flags, VFS_MODE_DEFAULT, offset, put_answer, f));
}

void
ftp_stor(struct ftp *f, char *arg)
{
	uint64_t first, end;

	(void)arg;
	if (!take_offset(f, &first, &end))
		return;
	if (end != UINT64_MAX)
		ftp_reply(f, 504, "RANG is for downloads; use REST.");
	else
		put(f, first > 0 ? VFS_OPEN_RESUME : VFS_OPEN_TRUNC, first);
}

void
ftp_appe(struct ftp *f, char *arg)
{
	(void)arg;
	put(f, VFS_OPEN_APPEND, 0);
}

void
ftp_stou(struct ftp *f, char *arg)
{
	if (ftp_take_path(f, *arg ? arg : "upload"))
		put(f, VFS_OPEN_UNIQUE, 0);
}

void
ftp_rest(struct ftp *f, char *arg)
{
	uint64_t at;

	if (num_u64(arg, INT64_MAX, &at) < 0) {
		ftp_reply(f, 501, "REST wants a byte count.");
		return;
	}
	f->restart = at;
	f->has_range = false;
	ftp_reply(f, 350, "Restarting at %" PRIu64 ".", at);
}

/* draft-bryan-ftp-range: both ends count; a last that lies before the first takes it back. */
void
ftp_rang(struct ftp *f, char *arg)
{
	char *blank = strchr(arg, ' ');
	uint64_t first, last;

	if (blank)
		*blank = '\0';
	if (!blank || num_u64(arg, INT64_MAX, &first) < 0 ||
	    num_u64(blank + 1, INT64_MAX - 1, &last) < 0) {
		ftp_reply(f, 501, "Syntax: RANG first last");
		return;
	}
	f->restart = 0;
	f->has_range = first <= last;
	f->range_first = first;
	f->range_last = last;
	if (f->has_range)
		ftp_reply(f, 350, "Restarting at %" PRIu64 ". End byte range at %" PRIu64 ".",
			  first, last);
	else
		ftp_reply(f, 350, "The range is taken back.");
}

void
ftp_abor(struct ftp *f, char *arg)
{
	(void)arg;
	/* What was prepared is aborted as well: nothing that follows may mean it. */
	f->restart = 0;
	f->has_range = f->has_from = f->has_copy_from = false;
	if (f->job.kind != FTP_JOB_NONE) {
		ftp_job_abort(f);
		return;
	}
	if (f->x.stage == FTP_IDLE) {
		ftp_data_close(f);
		ftp_reply(f, 225, "Nothing to abort.");
		return;
	}
	f->x.abor = true;
	ftp_xfer_fail(f, 426, "aborted", "Transfer aborted.");
}
