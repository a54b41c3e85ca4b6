/* SPDX-License-Identifier: ISC */
/*
 * fuzz_tls.h - what stands in place of protocols/tls for a fuzzer: bytes pass as they are, a
 * handshake is one byte, and the program says how it goes and how a connection ends.
 */
#ifndef TESTS_FUZZ_FUZZ_TLS_H
#define TESTS_FUZZ_FUZZ_TLS_H

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "protocols/tls/tls.h"
#include "server/base/mem.h"

#define HELLO "\x16" /* the whole handshake */

static bool tls_secure;	 /* a control connection has shaken hands */
static bool tls_rude;	 /* data connections refuse to, and streams end without a goodbye */
static bool tls_unbound; /* data connections do not resume */

/* What a connection does in place of TLS. */
struct tls_conn {
	int fd;
	bool is_data, shaken, finished;
};

int
tls_server_own(struct tls_server *ts)
{
	(void)ts;
	return 0;
}

void
tls_server_share(struct tls_server *ts, const uint8_t key[TLS_SHARED_KEY])
{
	(void)ts, (void)key;
}

bool
tls_server_takes(const struct tls_server *ts, const char *name)
{
	(void)ts;
	return strcmp(name, "a") == 0;
}

struct tls_conn *
tls_new(struct tls_server *ts, int fd, enum tls_kind kind)
{
	struct tls_conn *c = mem_new(1, sizeof(*c));

	(void)ts;
	c->fd = fd;
	c->is_data = kind == TLS_DATA;
	return c;
}

int
tls_want_name(struct tls_conn *c, const char *name)
{
	(void)c, (void)name;
	return 0;
}

void
tls_free(struct tls_conn *c)
{
	free(c);
}

int
tls_handshake(struct tls_conn *c)
{
	char hello;
	ssize_t n = recv(c->fd, &hello, 1, MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 && errno == EAGAIN ? -EAGAIN : -ECONNRESET;
	if (hello != HELLO[0] || (c->is_data && tls_rude))
		return -EPROTO;
	c->shaken = true;
	tls_secure |= !c->is_data;
	return 0;
}

ssize_t
tls_read(struct tls_conn *c, void *bytes, size_t len)
{
	ssize_t n = recv(c->fd, bytes, len, MSG_DONTWAIT);

	assert(c->shaken);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : -ECONNRESET;
	return n == 0 && tls_rude ? -ECONNRESET : n;
}

bool
tls_pending(const struct tls_conn *c)
{
	(void)c;
	return false;
}

ssize_t
tls_write(struct tls_conn *c, const void *bytes, size_t len)
{
	ssize_t n = send(c->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	assert(c->shaken && !c->finished);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : -ECONNRESET;
	return n;
}

int
tls_flush(struct tls_conn *c)
{
	(void)c;
	return 0;
}

int
tls_finish(struct tls_conn *c)
{
	c->finished = true;
	return 0;
}

size_t
tls_unsent(const struct tls_conn *c)
{
	(void)c;
	return 0;
}

short
tls_events(const struct tls_conn *c)
{
	(void)c;
	return 0;
}

void
tls_ticket(struct tls_conn *c)
{
	assert(c->shaken);
}

bool
tls_is_resumed(const struct tls_conn *c)
{
	(void)c;
	return !tls_unbound;
}

const char *
tls_version(const struct tls_conn *c)
{
	(void)c;
	return "TLSv1.3";
}

const char *
tls_cipher(const struct tls_conn *c)
{
	(void)c;
	return "none";
}

const uint8_t *
tls_client_proof(struct tls_conn *c, size_t *ret_len)
{
	(void)c, (void)ret_len;
	return NULL;
}

void
tls_client_forget(struct tls_conn *c)
{
	(void)c;
}

const char *
tls_ja3(const struct tls_conn *c)
{
	(void)c;
	return "";
}

const char *
tls_error(const struct tls_conn *c)
{
	(void)c;
	return "the program wants it";
}

#endif
