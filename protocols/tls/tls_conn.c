/* SPDX-License-Identifier: ISC */
/*
 * tls_conn.c - one connection. Owns: its SSL object and the records that wait to be sent. Must not:
 * close the descriptor, block, or wait.
 *
 * OpenSSL wants to send every record by itself. Here a BIO stands between it and the socket which
 * only collects; tls_flush sends what is there with one call. tls_write looks for room before it
 * hands OpenSSL a record, so that no record is ever half taken.
 */
#include "protocols/tls/tls_in.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "server/base/fail.h"
#include "server/base/text.h"

#define RECORD_MAX 16384u
/* A record's head, nonce, tag, type, and the largest ticket that may go in front of it. */
#define RECORD_EXTRA 4096u
#define CONTROL_OUT_SIZE (2u * RECORD_MAX)
/* What one recv may bring on a data connection; as with what is sent, a core's cache should hold
 * it. */
#define DATA_IN_SIZE ((size_t)5 * RECORD_MAX)
/* Everything that a client may send before the handshake is done. */
#define HANDSHAKE_BYTES_MAX (128u * 1024)
/* A client may change its keys that often in one connection: GnuTLS does every 2^24 records. */
#define KEY_UPDATES_MAX 1000u

static void
send_out(struct tls_conn *c)
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

/* Room behind what waits; moves a small rest to the front rather than sending in small pieces. */
static size_t
out_room(struct tls_conn *c, size_t wanted)
{
	if (c->out_size - c->out_len < wanted)
		send_out(c);
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
	if (out_room(c, len) < len) {
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
		if (c->handshake_bytes > HANDSHAKE_BYTES_MAX) {
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
			send_out(c);
		return 1;
	case BIO_CTRL_EOF:
		return c->ended;
	default:
		return 0;
	}
}

BIO_METHOD *
tls_conn_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "coffer");

	if (m && BIO_meth_set_write_ex(m, collect) == 1 && BIO_meth_set_read_ex(m, receive) == 1 &&
	    BIO_meth_set_ctrl(m, control) == 1)
		return m;
	BIO_meth_free(m);
	return NULL;
}

void
tls_conn_watch(int write_p, int version, int content_type, const void *at, size_t len, SSL *ssl,
	       void *arg)
{
	struct tls_conn *c = SSL_get_app_data(ssl);

	(void)version;
	(void)arg;
	if (c && content_type == SSL3_RT_ALERT && !write_p && len == 2)
		c->heard_goodbye |= ((const uint8_t *)at)[1] == SSL3_AD_CLOSE_NOTIFY;
	if (!c || content_type != SSL3_RT_HANDSHAKE || len == 0)
		return;
	tls_client_keep(c, write_p, at, len);
	if (write_p)
		return;
	if (*(const uint8_t *)at == SSL3_MT_KEY_UPDATE && ++c->key_updates > KEY_UPDATES_MAX)
		c->broken = true;
}

static void
take_out_room(struct tls_conn *c)
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

static void
set_kind(struct tls_conn *c)
{
	/*
	 * TLS 1.3: no tickets but those of tls_ticket(). One that was made before the login is good
	 * in this process only, and a client with one session for all its connections would show it
	 * to others. On a data connection it is never read by a client that only writes; its
	 * closing socket then answers the ticket with a reset, which throws away the end of the
	 * upload.
	 */
	if (SSL_set_num_tickets(c->ssl, 0) != 1)
		bug("tickets cannot be turned off");
	if (c->kind == TLS_CONTROL) {
		/* Passwords and names stay nowhere; an idle session holds no record buffers. */
		SSL_set_options(c->ssl, SSL_OP_CLEANSE_PLAINTEXT);
		SSL_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS);
		/* A command in one call, and not its record's head before its body. */
		SSL_set_read_ahead(c->ssl, 1);
		return;
	}
	SSL_set_read_ahead(c->ssl, 1);
	SSL_set_default_read_buffer_len(c->ssl, DATA_IN_SIZE);
}

struct tls_conn *
tls_new(struct tls_server *ts, int fd, enum tls_kind kind)
{
	struct tls_conn *c = mem_new(1, sizeof(*c));
	BIO *bio;

	c->server = ts;
	c->fd = fd;
	c->kind = kind;
	c->ssl = SSL_new(ts->ctx);
	bio = BIO_new(ts->method);
	if (!c->ssl || !bio)
		die("no memory for a TLS connection");
	BIO_set_data(bio, c);
	BIO_set_init(bio, 1);
	SSL_set_bio(c->ssl, bio, bio);
	SSL_set_app_data(c->ssl, c);
	SSL_set_accept_state(c->ssl);
	take_out_room(c);
	set_kind(c);
	tls_client_ask(c);
	return c;
}

void
tls_free(struct tls_conn *c)
{
	if (!c)
		return;
	/* Else OpenSSL forgets the session, which belongs to the control connection as well. */
	if (c->kind != TLS_CONTROL)
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	tls_client_forget(c);
	if (c->out_is_lent)
		c->server->data_out_lent = false;
	else
		free(c->out);
	free(c);
}

