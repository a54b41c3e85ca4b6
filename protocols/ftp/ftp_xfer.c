/* SPDX-License-Identifier: ISC */
/*
 * ftp_xfer.c - the life of a transfer, from worker's open to the one reply that ends it. Owns: the
 * file's descriptor and the ticket. Invariants: every ticket ends in exactly one commit or abort,
 * every transfer in exactly one reply.
 */
#include "protocols/ftp/ftp_xfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_list.h"
#include "protocols/ftp/ftp_move.h"
#include "protocols/ftp/ftp_reply.h"
#include "server/base/fail.h"
#include "server/base/fd.h"

/* With a rate limit: rather a few bytes more each time than a wake-up for each byte. */
#define RATE_PAUSE_MS 20

void
ftp_xfer_init(struct ftp_xfer *x)
{
	memset(x, 0, sizeof(*x));
	x->fd = -1;
	x->reason = "aborted";
}

/* Not zeroed: pages that no transfer needs are never touched. */
void
ftp_xfer_make_room(struct ftp *f)
{
	if (f->piece)
		return;
	f->piece_size = FTP_PIECE;
	f->piece = malloc(f->piece_size + 1);
	if (!f->piece)
		die("no memory for a transfer");
}

void
ftp_xfer_start(struct ftp *f, enum ftp_kind kind)
{
	ftp_xfer_init(&f->x);
	f->x.kind = kind;
	f->x.stage = FTP_OPENING;
	f->x.begun_ms = clock_ms();
	f->x.ascii = f->ascii && kind != FTP_LIST;
	ftp_ascii_init(&f->x.ascii_state);
	ftp_xfer_make_room(f);
	if (!f->raw && f->x.ascii && kind == FTP_GET) {
		f->raw = malloc(FTP_STEP);
		if (!f->raw)
			die("no memory for a transfer");
	}
}

void
ftp_xfer_asked(struct ftp *f, int err)
{
	if (err < 0)
		ftp_xfer_fail(f, ftp_reply_code(err), "asking-failed", ftp_reply_words(err));
	else
		f->x.asked = true;
}

void
ftp_xfer_over(struct ftp *f, int code, const char *words)
{
	bool abor = f->x.abor;

	if (!f->x.list.to_control)
		ftp_data_close(f);
	fd_close(&f->x.fd);
	ftp_xfer_init(&f->x);
	f->active_ms = clock_ms();
	ftp_reply(f, code, "%s", words);
	if (abor)
		ftp_reply(f, 226, "ABOR is done.");
}

/* Gives the ticket back: what came so far becomes an interrupted upload, or nothing. */
static void
abort_ticket(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;
	int err = 0;

	if (x->kind == FTP_PUT && x->fd >= 0 && x->len > 0 && x->at + x->len <= x->limit)
		err = ftp_move_write(f);
	fd_close(&x->fd);
	if (!x->has_ticket)
		return;
	x->has_ticket = false;
	if (x->kind == FTP_LIST)
		err = vfs_closedir(f->s->vfs, x->ticket, NULL, NULL);
	else
		err = vfs_abort(f->s->vfs, x->ticket, x->moved, x->reason, NULL, NULL);
	ignore_result(err); /* it broke already; worker forgets the ticket with the session */
}

static void
end_broken(struct ftp *f)
{
	char words[sizeof(f->x.why)];

	abort_ticket(f);
	ignore_result(text_copy(words, sizeof(words), f->x.why)); /* the same size */
	ftp_xfer_over(f, f->x.code, words);
}

void
ftp_xfer_fail(struct ftp *f, int code, const char *reason, const char *words)
{
	struct ftp_xfer *x = &f->x;
	struct text t;

	if (x->stage == FTP_IDLE || x->stage == FTP_COMMITTING || x->failing)
		return;
	/* The first line of a STAT was said; the last one must have the same code. */
	x->code = x->list.to_control && x->stage == FTP_MOVING ? x->list.code : code;
	x->reason = reason;
	text_init(&t, x->why, sizeof(x->why));
	text_puts(&t, words);
	if (!x->list.to_control)
		ftp_data_close(f);
	else if (x->pos > 0 && x->pos < x->len && f->piece[x->pos - 1] != '\n')
		text_puts(&f->out, "\r\n"); /* it stands still within a line of its listing */
	x->failing = true;
	if (!x->asked)
		end_broken(f);
}

