/* SPDX-License-Identifier: ISC */
/*
 * ftp_data.c - the data connection: who may come, and that it belongs to this session.
 * Owns: the line to the passive port, those who came over it, and their TLS. Must not: let a file
 * be touched before the connection proved that it resumes this session.
 *
 * Gate hands us who comes from the right address (server/gate.h). He waits as a candidate; the
 * first that says something shakes hands, also before the command that will use it, since some
 * clients do that. The line stays open until a good one is there, so strangers and strays are
 * closed and cost the client nothing.
 */
#include "protocols/ftp/ftp_data.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"
#include "server/base/fd.h"
#include "server/base/log.h"

/*
 * A handshake may take so long while others wait at the door: one may be a stranger's, who stalls.
 */
#define TURN_MS 2000
/* After a download the client may take so long to close. */
#define LEAVING_MS 5000
/* What he still says is thrown away, so many times. */
#define LEAVING_READS 8

void
ftp_data_init(struct ftp_data *d)
{
	memset(d, 0, sizeof(*d));
	d->listen_fd = d->fd = -1;
	for (size_t i = 0; i < FTP_CANDIDATES; i++)
		d->candidate[i] = -1;
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

/* Nobody else is wanted. */
static void
close_door(struct ftp_data *d)
{
	fd_close(&d->listen_fd);
	for (size_t i = 0; i < FTP_CANDIDATES; i++)
		fd_close(&d->candidate[i]);
}

void
ftp_data_close(struct ftp *f)
{
	drop_connection(&f->data);
	close_door(&f->data);
	ftp_data_init(&f->data);
}

void
ftp_data_leave(struct ftp *f)
{
	ftp_data_look_back(f);
	fd_close(&f->left_fd);
	shutdown(f->data.fd, SHUT_WR);
	f->left_fd = fd_give(&f->data.fd);
	f->left_ms = clock_after(LEAVING_MS);
}

void
ftp_data_look_back(struct ftp *f)
{
	uint8_t rest[512];
	ssize_t n = 1;

	if (f->left_fd < 0)
		return;
	for (int i = 0; i < LEAVING_READS && n > 0; i++)
		n = recv(f->left_fd, rest, sizeof(rest), MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN) || clock_ms() >= f->left_ms)
		fd_close(&f->left_fd);
}

/* A free place for a candidate, or NULL. */
static int *
free_place(struct ftp_data *d)
{
	for (size_t i = 0; i < FTP_CANDIDATES; i++)
		if (d->candidate[i] < 0)
			return &d->candidate[i];
	return NULL;
}

static bool
has_candidates(const struct ftp_data *d)
{
	for (size_t i = 0; i < FTP_CANDIDATES; i++)
		if (d->candidate[i] >= 0)
			return true;
	return false;
}

/* Takes who came: one, since there rarely are two, and poll knows of those. */
static void
accept_one(struct ftp *f)
{
	struct ftp_data *d = &f->data;
	int *place = free_place(d);
	FD_OWN int fd = -1;
	int err;

	if (d->listen_fd < 0 || !place)
		return;
	err = port_accept(d->listen_fd, &fd);
	if (err == -EPIPE)
		fd_close(&d->listen_fd); /* nobody will come any more */
	if (err == 0)
		*place = fd_give(&fd);
}

static void
begin_tls(struct ftp *f, int *fd)
{
	f->data.turn_ms = clock_after(TURN_MS);
	f->data.fd = fd_give(fd);
	f->data.tls = tls_new(f->server, f->data.fd, TLS_DATA);
}

static void
log_unbound(struct ftp *f, bool refused)
{
	if (f->logged_unbound)
		return;
	f->logged_unbound = true;
	log_notice("data-unbound", "refused=%s version=%s fingerprint=%s", refused ? "yes" : "no",
		   tls_version(f->data.tls), tls_ja3(f->tls));
	/* A monitor that is gone shows itself elsewhere. */
	ignore_result(auth_send_unbound(f->s->auth, refused, tls_ja3(f->tls)));
}

/*
 * The handshake went wrong, or well with somebody else. If others came too, one of them may be the
 * right one; the client hears of it when none was.
 */
