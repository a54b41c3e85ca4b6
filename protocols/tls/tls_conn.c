/* SPDX-License-Identifier: ISC */
/*
 * tls_conn.c - one connection: handshake, bytes, tickets, end. Owns: its SSL object. Must not:
 * close the descriptor, block, wait, or touch the socket other than through tls_bio.c.
 *
 * tls_write looks for room there before it hands OpenSSL a record, so that no record is ever half
 * taken.
 */
#include "protocols/tls/tls_in.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "server/base/fail.h"
#include "server/base/text.h"

/* A record's head, nonce, tag, type, and the largest ticket that may go in front of it. */
#define RECORD_EXTRA 4096u
/* What one recv may bring on a data connection; as with what is sent, a core's cache should hold
 * it. */
#define DATA_IN_SIZE ((size_t)5 * TLS_RECORD_MAX)
/* A client may change its keys that often in one connection: GnuTLS does every 2^24 records. */
#define KEY_UPDATES_MAX 1000u

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
	tls_bio_init(c);
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
	tls_bio_clear(c);
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
		/*
		 * OpenSSL 3.5 does not call it an end when user_canceled came before, as from Java.
		 */
		if (c->heard_goodbye && ERR_peek_error() == 0)
			return 0;
		break;
	}
	reason = ERR_reason_error_string(ERR_peek_error());
	text_init(&t, c->error, sizeof(c->error));
	if (c->handshake_bytes > TLS_HANDSHAKE_MAX)
		text_puts(&t, "the handshake is too large");
	else if (c->key_updates > KEY_UPDATES_MAX)
		text_puts(&t, "too many key updates");
	else if ((lost = c->ended || c->broken))
		text_puts(&t, "the connection ended");
	else
		text_puts(&t, reason ? reason : "protocol error");
	ERR_clear_error();
	/* An alert that tells the peer what went wrong may wait in out: it is worth one try. */
	tls_bio_send(c);
	c->broken = true;
	return lost ? -ECONNRESET : -EPROTO;
}

int
tls_handshake(struct tls_conn *c)
{
	int result;

	if (c->ready)
		return 0;
	tls_bio_send(c); /* what the socket had no room for last time */
	ERR_clear_error();
	result = SSL_do_handshake(c->ssl);
	if (result == 1) {
		c->ready = true;
		/* The first line may have come in one segment with the end of the handshake. */
		c->has_more = SSL_has_pending(c->ssl) == 1;
		tls_bio_send(c);
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
		size_t piece = len - done < TLS_RECORD_MAX ? len - done : TLS_RECORD_MAX;
		size_t n = 0;

		if (tls_bio_room(c, piece + RECORD_EXTRA) < piece + RECORD_EXTRA)
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
	tls_bio_send(c);
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
