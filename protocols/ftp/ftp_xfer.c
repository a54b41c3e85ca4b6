/* SPDX-License-Identifier: ISC */
/*
 * ftp_xfer.c - transfers: RETR STOR APPE STOU REST RANG ABOR, and the life of each, from worker's
 * open to the one reply that ends it. Owns: the file's descriptor and the ticket. Invariants: a
 * success reply is said only for an upload that ended with close_notify and that worker published;
 * every ticket ends in exactly one commit or abort; every transfer in exactly one reply.
 */
#include "protocols/ftp/ftp_in.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/vfs/path.h"

/* A download is over for us; so long the client may take to close its end, lest a reset eats data.
 */
#define ENDING_MS 5000
/* Pieces moved before the control connection is looked at again. */
#define ROUNDS 8
/* An upload is written when so much is there. */
#define WRITE_MIN (FTP_PIECE / 2)
/* An upload below this is small. */
#define HURRY_MAX 65536

void
ftp_xfer_init(struct ftp_xfer *x)
{
	memset(x, 0, sizeof(*x));
	x->fd = -1;
	x->reason = "aborted";
}

void
ftp_xfer_start(struct ftp *f, enum ftp_kind kind)
{
	ftp_xfer_init(&f->x);
	f->x.kind = kind;
	f->x.stage = FTP_OPENING;
	f->x.ascii = f->ascii && kind != FTP_LIST;
	ftp_ascii_init(&f->x.ascii_state);
	/* Once per session, and not zeroed: pages that no transfer needs are never touched. */
	if (!f->piece)
		f->piece = malloc(FTP_PIECE + 1);
	if (!f->raw && f->x.ascii && kind == FTP_GET)
		f->raw = malloc(FTP_PIECE / 2);
	if (!f->piece || (f->x.ascii && kind == FTP_GET && !f->raw))
		die("no memory for a transfer");
}

/* Behind a question of the transfer. */
static void
asked(struct ftp *f, int err)
{
	if (err < 0)
		ftp_xfer_fail(f, ftp_reply_code(err), "asking-failed", ftp_reply_words(err));
	else
		f->x.asked = true;
}

static void
nobody_cares(void *ctx, struct vfs_reply *reply)
{
	(void)ctx;
	(void)reply;
}

/* The transfer is over; code and words are its reply. */
static void
say_end(struct ftp *f, int code, const char *words)
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

/* Writes what the client sent. Returns 0 or -errno. */
static int
write_piece(struct ftp_xfer *x, const uint8_t *piece)
{
	int err = fd_pwrite_full(x->fd, piece, x->len, x->at);

	if (err < 0)
		return err;
	x->at += x->len;
	x->moved += x->len;
	x->len = 0;
	return 0;
}

/* Gives the ticket back: what came so far becomes an interrupted upload, or nothing. */
static void
abort_ticket(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;
	int err = 0;

	if (x->kind == FTP_PUT && x->fd >= 0 && x->len > 0)
		err = write_piece(x, f->piece);
	fd_close(&x->fd);
	if (!x->has_ticket)
		return;
	x->has_ticket = false;
	if (x->kind == FTP_LIST)
		err = vfs_closedir(f->s->vfs, x->ticket, nobody_cares, NULL);
	else
		err = vfs_abort(f->s->vfs, x->ticket, x->moved, x->reason, nobody_cares, NULL);
	ignore_result(err); /* it broke already; worker forgets the ticket with the session */
}

static void
end_broken(struct ftp *f)
{
	char words[sizeof(f->x.why)];

	abort_ticket(f);
	ignore_result(text_copy(words, sizeof(words), f->x.why)); /* the same size */
	say_end(f, f->x.code, words);
}

