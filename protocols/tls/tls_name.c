/* SPDX-License-Identifier: ISC */
/*
 * tls_name.c - which certificate a client sees: one whose names fit the one that it asked for, by
 * SNI or else by HOST (RFC 7151), of each kind of key the first that is written down. The first of
 * all is for those who name nothing. Runs in wire.
 */
#include "protocols/tls/tls_in.h"

#include <string.h>

#include <openssl/x509v3.h>

static bool
fits(const struct tls_pair *pair, const char *name)
{
	return X509_check_host(pair->leaf, name, 0, 0, NULL) == 1 ||
	       X509_check_ip_asc(pair->leaf, name, 0) == 1;
}

bool
tls_name_is_served(const struct tls_server *ts, const char *name)
{
	for (size_t i = 0; i < ts->pair_count; i++)
		if (fits(&ts->pairs[i], name))
			return true;
	return false;
}

bool
tls_server_takes(const struct tls_server *ts, const char *name)
{
	return !ts || !ts->refuse_names || tls_name_is_served(ts, name);
}

/* Does the connection have a certificate with this kind of key already? */
static bool
has_kind(SSL *ssl, const EVP_PKEY *key)
{
	long more = SSL_set_current_cert(ssl, SSL_CERT_SET_FIRST);

	for (; more == 1; more = SSL_set_current_cert(ssl, SSL_CERT_SET_NEXT)) {
		const EVP_PKEY *have = SSL_get_privatekey(ssl);

		if (have && EVP_PKEY_get_base_id(have) == EVP_PKEY_get_base_id(key))
			return true;
	}
	return false;
}

static bool
use_fitting(SSL *ssl, const struct tls_server *ts, const char *name)
{
	SSL_certs_clear(ssl);
	for (size_t i = 0; i < ts->pair_count; i++) {
		const struct tls_pair *pair = &ts->pairs[i];

		if (fits(pair, name) && !has_kind(ssl, pair->key) &&
		    SSL_use_cert_and_key(ssl, pair->leaf, pair->key, pair->chain, 1) != 1)
			return false;
	}
	return true;
}

/* The name that counts: what TLS says is newer than what HOST said. */
static const char *
wanted_name(const SSL *ssl)
{
	const struct tls_conn *c = SSL_get_app_data(ssl);
	const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	return sni ? sni : c && c->host[0] ? c->host : NULL;
}

int
tls_name_choose(SSL *ssl, void *arg)
{
	const struct tls_server *ts = arg;
	const char *name = wanted_name(ssl);

	/* One certificate, or nobody asks: ctx has what is needed. */
	if (!name || ts->pair_count < 2 || !tls_name_is_served(ts, name))
		return 1;
	return use_fitting(ssl, ts, name) ? 1 : 0;
}

int
tls_name_check(SSL *ssl, int *alert, void *arg)
{
	const struct tls_server *ts = arg;
	const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (!sni || tls_server_takes(ts, sni))
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}
