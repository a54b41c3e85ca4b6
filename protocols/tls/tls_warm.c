/* SPDX-License-Identifier: ISC */
/*
 * tls_warm.c - handshakes inside of one process, over memory. Runs in the listener. OpenSSL fetches
 * algorithms, builds tables and faults in pages at first use; what is done here once is inherited
 * by every wire (a first handshake in a cold process costs five times one in a warm process).
 */
#include "protocols/tls/tls_in.h"

#include <errno.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "server/base/text.h"

/* A handshake is over after three flights; what takes longer than this will never end. */
#define ROUNDS_MAX 20

static bool
shake_hands(SSL *client, SSL *server)
{
	uint8_t byte = 0;
	size_t n;

	for (int i = 0; i < ROUNDS_MAX; i++) {
		int c = SSL_do_handshake(client);
		int s = SSL_do_handshake(server);

		if (c == 1 && s == 1)
			return SSL_write_ex(server, "x", 1, &n) == 1 &&
			       SSL_read_ex(client, &byte, 1, &n) == 1 && byte == 'x';
		if (c != 1 && SSL_get_error(client, c) != SSL_ERROR_WANT_READ)
			return false;
		if (s != 1 && SSL_get_error(server, s) != SSL_ERROR_WANT_READ)
			return false;
	}
	return false;
}

static bool
warm_version(SSL_CTX *ctx, SSL_CTX *client_ctx, int version, const char *name)
{
	SSL *client = SSL_new(client_ctx), *server = SSL_new(ctx);
	BIO *left = NULL, *right = NULL;
	bool ok = false;

	if (client && server && BIO_new_bio_pair(&left, 65536, &right, 65536) == 1) {
		SSL_set_bio(client, left, left);
		SSL_set_bio(server, right, right);
		SSL_set_connect_state(client);
		SSL_set_accept_state(server);
		if (name)
			ignore_result((int)SSL_set_tlsext_host_name(client, name));
		ok = SSL_set_min_proto_version(client, version) == 1 &&
		     SSL_set_max_proto_version(client, version) == 1 && shake_hands(client, server);
	}
	SSL_free(client);
	SSL_free(server);
	return ok;
}

/* The first DNS name of a certificate, in room; NULL when it has none. */
static const char *
first_name(X509 *leaf, char *room, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	struct text t;

	text_init(&t, room, size);
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && t.len == 0; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			text_putn(&t, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
				  (size_t)ASN1_STRING_length(name->d.dNSName));
	}
	GENERAL_NAMES_free(names);
	/* A client asks for a name, and not for all below one. */
	if (t.len > 0 && room[0] == '*')
		room[0] = 'x';
	return t.len > 0 && !t.cut ? room : NULL;
}

int
tls_warm(const struct tls_server *ts, conf_complain_fn *complain, void *complain_ctx)
{
	static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };
	static const struct conf_place nowhere;
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());
	char name[256];
	bool ok = client != NULL;
	/* Sessions of our own client are nothing to remember. */
	long cache = SSL_CTX_set_session_cache_mode(ts->ctx, SSL_SESS_CACHE_OFF);

	ERR_clear_error();
	for (size_t i = 0; ok && i < COUNT_OF(versions); i++) {
		if (versions[i] < SSL_CTX_get_min_proto_version(ts->ctx))
			continue;
		for (size_t k = 0; ok && k < ts->pair_count; k++)
			ok = warm_version(ts->ctx, client, versions[i],
					  k ? first_name(ts->pairs[k].leaf, name, sizeof(name))
					    : NULL);
	}
	SSL_CTX_free(client);
	SSL_CTX_set_session_cache_mode(ts->ctx, cache);
	if (!ok) {
		char room[256];
		struct text t;
		const char *reason = ERR_reason_error_string(ERR_peek_last_error());

		text_init(&t, room, sizeof(room));
		text_printf(&t, "tls: a trial handshake with these certificates fails: %s",
			    reason ? reason : "no reason given");
		complain(complain_ctx, &nowhere, room);
	}
	ERR_clear_error();
	return ok ? 0 : -EINVAL;
}