void
ftp_xfer_fail(struct ftp *f, int code, const char *reason, const char *words)
{
	struct ftp_xfer *x = &f->x;
	struct text t;

	if (x->stage == FTP_IDLE || x->stage == FTP_COMMITTING || x->failing)
		return;
	/* The first line of a STAT was said; the last one must have the same code. */
	x->code = x->list.to_control && x->stage == FTP_MOVING ? 213 : code;
	x->reason = reason;
	text_init(&t, x->why, sizeof(x->why));
	text_puts(&t, words);
	if (!x->list.to_control)
		ftp_data_close(f);
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

/* ---- the file ---- */

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
	text_init(&t, words, sizeof(words));
	/* RFC 1123, section 4.1.2.9: the name that STOU took must be said like this. */
	if (reply->text && *reply->text) {
		text_puts(&t, "FILE: ");
		text_printable(&t, path_name(reply->text));
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
	asked(f, vfs_open(f->s->vfs, f->path, VFS_OPEN_READ | VFS_OPEN_STREAM, VFS_MODE_DEFAULT, 0,
			  get_answer, f));
}

static void
put(struct ftp *f, uint32_t flags, uint64_t offset)
{
	if (!way_is_arranged(f))
		return;
	ftp_xfer_start(f, FTP_PUT);
	flags |= VFS_OPEN_WRITE | VFS_OPEN_CREATE | VFS_OPEN_STREAM;
	asked(f, vfs_open(f->s->vfs, f->path, flags, VFS_MODE_DEFAULT, offset, put_answer, f));
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
	int err = path_join(f->cwd, *arg ? arg : "upload", f->path, VFS_PATH_MAX);

	if (err < 0)
		ftp_reply_error(f, err, "");
	else
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
	if (f->x.stage == FTP_IDLE) {
		ftp_data_close(f);
		ftp_reply(f, 225, "Nothing to abort.");
		return;
	}
	f->x.abor = true;
	ftp_xfer_fail(f, 426, "aborted", "Transfer aborted.");
}

/* ---- the bytes ---- */

static void
begin_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	if (!ftp_xfer_answered(f, reply->err, reply->why))
		return;
	f->x.stage = FTP_MOVING;
	ftp_xfer_pump(f);
}

void
ftp_xfer_connected(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;
	const struct conf *conf = f->s->conf;

	transfer_init(&x->t, x->at,
		      x->kind == FTP_PUT ? conf->limits.rate_up : conf->limits.rate_down,
		      conf->limits.stall_ms);
	if (x->needs_begin) {
		x->stage = FTP_BEGINNING;
		asked(f, vfs_begin(f->s->vfs, x->ticket, begin_answer, f));
		return;
	}
	x->stage = FTP_MOVING;
	ftp_xfer_pump(f);
}

static void
client_gone(struct ftp *f)
{
	ftp_xfer_fail(f, 426, "connection-lost", "The data connection broke.");
}

void
ftp_xfer_done(struct ftp *f, int code, const char *words)
{
	struct ftp_xfer *x = &f->x;
	int err = 0;

	if (x->has_ticket && x->kind == FTP_LIST)
		err = vfs_closedir(f->s->vfs, x->ticket, nobody_cares, NULL);
	else if (x->has_ticket)
		err = vfs_commit(f->s->vfs, x->ticket, x->moved, nobody_cares, NULL);
	x->has_ticket = false;
	if (err < 0)
		say_end(f, ftp_reply_code(err), ftp_reply_words(err));
	else
		say_end(f, code, words);
}

/* Everything is with TLS: say goodbye, and let the client have the last word. */
static void
ending_pump(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;
	uint8_t rest[512];
	size_t unsent = tls_unsent(f->data.tls);
	int err = tls_finish(f->data.tls);
	ssize_t n;

	if (tls_unsent(f->data.tls) != unsent)
		x->t.progress_ms = clock_ms();
	if (err == -EAGAIN)
		return;
	if (err < 0) {
		client_gone(f);
		return;
	}
	if (x->deadline_ms == 0) {
		shutdown(f->data.fd, SHUT_WR);
		x->deadline_ms = clock_ms() + ENDING_MS;
	}
	/* Anything but "nothing yet" is the end. A reset is one too: our close_notify was not read.
	 */
	n = tls_read(f->data.tls, rest, sizeof(rest));
	if (n != -EAGAIN || clock_ms() >= x->deadline_ms)
		ftp_xfer_done(f, 226, "Transfer complete.");
}

