/* SPDX-License-Identifier: ISC */
/*
 * tls_bio.c - between OpenSSL and the socket of a connection. Owns: the records that wait to be
 * sent, and the only calls that touch the socket. Must not: close it, block, or wait.
 *
 * OpenSSL wants to send every record by itself. Here a BIO stands between it and the socket which
 * only collects; tls_bio_send sends what is there with one call.
 */
#include "protocols/tls/tls_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server/base/fail.h"

/* On a control connection: a record of the largest size, a ticket in front of it, and a rest. */
#define CONTROL_OUT_SIZE (2u * TLS_RECORD_MAX)

void
tls_bio_init(struct tls_conn *c)
{
	struct tls_server *ts = c->server;

	if (c->kind == TLS_DATA && ts->data_out && !ts->data_out_lent) {
		c->out = ts->data_out;
		c->out_size = ts->data_out_size;
		c->out_is_lent = ts->data_out_lent = true;
		return;
	}
	c->out_size = CONTROL_OUT_SIZE;
	c->out = malloc(c->out_size);
	if (!c->out)
		die("no memory for a TLS connection");
}

void
tls_bio_clear(struct tls_conn *c)
{
	if (c->out_is_lent)
		c->server->data_out_lent = false;
	else
		free(c->out);
}

void
tls_bio_send(struct tls_conn *c)
{
	/* Behind our goodbye the caller shuts down, and the end goes in one packet with the FIN. */
	const int more = c->said_goodbye ? MSG_MORE : 0;

	while (c->out_pos < c->out_len && !c->broken) {
		ssize_t n = send(c->fd, c->out + c->out_pos, c->out_len - c->out_pos,
				 MSG_NOSIGNAL | MSG_DONTWAIT | more);

		if (n >= 0)
			c->out_pos += (size_t)n;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			c->broken = true;
	}
	if (c->out_pos == c->out_len)
		c->out_pos = c->out_len = 0;
}

size_t
tls_bio_room(struct tls_conn *c, size_t wanted)
{
	if (c->out_size - c->out_len < wanted)
		tls_bio_send(c);
	if (c->out_size - c->out_len < wanted && c->out_pos > 0) {
		memmove(c->out, c->out + c->out_pos, c->out_len - c->out_pos);
		c->out_len -= c->out_pos;
		c->out_pos = 0;
	}
	return c->out_size - c->out_len;
}

static int
collect(BIO *bio, const char *at, size_t len, size_t *ret_len)
{
	struct tls_conn *c = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (c->broken)
		return 0;
	if (tls_bio_room(c, len) < len) {
		BIO_set_retry_write(bio);
		return 0;
	}
	memcpy(c->out + c->out_len, at, len);
	c->out_len += len;
	*ret_len = len;
	return 1;
}

static int
receive(BIO *bio, char *at, size_t len, size_t *ret_len)
{
	struct tls_conn *c = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (c->broken)
		return 0;
	do
		n = recv(c->fd, at, len, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN) {
		BIO_set_retry_read(bio);
		return 0;
	}
	if (n <= 0) {
		c->ended = true;
		c->broken = n < 0;
		return 0;
	}
	if (!c->ready) {
		c->handshake_bytes += (uint64_t)n;
		if (c->handshake_bytes > TLS_HANDSHAKE_MAX) {
			c->broken = true;
			return 0;
		}
	}
	*ret_len = (size_t)n;
	return 1;
}

/* While shaking hands OpenSSL's flush is the end of a flight; later ours decides. */
static long
control(BIO *bio, int command, long number, void *at)
{
	struct tls_conn *c = BIO_get_data(bio);

	(void)number;
	(void)at;
	switch (command) {
	case BIO_CTRL_FLUSH:
		if (!c->ready)
			tls_bio_send(c);
		return 1;
	case BIO_CTRL_EOF:
		return c->ended;
	default:
		return 0;
	}
}

BIO_METHOD *
tls_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "coffer");

	if (m && BIO_meth_set_write_ex(m, collect) == 1 && BIO_meth_set_read_ex(m, receive) == 1 &&
	    BIO_meth_set_ctrl(m, control) == 1)
		return m;
	BIO_meth_free(m);
	return NULL;
}
