/* SPDX-License-Identifier: ISC */
/*
 * ftp_move.c - the bytes of a transfer, between the file and TLS, as far as that goes without
 * waiting. Invariant: an upload is committed only behind close_notify, when every byte was written
 * and close(2) said so.
 */
#include "protocols/ftp/ftp_move.h"

#include <errno.h>
#include <unistd.h>

#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"
#include "server/base/fd.h"
#include "server/vfs/path.h"

/* Pieces moved before the control connection is looked at again. */
#define ROUNDS 32
/* An upload is written when so much is there. */
#define WRITE_MIN (FTP_STEP / 2)
/* An upload below this is small. */
#define HURRY_MAX 65536

int
ftp_move_write(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;
	int err = fd_pwrite_full(x->fd, f->piece, x->len, x->at);

	if (err < 0)
		return err;
	x->at += x->len;
	x->moved += x->len;
	x->len = 0;
	return 0;
}

static void
client_gone(struct ftp *f)
{
	ftp_xfer_fail(f, 426, "connection-lost", "The data connection broke.");
}

void
ftp_move_ending(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;
	size_t unsent = tls_unsent(f->data.tls);
	int err = tls_finish(f->data.tls);

	if (tls_unsent(f->data.tls) != unsent)
		x->t.progress_ms = clock_ms();
	if (err == -EAGAIN)
		return;
	if (err < 0) {
		client_gone(f);
		return;
	}
	ftp_data_leave(f);
	ftp_xfer_done(f, 226, "Transfer complete.");
}

void
ftp_move_end(struct ftp *f)
{
	f->x.stage = FTP_ENDING;
	ftp_move_ending(f);
}

bool
ftp_move_send(struct ftp *f, bool last)
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
	const size_t most = FTP_STEP;
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

void
ftp_move_get(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;

	for (int i = 0; i < ROUNDS; i++) {
		if ((x->pos < x->len || tls_unsent(f->data.tls) > 0) &&
		    !ftp_move_send(f, x->at == x->end))
			return;
		if (x->at == x->end) {
			ftp_move_end(f);
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

/* Net::FTP and commons-net look for the name of STOU here, where RFC 1123's 150 has long passed. */
static void
say_stored(struct ftp *f)
{
	char name[VFS_NAME_MAX], words[2 * VFS_NAME_MAX + 32];
	struct text raw, t;

	if (!f->x.unique) {
		ftp_xfer_over(f, 226, "Transfer complete.");
		return;
	}
	text_init(&raw, name, sizeof(name));
	text_printable(&raw, path_name(f->path));
	text_init(&t, words, sizeof(words));
	text_puts(&t, "Transfer complete: \"");
	text_quote(&t, name);
	text_puts(&t, "\".");
	ftp_xfer_over(f, 226, words);
}

static void
commit_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	f->x.asked = false;
	if (reply->err < 0)
		ftp_xfer_over(f, ftp_reply_code(reply->err),
			      *reply->why ? reply->why : ftp_reply_words(reply->err));
	else
		say_stored(f);
}

static void put_rest(struct ftp *f);

static void
grow_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	struct ftp_xfer *x = &f->x;
	int err;

	if (reply->err < 0)
		x->len = 0; /* there is no room for it */
	if (!ftp_xfer_answered(f, reply->err, reply->why))
		return;
	x->limit = reply->limit;
	x->again = true;
	if (x->ended) {
		put_rest(f);
		return;
	}
	err = ftp_move_write(f); /* the piece may be full: then nothing more is read before this */
	if (err < 0)
		write_failed(f, err);
}

/* Does what is to be written end behind the limit? Then worker is asked first. */
static bool
has_to_ask(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;

	if (x->at + x->len <= x->limit)
		return false;
	ftp_xfer_asked(f, vfs_grow(f->s->vfs, x->ticket, x->at + x->len, grow_answer, f));
	return true;
}

/* close_notify came: this was all of it. */
static void
put_end(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;

	if (x->ascii && ftp_ascii_rest(&x->ascii_state))
		f->piece[x->len++] = '\r';
	x->ended = true;
	if (!has_to_ask(f))
		put_rest(f);
}

static void
put_rest(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;
	int err = ftp_move_write(f);

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
		ftp_xfer_over(f, ftp_reply_code(err), ftp_reply_words(err));
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
		ftp_hurry(f->data.fd);
}

void
ftp_move_put(struct ftp *f)
{
	struct ftp_xfer *x = &f->x;
	const size_t gap = x->ascii ? 1 : 0; /* for a CR that was kept back */

	for (int i = 0; i < ROUNDS && !x->asked; i++) {
		uint64_t may = transfer_allows(&x->t, FTP_STEP - x->len - gap);
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
		if (x->len >= WRITE_MIN && (n == -EAGAIN || x->len + 1 >= FTP_STEP)) {
			if (has_to_ask(f))
				return;
			err = ftp_move_write(f);
		}
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
	x->again = !x->asked; /* worker's answer wakes us */
}