/* Turns what OpenSSL said into our currency, and keeps its words. */
static int
failure(struct tls_conn *c, int result)
{
	const char *reason;
	bool lost = false;
	struct text t;

	switch (SSL_get_error(c->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		if (!c->broken)
			return -EAGAIN;
		break;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		/* OpenSSL 3.5 does not call it an end when user_canceled came before, as from Java.
		 */
		if (c->heard_goodbye && ERR_peek_error() == 0)
			return 0;
		break;
	}
	reason = ERR_reason_error_string(ERR_peek_error());
	text_init(&t, c->error, sizeof(c->error));
	if (c->handshake_bytes > HANDSHAKE_BYTES_MAX)
		text_puts(&t, "the handshake is too large");
	else if (c->key_updates > KEY_UPDATES_MAX)
		text_puts(&t, "too many key updates");
	else if ((lost = c->ended || c->broken))
		text_puts(&t, "the connection ended");
	else
		text_puts(&t, reason ? reason : "protocol error");
	ERR_clear_error();
	/* An alert that tells the peer what went wrong may wait in out: it is worth one try. */
	send_out(c);
	c->broken = true;
	return lost ? -ECONNRESET : -EPROTO;
}

int
tls_handshake(struct tls_conn *c)
{
	int result;

	if (c->ready)
		return 0;
	send_out(c); /* what the socket had no room for last time */
	ERR_clear_error();
	result = SSL_do_handshake(c->ssl);
	if (result == 1) {
		c->ready = true;
		/* The first line may have come in one segment with the end of the handshake. */
		c->has_more = SSL_has_pending(c->ssl) == 1;
		send_out(c);
		return 0;
	}
	result = failure(c, result);
	return result == 0 ? -ECONNRESET : result;
}

ssize_t
tls_read(struct tls_conn *c, void *at, size_t len)
{
	size_t done = 0;

	ERR_clear_error();
	while (done < len) {
		size_t n = 0;

		if (SSL_read_ex(c->ssl, (uint8_t *)at + done, len - done, &n) == 1) {
			done += n;
			c->has_more = SSL_has_pending(c->ssl) == 1;
			/* Control lines are short: asking the socket again only costs a call. */
			if (c->kind == TLS_CONTROL && !c->has_more)
				break;
			continue;
		}
		c->has_more = false;
		if (done > 0) {
			/* An end comes again at the next call, which no poll would lead to. */
			c->has_more = SSL_get_error(c->ssl, 0) != SSL_ERROR_WANT_READ;
			break;
		}
		return failure(c, 0);
	}
	return (ssize_t)done;
}

bool
tls_pending(const struct tls_conn *c)
{
	return c->has_more;
}

ssize_t
tls_write(struct tls_conn *c, const void *at, size_t len)
{
	size_t done = 0;

	ERR_clear_error();
	while (done < len) {
		size_t piece = len - done < RECORD_MAX ? len - done : RECORD_MAX;
		size_t n = 0;

		if (out_room(c, piece + RECORD_EXTRA) < piece + RECORD_EXTRA)
			break;
		if (SSL_write_ex(c->ssl, (const uint8_t *)at + done, piece, &n) != 1) {
			int err = failure(c, 0);

			if (done > 0)
				break;
			return err == 0 ? -ECONNRESET : err;
		}
		done += n;
	}
	if (c->broken)
		return -ECONNRESET;
	return done > 0 || len == 0 ? (ssize_t)done : -EAGAIN;
}

int
tls_flush(struct tls_conn *c)
{
	send_out(c);
	if (c->broken)
		return -ECONNRESET;
	return c->out_len > c->out_pos ? -EAGAIN : 0;
}

int
tls_finish(struct tls_conn *c)
{
	if (!c->said_goodbye && c->ready && !c->broken) {
		ERR_clear_error();
		c->said_goodbye = true;
		ignore_result(SSL_shutdown(c->ssl)); /* a failure shows itself in the flush */
	}
	return tls_flush(c);
}

size_t
tls_unsent(const struct tls_conn *c)
{
	return c->out_len - c->out_pos;
}

short
tls_events(const struct tls_conn *c)
{
	return c->out_len > c->out_pos ? POLLOUT : 0;
}

int
tls_want_name(struct tls_conn *c, const char *name)
{
	return text_copy(c->host, sizeof(c->host), name);
}

void
tls_ticket(struct tls_conn *c)
{
	/* It is refused below TLS 1.3, where it is not needed. */
	if (c->ready && SSL_version(c->ssl) == TLS1_3_VERSION)
		ignore_result(SSL_new_session_ticket(c->ssl));
}

bool
tls_is_resumed(const struct tls_conn *c)
{
	return SSL_session_reused(c->ssl) == 1;
}

const char *
tls_version(const struct tls_conn *c)
{
	return SSL_get_version(c->ssl);
}

const char *
tls_cipher(const struct tls_conn *c)
{
	return SSL_get_cipher_name(c->ssl);
}

const char *
tls_error(const struct tls_conn *c)
{
	return c->error;
}