void
ftp_xfer_ending(struct ftp *f)
{
	f->x.stage = FTP_ENDING;
	ending_pump(f);
}

bool
ftp_xfer_send(struct ftp *f, bool last)
{
	struct ftp_xfer *x = &f->x;
	size_t unsent = tls_unsent(f->data.tls);
	ssize_t n = tls_write(f->data.tls, f->piece + x->pos, x->len - x->pos);
	int err;

	if (n < 0 && n != -EAGAIN) {
		client_gone(f);
		return false;
	}
	if (n > 0) {
		x->pos += (size_t)n;
		transfer_moved(&x->t, (uint64_t)n);
	}
	if (x->pos == x->len && last)
		return true; /* close_notify goes with it */
	err = tls_flush(f->data.tls);
	if (err < 0 && err != -EAGAIN) {
		client_gone(f);
		return false;
	}
	if (tls_unsent(f->data.tls) < unsent)
		x->t.progress_ms = clock_ms();
	return err == 0 && x->pos == x->len;
}

/* Reads the next piece of the file. False: not now, or not at all. */
static bool
read_piece(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;
	size_t most = x->ascii ? FTP_PIECE / 2 : FTP_PIECE;
	uint8_t *to = x->ascii ? f->raw : f->piece;
	uint64_t left = x->end - x->at;
	uint64_t may = transfer_allows(&x->t, left < most ? left : most);
	ssize_t n;

	x->pos = x->len = 0;
	if (may == 0)
		return false;
	do
		n = pread(x->fd, to, (size_t)may, (off_t)x->at);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		ftp_xfer_fail(f, ftp_reply_code(-errno), "read-error", ftp_reply_words(-errno));
		return false;
	}
	if (n == 0) {
		ftp_xfer_fail(f, 451, "file-shrank", "The file became shorter while it was sent.");
		return false;
	}
	x->at += (uint64_t)n;
	x->moved += (uint64_t)n;
	x->len = x->ascii ? ftp_ascii_to_wire(&x->ascii_state, to, (size_t)n, f->piece) : (size_t)n;
	return true;
}

static void
get_pump(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;

	for (int i = 0; i < ROUNDS; i++) {
		if ((x->pos < x->len || tls_unsent(f->data.tls) > 0) &&
		    !ftp_xfer_send(f, x->at == x->end))
			return;
		if (x->at == x->end) {
			ftp_xfer_ending(f);
			return;
		}
		if (!read_piece(f))
			return;
	}
	x->again = true;
}

static void
write_failed(struct ftp *f, int err)
{
	f->x.len = 0; /* do not try it again */
	ftp_xfer_fail(f, ftp_reply_code(err),
		      err == -ENOSPC   ? "no-space"
		      : err == -EDQUOT ? "quota"
				       : "write-error",
		      ftp_reply_words(err));
}

static void
commit_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	f->x.asked = false;
	if (reply->err < 0)
		say_end(f, ftp_reply_code(reply->err),
			*reply->why ? reply->why : ftp_reply_words(reply->err));
	else
		say_end(f, 226, "Transfer complete.");
}

/* close_notify came: this was all of it. */
static void
put_end(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;
	int err;

	if (x->ascii && ftp_ascii_rest(&x->ascii_state))
		f->piece[x->len++] = '\r';
	err = write_piece(x, f->piece);
	if (err == 0)
		err = fd_close_check(&x->fd);
	if (err < 0) {
		write_failed(f, err);
		return;
	}
	ignore_result(tls_finish(f->data.tls)); /* manners: the client has said all it had to say */
	ftp_data_close(f);
	x->has_ticket = false;
	err = vfs_commit(f->s->vfs, x->ticket, x->moved, commit_answer, f);
	if (err < 0) {
		say_end(f, ftp_reply_code(err), ftp_reply_words(err));
		return;
	}
	x->stage = FTP_COMMITTING;
	x->asked = true;
}

