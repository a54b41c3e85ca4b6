/* SPDX-License-Identifier: ISC */
/*
 * ftp_control.c - the bytes of the control connection, in clear until AUTH and in TLS behind it.
 * Owns: reading into the line buffer, and sending replies. Must not: know a command.
 */
#include "protocols/ftp/ftp_control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_login.h"
#include "server/base/log.h"

#define TLS_CLIENT_HELLO 0x16

static void
compact(struct ftp *f)
{
	size_t left = f->out.len - f->out_pos;

	if (f->out_pos == 0)
		return;
	memmove(f->out.at, f->out.at + f->out_pos, left);
	f->out.len = left;
	f->out.at[left] = '\0';
	f->out_pos = 0;
}

bool
ftp_control_send(struct ftp *f)
{
	const char *at = f->out.at + f->out_pos;
	size_t len = f->out.len - f->out_pos;
	ssize_t n = 0;

	if (f->tls) {
		if (len > 0 && f->control == FTP_SECURE)
			n = tls_write(f->tls, at, len);
		if (n < 0 && n != -EAGAIN)
			return false;
		if (n > 0)
			f->out_pos += (size_t)n;
		compact(f);
		n = tls_flush(f->tls);
		return n == 0 || n == -EAGAIN;
	}
	if (len > 0)
		n = send(f->s->client_fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	if (n > 0)
		f->out_pos += (size_t)n;
	compact(f);
	return true;
}

bool
ftp_control_is_empty(const struct ftp *f)
{
	/* Replies wait for the end of a handshake, and what cannot leave is nothing to wait for. */
	bool may_leave = !f->tls || f->control != FTP_HANDSHAKE;

	return (!may_leave || f->out.len == f->out_pos) && (!f->tls || tls_unsent(f->tls) == 0);
}

static void
log_tls_failure(struct ftp *f)
{
	struct log_value why;

	log_notice("tls", "failed=%s", log_q(&why, tls_error(f->tls)));
}

static void
shake_hands(struct ftp *f)
{
	int err = tls_handshake(f->tls);

	if (err == -EAGAIN || err == 0)
		ftp_hurry(f->s->client_fd); /* its next command stands behind its last flight */
	if (err == -EAGAIN)
		return;
	if (err == 0) {
		ftp_login_secured(f);
		f->active_ms = clock_ms();
		return;
	}
	log_tls_failure(f);
	ftp_end(f, err == -ECONNRESET ? SESSION_LOST : SESSION_PROTOCOL);
}

void
ftp_control_begin_tls(struct ftp *f)
{
	f->tls = tls_new(f->server, f->s->client_fd, TLS_CONTROL);
	ignore_result(tls_want_name(f->tls, f->host)); /* the same size */
}

static ssize_t
receive(struct ftp *f, char *at, size_t len)
{
	ssize_t n;

	if (f->tls)
		return tls_read(f->tls, at, len);
	n = recv(f->s->client_fd, at, len, MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return n;
}

void
ftp_control_read(struct ftp *f)
{
	size_t room;
	char *at;
	ssize_t n;

	if (f->control == FTP_HANDSHAKE) {
		if (f->tls)
			shake_hands(f);
		return;
	}
	at = ftp_line_space(&f->in, &room);
	if (room == 0)
		return;
	n = receive(f, at, room);
	if (n == -EAGAIN)
		return;
	if (n == -EPROTO) {
		log_tls_failure(f);
		ftp_end(f, SESSION_PROTOCOL);
		return;
	}
	if (n <= 0) {
		f->eof = true;
		return;
	}
	if (f->control == FTP_CLEAR && at == f->in.room && *at == TLS_CLIENT_HELLO) {
		log_notice("tls",
			   "failed=\"the client began TLS without AUTH; it wants implicit FTPS\"");
		ftp_end(f, SESSION_PROTOCOL);
		return;
	}
	ftp_line_received(&f->in, (size_t)n);
}

short
ftp_control_events(struct ftp *f)
{
	short events = f->tls ? tls_events(f->tls) : 0;
	size_t room;

	if (f->out.len > f->out_pos && !(f->tls && f->control == FTP_HANDSHAKE))
		events |= POLLOUT;
	ignore_result(ftp_line_space(&f->in, &room) == NULL);
	if (!f->eof && !f->over && room > 0 && !(f->control == FTP_HANDSHAKE && !f->tls))
		events |= POLLIN;
	return events;
}
