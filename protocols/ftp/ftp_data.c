/* SPDX-License-Identifier: ISC */
/*
 * ftp_data.c - the data connection: who may come, and that it belongs to this session.
 * Owns: the listening socket, the accepted one and its TLS. Must not: let a file be touched before
 * the connection proved that it resumes this session.
 *
 * A connection is accepted, and shakes hands, as soon as it comes, since some clients do so before
 * they send the command. The listening socket stays open until a good one is there: strangers and
 * strays are closed and cost the right client nothing.
 */
#include "protocols/ftp/ftp_in.h"

#include <errno.h>
#include <string.h>

#include "server/base/fd.h"
#include "server/base/log.h"

/* Connections looked at before the loop has its turn again. */
#define ACCEPTS_MAX 64

void
ftp_data_init(struct ftp_data *d)
{
	memset(d, 0, sizeof(*d));
	d->listen_fd = d->fd = -1;
	d->deadline_ms = CLOCK_NEVER;
}

bool
ftp_data_is_arranged(const struct ftp_data *d)
{
	return d->listen_fd >= 0 || d->fd >= 0 || d->call_port != 0;
}

static void
drop_connection(struct ftp_data *d)
{
	tls_free(d->tls);
	d->tls = NULL;
	fd_close(&d->fd);
	d->ready = d->unbound = false;
}

void
ftp_data_close(struct ftp *f)
{
	drop_connection(&f->data);
	fd_close(&f->data.listen_fd);
	ftp_data_init(&f->data);
}

/* Addresses without ports; IPv4 in IPv6 is IPv4. */
static bool
is_peer(const struct sockaddr_storage *a, const struct sockaddr_storage *peer)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	uint8_t room[2][16];
	const struct sockaddr_storage *both[2] = { a, peer };

	for (size_t i = 0; i < 2; i++) {
		if (both[i]->ss_family == AF_INET6) {
			memcpy(room[i], &((const struct sockaddr_in6 *)both[i])->sin6_addr, 16);
		} else {
			memcpy(room[i], mapped, 12);
			memcpy(room[i] + 12, &((const struct sockaddr_in *)both[i])->sin_addr, 4);
		}
	}
	return memcmp(room[0], room[1], 16) == 0;
}

/* Takes the next connection of the right client, if there is one. */
static bool
accept_next(struct ftp *f)
{
	struct ftp_data *d = &f->data;

	for (int i = 0; d->fd < 0 && d->listen_fd >= 0 && i < ACCEPTS_MAX; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t len = sizeof(from);
		FD_OWN int fd = accept4(d->listen_fd, (struct sockaddr *)&from, &len,
					SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 && errno == EAGAIN)
			break;
		if (fd < 0)
			continue;
		if (!is_peer(&from, &f->s->peer)) {
			log_notice("data-stranger", "closed=yes");
			continue;
		}
		d->fd = fd_give(&fd);
		d->tls = tls_new(f->server, d->fd, TLS_DATA);
	}
	return d->fd >= 0;
}

static void
log_unbound(struct ftp *f, bool refused)
{
	if (f->logged_unbound)
		return;
	f->logged_unbound = true;
	log_notice("data-unbound", "refused=%s version=%s", refused ? "yes" : "no",
		   tls_version(f->data.tls));
}

/* The handshake went wrong, or well with somebody else: is another connection waiting? */
static void
refuse(struct ftp *f, int code, const char *words)
{
	drop_connection(&f->data);
	if (!accept_next(f) && f->x.stage == FTP_CONNECTING)
		ftp_xfer_fail(f, code, "no-data-connection", words);
}

static void
shake_hands(struct ftp *f)
{
	struct ftp_data *d = &f->data;
	char words[256];
	struct text t;
	int err = tls_handshake(d->tls);

	if (err == -EAGAIN)
		return;
	if (err == 0) {
		d->ready = true;
		d->unbound = !tls_is_resumed(d->tls);
		return;
	}
	text_init(&t, words, sizeof(words));
	text_printf(&t, "TLS on the data connection failed: %s.", tls_error(d->tls));
	refuse(f, 425, words);
}

static void
judge(struct ftp *f)
{
	struct ftp_data *d = &f->data;
	const bool required = f->s->listener->binding == CONF_BINDING_REQUIRED;

	if (d->unbound)
		log_unbound(f, required);
	if (d->unbound && required) {
		refuse(f, 522,
		       "The data connection must resume the TLS session of the control connection. "
		       "Switch on TLS session reuse in your client, or ask the administrator for "
		       "\"data-binding: preferred\".");
		return;
	}
	fd_close(&d->listen_fd);
	d->deadline_ms = CLOCK_NEVER;
	ftp_xfer_connected(f);
}

static void
call_answer(void *ctx, struct port_reply *reply)
{
	struct ftp *f = ctx;

	f->data.calling = false;
	if (!ftp_xfer_answered(f, 0, ""))
		return;
	if (reply->err < 0) {
		ftp_xfer_fail(f, 425, "no-data-connection",
			      *reply->why ? reply->why : ftp_reply_words(reply->err));
		return;
	}
	f->data.fd = fd_give(reply->fd);
	f->data.tls = tls_new(f->server, f->data.fd, TLS_DATA);
}

void
ftp_data_want(struct ftp *f)
{
	struct ftp_data *d = &f->data;

	d->deadline_ms = clock_after(f->s->conf->limits.data_connect_ms);
	if (d->call_port != 0 && d->fd < 0) {
		int err = port_connect(f->s->ask, d->call_port, call_answer, f);

		d->call_port = 0;
		d->calling = f->x.asked = err == 0;
		if (err < 0)
			ftp_xfer_fail(f, 425, "no-data-connection", ftp_reply_words(err));
		return;
	}
	ftp_data_pump(f);
}

void
ftp_data_pump(struct ftp *f)
{
	struct ftp_data *d = &f->data;

	for (int i = 0; i < ACCEPTS_MAX; i++) {
		if (d->fd < 0 && !accept_next(f))
			break;
		if (!d->ready)
			shake_hands(f);
		if (d->fd >= 0 && !d->ready)
			break; /* it waits for the client */
		if (d->ready) {
			if (f->x.stage == FTP_CONNECTING && !f->x.asked)
				judge(f);
			if (d->ready || d->fd < 0)
				break;
		}
	}
	if (f->x.stage == FTP_CONNECTING && clock_ms() >= d->deadline_ms)
		ftp_xfer_fail(f, 425, "no-data-connection", "No data connection came in time.");
}

size_t
ftp_data_poll(struct ftp *f, struct pollfd *at)
{
	struct ftp_data *d = &f->data;
	short events = 0;
	int fd = -1;

	if (d->fd < 0) {
		fd = d->listen_fd;
		events = POLLIN;
	} else if (!d->ready) {
		fd = d->fd;
		events = (short)(POLLIN | tls_events(d->tls));
	} else {
		fd = d->fd;
		events = ftp_xfer_events(f);
	}
	if (fd < 0 || events == 0)
		return 0;
	*at = (struct pollfd) { .fd = fd, .events = events };
	return 1;
}