/*
 * We say nothing on an upload's connection, so the kernel delays our acknowledgements by 40 ms; a
 * client without TCP_NODELAY holds the end of a small file back until it has one. Large uploads
 * acknowledge themselves by their size.
 */
static void
hurry(struct ftp *f)
{
	if (f->x.t.bytes < HURRY_MAX)
		ftp_data_hurry(f);
}

static void
put_pump(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;
	const size_t gap = x->ascii ? 1 : 0; /* for a CR that was kept back */

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t may = transfer_allows(&x->t, FTP_PIECE - x->len - gap);
		uint8_t *to = f->piece + x->len;
		int err = 0;
		ssize_t n;

		if (may == 0)
			return;
		n = tls_read(f->data.tls, to + gap, (size_t)may);
		if (n > 0) {
			transfer_moved(&x->t, (uint64_t)n);
			x->len += x->ascii ? ftp_ascii_from_wire(&x->ascii_state, to, (size_t)n)
					   : (size_t)n;
		}
		if (x->len >= WRITE_MIN && (n == -EAGAIN || x->len + 1 >= FTP_PIECE))
			err = write_piece(x, f->piece);
		if (err < 0) {
			write_failed(f, err);
			return;
		}
		if (n == -EAGAIN) {
			hurry(f);
			return;
		}
		if (n == 0) {
			put_end(f);
			return;
		}
		if (n < 0) {
			ftp_xfer_fail(
			    f, 426, "connection-lost",
			    "The data connection broke before its end (TLS close_notify); "
			    "what came is not a whole file.");
			return;
		}
	}
	x->again = true;
}

void
ftp_xfer_pump(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;

	x->again = false;
	if (x->failing)
		return;
	if (x->stage == FTP_ENDING) {
		ending_pump(f);
	} else if (x->stage == FTP_MOVING) {
		if (x->kind == FTP_LIST)
			ftp_list_pump(f);
		else if (x->kind == FTP_GET)
			get_pump(f);
		else
			put_pump(f);
	}
	if ((x->stage == FTP_MOVING || (x->stage == FTP_ENDING && x->deadline_ms == 0)) &&
	    !x->asked && !x->list.to_control && transfer_is_stalled(&x->t))
		ftp_xfer_fail(f, 426, "stalled",
			      "Nothing moved on the data connection for too long.");
}

/* Does the transfer wait for its rate limit, and not for the client? */
static bool
waits_for_rate(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;

	if (x->stage != FTP_MOVING || x->kind == FTP_LIST || rate_wait_ms(&x->t.rate) == 0)
		return false;
	return x->kind == FTP_PUT || (x->pos == x->len && tls_unsent(f->data.tls) == 0);
}

uint64_t
ftp_xfer_deadline(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;

	switch (x->stage) {
	case FTP_CONNECTING:
		return f->data.deadline_ms;
	case FTP_MOVING:
		if (x->again || (x->list.to_control && !x->asked && ftp_reply_has_room(f)))
			return 0;
		if (x->asked || x->list.to_control)
			return CLOCK_NEVER;
		return transfer_deadline(&x->t, waits_for_rate(f));
	case FTP_ENDING:
		return x->deadline_ms ? x->deadline_ms : transfer_deadline(&x->t, false);
	default:
		return CLOCK_NEVER;
	}
}

short
ftp_xfer_events(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;

	if (x->stage == FTP_ENDING)
		return (short)(POLLIN | tls_events(f->data.tls));
	if (x->stage != FTP_MOVING)
		return 0;
	if (x->kind == FTP_PUT)
		return waits_for_rate(f) ? 0 : POLLIN;
	return tls_events(f->data.tls);
}
