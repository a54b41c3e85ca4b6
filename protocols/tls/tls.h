/* SPDX-License-Identifier: ISC */
/*
 * tls.h - TLS for a server of ours: what the listener loads once, and connections in wire. The only
 * room that calls SSL_*.
 *
 * The listener makes a struct tls_server before it forks, so every wire inherits warm contexts.
 * Each wire then takes ticket keys of its own (tls_server_own), and from login on those of its user
 * and address (tls_server_share). So "this data connection resumed a session" means: one of this
 * control connection, or of another of the same user from the same address.
 *
 * A connection never blocks and owns no descriptor. Output is collected, and leaves with tls_flush
 * in as few packets as possible.
 */
#ifndef PROTOCOLS_TLS_TLS_H
#define PROTOCOLS_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/conf.h"
#include "server/sign.h"

/* What tls_write takes in one piece before anything is sent, and what a read may bring. */
#define TLS_BATCH ((size_t)256 * 1024)

struct tls_server;
struct tls_conn;

enum tls_kind {
	TLS_CONTROL, /* gives session tickets when asked to; forgets decrypted bytes at once; small
			buffers */
	TLS_DATA,    /* no tickets; large buffers. A wire has one of these at a time */
};

/*
 * Loads the certificates of conf->tls and their keys and makes ready what connections share. For
 * the listener, before it gives up anything. Returns 0, or -EINVAL after at least one complaint. A
 * configuration without an FTPS listener needs no certificate.
 */
int tls_server_new(const struct conf *conf, conf_complain_fn *complain, void *ctx,
		   struct tls_server **ret_server) MUST_CHECK;
/*
 * The same when signer holds the private keys: keys are their public halves, and every handshake
 * that is not resumed is one sign_ask(). Needs sign_use() before: a trial handshake proves them.
 */
int tls_server_new_remote(const struct conf *conf, const struct sign_keys *keys,
			  conf_complain_fn *complain, void *ctx,
			  struct tls_server **ret_server) MUST_CHECK;
void tls_server_free(struct tls_server *ts);

/*
 * Would clients believe these certificates: dates, order of the chain, names? Those that old has
 * too (NULL: nothing) cannot make things worse and are not looked at. Returns 0, or -EINVAL after
 * at least one complaint; warnings are complained about as well.
 */
int tls_server_judge(const struct tls_server *ts, const struct tls_server *old,
		     conf_complain_fn *complain, void *ctx) MUST_CHECK;
/* Is every DNS name of old's certificates served by now's? If not, one that is lost. */
bool tls_server_keeps_names(const struct tls_server *old, const struct tls_server *now,
			    char *ret_lost, size_t size);
/*
 * Does a certificate expire within so many days? The first of them; ret_days < 0: it has expired.
 */
bool tls_server_expires(const struct tls_server *ts, int within_days, int *ret_days,
			const char **ret_file);

/* In wire, once, before the first connection: takes random ticket keys. Returns 0 or -EIO. */
int tls_server_own(struct tls_server *ts) MUST_CHECK;

/*
 * The keys of tickets that all sessions of one user from one address share. The listener has the
 * secret and makes a key for a session that has logged in; its wire gives tickets under it from
 * then on.
 */
#define TLS_SECRET 32
#define TLS_SHARED_KEY 80
int tls_secret(uint8_t ret_secret[TLS_SECRET]) MUST_CHECK;
int tls_shared_key(const uint8_t secret[TLS_SECRET], const char *user, const char *addr,
		   uint8_t ret_key[TLS_SHARED_KEY]) MUST_CHECK;
void tls_server_share(struct tls_server *ts, const uint8_t key[TLS_SHARED_KEY]);

/* May a client ask for this name? Any, unless tls.unknown-names says otherwise. ts may be NULL. */
bool tls_server_takes(const struct tls_server *ts, const char *name);

/* A connection on fd, which stays the caller's and must not block. The client speaks first. */
struct tls_conn *tls_new(struct tls_server *ts, int fd, enum tls_kind kind);
/*
 * The name that HOST gave (RFC 7151), before the handshake: it chooses the certificate for a client
 * that sends no SNI. Returns 0, or -ENAMETOOLONG.
 */
int tls_want_name(struct tls_conn *c, const char *name) MUST_CHECK;
/* Frees it without a word to the peer (see tls_finish). NULL is nothing. */
void tls_free(struct tls_conn *c);

/*
 * Goes on with the handshake. Returns 0 (done), -EAGAIN (poll for tls_events), -ECONNRESET (the
 * peer is gone), -EPROTO (refused; tls_error says why).
 */
int tls_handshake(struct tls_conn *c) MUST_CHECK;

/*
 * Reads up to len bytes, as many records as are there. Returns the count, 0 when the peer ended the
 * stream cleanly (close_notify), -EAGAIN, -ECONNRESET (it ended without that: what came may be
 * cut), -EPROTO.
 */
ssize_t tls_read(struct tls_conn *c, void *at, size_t len) MUST_CHECK;

/* Are there bytes that poll(2) does not know of? Then read before waiting. */
bool tls_pending(const struct tls_conn *c);

/*
 * Takes up to len bytes for sending; it may send when its room is full. Returns the count (fewer
 * when the socket is full), -EAGAIN, -ECONNRESET, -EPROTO.
 */
ssize_t tls_write(struct tls_conn *c, const void *at, size_t len) MUST_CHECK;

/* Sends what was taken. Returns 0 (all of it), -EAGAIN (poll for tls_events), -ECONNRESET. */
int tls_flush(struct tls_conn *c) MUST_CHECK;

/*
 * Puts our close_notify behind what was written (once) and flushes. Results as tls_flush. Behind 0
 * the caller shuts the socket down or closes it: the kernel may keep the last packet until then.
 */
int tls_finish(struct tls_conn *c) MUST_CHECK;

/* Bytes, as encrypted, that were taken and not yet sent. */
size_t tls_unsent(const struct tls_conn *c);

/* POLLOUT while output waits, else 0. The caller adds POLLIN when he wants to read. */
short tls_events(const struct tls_conn *c);

/*
 * On a control connection: a fresh session ticket goes out in front of the next bytes written, for
 * clients that use each ticket once. Nothing happens below TLS 1.3, where one ticket serves for
 * ever.
 */
void tls_ticket(struct tls_conn *c);

/* After the handshake. */
bool tls_is_resumed(const struct tls_conn *c);
const char *tls_version(const struct tls_conn *c);
const char *tls_cipher(const struct tls_conn *c);

/*
 * The handshake in which the client proved its certificate, for monitor, which alone judges it;
 * NULL: it showed none. Good until tls_client_forget().
 */
const uint8_t *tls_client_proof(struct tls_conn *c, size_t *ret_len);
void tls_client_forget(struct tls_conn *c);

/* The fingerprint of a control connection's client (JA3), or "". */
const char *tls_ja3(const struct tls_conn *c);

/* Why the last call failed, in OpenSSL's words; never NULL. */
const char *tls_error(const struct tls_conn *c);

#endif
