/* SPDX-License-Identifier: ISC */
/* tls_in.h - what the files of this room know of each other. Nobody else includes it. */
#ifndef PROTOCOLS_TLS_TLS_IN_H
#define PROTOCOLS_TLS_TLS_IN_H

#include <openssl/ssl.h>

#include "protocols/tls/tls.h"

/* Bytes of contents in one record (RFC 8446, 5.1). */
#define TLS_RECORD_MAX 16384u
/* Everything that a client may send before the handshake is done. */
#define TLS_HANDSHAKE_MAX (128u * 1024)

/* One entry of tls.certificates. */
struct tls_pair {
	struct conf_place place;
	const char *file; /* of the configuration, which outlives us */
	X509 *leaf;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
};

struct tls_ticket_keys {
	uint8_t name[16], mac[32], aes[32];
};

struct tls_server {
	struct tls_ticket_keys own, shared; /* tls_ticket.c */
	bool has_shared;
	SSL_CTX *ctx; /* NULL when no listener speaks TLS */
	struct tls_pair *pairs;
	size_t pair_count;
	X509_STORE
	*clients;	   /* authorities for clients; NULL: no client is asked for a certificate */
	bool refuse_names; /* a client that asks for a name which is in no certificate is refused */
	BIO_METHOD *method; /* how a connection reaches its socket: tls_bio.c */
	uint8_t *data_out;  /* room for TLS_BATCH of records, lent to the one data connection */
	size_t data_out_size;
	bool data_out_lent;
};

struct tls_conn {
	struct tls_server *server;
	SSL *ssl;
	int fd;
	enum tls_kind kind;
	bool ready;  /* the handshake is done */
	bool ended;  /* recv said that there is no more */
	bool broken; /* the socket failed, or the peer went too far: nothing is read or sent any
			more */
	bool said_goodbye, heard_goodbye; /* close_notify, by us and by the peer */
	bool has_more; /* OpenSSL holds bytes; a part of a record that is not yet there does not
			  count */
	uint64_t handshake_bytes;
	unsigned int key_updates;
	uint8_t *out; /* records that wait to be sent: out[out_pos..out_len) */
	size_t out_size, out_len, out_pos;
	bool out_is_lent;
	uint8_t *messages; /* of the handshake, for monitor; NULL: no certificate was asked for */
	size_t messages_len;
	bool messages_lost, proven; /* too many; the client signed them */
	char ja3[33];
	char host[256]; /* what HOST named before TLS began, or "" */
	char error[160];
};

/*
 * Reads a certificate, its chain and its key. remote is the public half of a key that signer holds;
 * NULL: the private key is read from its file. Returns 0, or -EINVAL after a complaint.
 */
int tls_key_load(const struct conf_certificate *conf, const struct sign_key *remote,
		 conf_complain_fn *complain, void *complain_ctx, struct tls_pair *ret) MUST_CHECK;
void tls_key_clear(struct tls_pair *pair);

/* Is the name in one of the certificates? */
bool tls_name_is_served(const struct tls_server *ts, const char *name);
/* Callbacks of ctx: take the certificates that fit the name; refuse the name. arg: tls_server. */
int tls_name_choose(SSL *ssl, void *arg);
int tls_name_check(SSL *ssl, int *alert, void *arg);

/*
 * Shakes hands with itself once per protocol version: it proves that keys and certificates serve,
 * and lets OpenSSL fetch and compute before the fork what every connection would do again after it.
 * Returns 0, or -EINVAL after a complaint.
 */
int tls_warm(const struct tls_server *ts, conf_complain_fn *complain,
	     void *complain_ctx) MUST_CHECK;

/* A callback of ctx: writes down the client's hello. */
int tls_ja3_hello(SSL *ssl, int *alert, void *arg);

/* Lets tls_ticket_hello() see what it looks for. */
bool tls_ticket_prepare(SSL_CTX *ctx) MUST_CHECK;
/*
 * In that callback, on a control connection. Programs with GnuTLS (wget) may take the session right
 * behind the handshake and show no later ticket, so they get one there. It is good in this process
 * only, which does no harm: GnuTLS has no cache that connections share.
 */
void tls_ticket_hello(SSL *ssl);

/* For what the data connection sends, before the first. */
void tls_server_make_room(struct tls_server *ts);

/* tls_client.c - loads tls.client-ca; asks a connection's client; keeps what it says. */
int tls_client_load(struct tls_server *ts, const struct conf *conf, conf_complain_fn *complain,
		    void *ctx) MUST_CHECK;
void tls_client_ask(struct tls_conn *c);
void tls_client_keep(struct tls_conn *c, bool sent, const void *at, size_t len);

/* tls_bio.c - how connections reach their sockets. NULL when there is no memory. */
BIO_METHOD *tls_bio_method(void);
/* Room for what is to be sent: that of ts for its one data connection, else one's own. */
void tls_bio_init(struct tls_conn *c);
void tls_bio_clear(struct tls_conn *c);
/* Sends what waits, as far as the socket takes it. */
void tls_bio_send(struct tls_conn *c);
/* Bytes of room behind what waits; moves a small rest to the front rather than sending in small
 * pieces, and sends only when there is less than wanted. */
size_t tls_bio_room(struct tls_conn *c, size_t wanted);

/* A callback of ctx that counts what a peer may send for nothing. */
void tls_conn_watch(int write_p, int version, int content_type, const void *at, size_t len,
		    SSL *ssl, void *arg);

#endif