static void
refuse(struct ftp *f, int code, const char *words)
{
	struct ftp_data *d = &f->data;
	struct text t;

	drop_connection(d);
	accept_one(f);
	d->refusal = code;
	text_init(&t, d->refusal_words, sizeof(d->refusal_words));
	text_puts(&t, words);
	if (!has_candidates(d) && f->x.stage == FTP_CONNECTING)
		ftp_xfer_fail(f, code, "no-data-connection", d->refusal_words);
}

void
ftp_hurry(int fd)
{
	const int on = 1;

	ignore_result(setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on)));
}

static void
shake_hands(struct ftp *f)
{
	struct ftp_data *d = &f->data;
	char words[256];
	struct text t;
	int err = tls_handshake(d->tls);

	if (err == -EAGAIN) {
		ftp_hurry(d->fd); /* GnuTLS sends its last flight in two pieces */
		return;
	}
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
	const bool required = !f->s->binding_preferred;

	if (d->unbound)
		log_unbound(f, required);
	if (d->unbound && required) {
		refuse(f, 522,
		       "The data connection must resume the TLS session of the control connection. "
		       "Switch on TLS session reuse in your client, or ask the administrator for "
		       "\"data-binding: preferred\".");
		return;
	}
	close_door(d);
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
	begin_tls(f, reply->fd);
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
	if (d->fd < 0 && d->refusal != 0 && !has_candidates(d))
		ftp_xfer_fail(f, d->refusal, "no-data-connection", d->refusal_words);
	else if (d->ready)
		judge(f);
}

/* One of the descriptors that ftp_data_poll named has something to say. */
static void
look_at(struct ftp *f, int fd)
{
	struct ftp_data *d = &f->data;

	if (fd == d->listen_fd) {
		accept_one(f);
		return;
	}
	for (size_t i = 0; i < FTP_CANDIDATES && d->fd < 0; i++)
		if (d->candidate[i] == fd)
			begin_tls(f, &d->candidate[i]);
	if (fd == d->fd && !d->ready)
		shake_hands(f);
}

/* One whose handshake does not come to its end is gone when somebody else is there. */
static void
end_turn(struct ftp *f)
{
	struct ftp_data *d = &f->data;

	accept_one(f);
	if (has_candidates(d))
		drop_connection(d);
	else
		d->turn_ms = clock_after(TURN_MS);
}

uint64_t
ftp_data_deadline(const struct ftp *f)
{
	const struct ftp_data *d = &f->data;

	return d->fd >= 0 && !d->ready ? clock_first(d->deadline_ms, d->turn_ms) : d->deadline_ms;
}

void
ftp_data_pump(struct ftp *f, const struct pollfd *polls, size_t count)
{
	struct ftp_data *d = &f->data;

	for (size_t i = 0; i < count; i++)
		if (polls[i].revents)
			look_at(f, polls[i].fd);
	if (f->x.stage != FTP_CONNECTING || f->x.asked)
		return;
	if (d->fd >= 0 && !d->ready && clock_ms() >= d->turn_ms)
		end_turn(f);
	if (d->ready)
		judge(f);
	else if (clock_ms() >= d->deadline_ms)
		ftp_xfer_fail(f, d->refusal ? d->refusal : 425, "no-data-connection",
			      d->refusal ? d->refusal_words : "No data connection came in time.");
}

size_t
ftp_data_poll(struct ftp *f, struct pollfd *at)
{
	struct ftp_data *d = &f->data;
	size_t count = 0;
	short events;

	if (d->fd >= 0) {
		events = d->ready ? ftp_xfer_events(f) : (short)(POLLIN | tls_events(d->tls));
		if (events != 0)
			at[count++] = (struct pollfd) { .fd = d->fd, .events = events };
		return count;
	}
	for (size_t i = 0; i < FTP_CANDIDATES; i++)
		if (d->candidate[i] >= 0)
			at[count++] = (struct pollfd) { .fd = d->candidate[i], .events = POLLIN };
	if (d->listen_fd >= 0 && free_place(d))
		at[count++] = (struct pollfd) { .fd = d->listen_fd, .events = POLLIN };
	return count;
}