bool
ftp_xfer_answered(struct ftp *f, int err, const char *why)
{
	struct ftp_xfer *x = &f->x;

	x->asked = false;
	if (x->failing)
		end_broken(f);
	else if (err < 0)
		ftp_xfer_fail(f, ftp_reply_code(err), "refused", *why ? why : ftp_reply_words(err));
	else
		return true;
	return false;
}

void
ftp_xfer_drop(struct ftp *f)
{
	if (f->x.stage == FTP_IDLE)
		return;
	f->x.reason = "connection-lost";
	/* An open that is not answered yet has no ticket here: worker sees us go. */
	if (f->x.stage != FTP_COMMITTING)
		abort_ticket(f);
	ftp_data_close(f);
	fd_close(&f->x.fd);
	ftp_xfer_init(&f->x);
}

void
ftp_xfer_opened(struct ftp *f, const char *words)
{
	ftp_reply(f, 150, "%s", words);
	f->x.stage = FTP_CONNECTING;
	ftp_data_want(f);
}

static void
begin_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	if (ftp_xfer_answered(f, reply->err, reply->why))
		f->x.stage = FTP_MOVING;
}

void
ftp_xfer_connected(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;

	transfer_init(&x->t, x->at, f->s->conf->limits.stall_ms,
		      x->kind == FTP_LIST  ? NULL
		      : x->kind == FTP_PUT ? &f->s->up
					   : &f->s->down,
		      x->ticket, x->kind == FTP_PUT ? x->lane_up : x->lane_down);
	if (x->needs_begin) {
		x->stage = FTP_BEGINNING;
		ftp_xfer_asked(f, vfs_begin(f->s->vfs, x->ticket, begin_answer, f));
		return;
	}
	x->stage = FTP_MOVING;
}

void
ftp_xfer_done(struct ftp *f, int code, const char *words)
{
	struct ftp_xfer *x = &f->x;
	int err = 0;

	if (x->has_ticket && x->kind == FTP_LIST)
		err = vfs_closedir(f->s->vfs, x->ticket, NULL, NULL);
	else if (x->has_ticket)
		err = vfs_commit(f->s->vfs, x->ticket, x->moved, NULL, NULL);
	x->has_ticket = false;
	if (err < 0)
		ftp_xfer_over(f, ftp_reply_code(err), ftp_reply_words(err));
	else
		ftp_xfer_over(f, code, words);
}

void
ftp_xfer_pump(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;

	x->again = false;
	if (x->failing)
		return;
	if (x->stage == FTP_ENDING) {
		ftp_move_ending(f);
	} else if (x->stage == FTP_MOVING) {
		if (x->kind == FTP_LIST)
			ftp_list_pump(f);
		else if (x->kind == FTP_GET)
			ftp_move_get(f);
		else
			ftp_move_put(f);
	}
	if ((x->stage == FTP_MOVING || x->stage == FTP_ENDING) && !x->asked &&
	    !x->list.to_control && transfer_is_stalled(&x->t))
		ftp_xfer_fail(f, 426, "stalled",
			      "Nothing moved on the data connection for too long.");
}

/* Does the transfer wait for its rate limit, and not for the client? */
static bool
waits_for_rate(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;

	if (x->stage != FTP_MOVING || x->kind == FTP_LIST || !transfer_waits(&x->t))
		return false;
	return x->kind == FTP_PUT || (x->pos == x->len && tls_unsent(f->data.tls) == 0);
}

uint64_t
ftp_xfer_deadline(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;
	uint64_t at;

	switch (x->stage) {
	case FTP_CONNECTING:
		return ftp_data_deadline(f);
	case FTP_MOVING:
		if (x->again || (x->list.to_control && !x->asked && ftp_reply_has_room(f)))
			return 0;
		if (x->asked || x->list.to_control)
			return CLOCK_NEVER;
		if (!waits_for_rate(f))
			return transfer_deadline(&x->t, false);
		at = clock_ms() + RATE_PAUSE_MS;
		return at > transfer_deadline(&x->t, true) ? at : transfer_deadline(&x->t, true);
	case FTP_ENDING:
		return transfer_deadline(&x->t, false);
	default:
		return CLOCK_NEVER;
	}
}

short
ftp_xfer_events(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;

	if (x->stage == FTP_ENDING)
		return tls_events(f->data.tls);
	if (x->stage != FTP_MOVING)
		return 0;
	if (x->kind == FTP_PUT)
		return x->asked || waits_for_rate(f) ? 0 : POLLIN;
	return tls_events(f->data.tls);
}
