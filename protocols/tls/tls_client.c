/* SPDX-License-Identifier: ISC */
/*
 * tls_client.c - certificates of clients: who may vouch for them, and keeping the handshake in
 * which one proved that it is his. Wire asks for a certificate and judges none; monitor does
 * (tls_proof.c).
 */
#include "protocols/tls/tls_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "server/base/text.h"

/* What monitor takes: a hello, two chains, and what lies between. */
#define MESSAGES_MAX 20000u

static int
believe_nothing(X509_STORE_CTX *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	return 1; /* and decide nothing: monitor does */
}

int
tls_client_load(struct tls_server *ts, const struct conf *conf, conf_complain_fn *complain,
		void *ctx)
{
	struct conf_place place = conf_place_of(conf, &conf->tls.client_ca);
	const char *ca = conf->tls.client_ca, *crl = conf->tls.client_crl, *what = NULL;
	STACK_OF(X509_NAME) * names;
	char room[1024];
	struct text t;

	if (!ca)
		return 0;
	ERR_clear_error();
	ts->clients = X509_STORE_new();
	names = SSL_load_client_CA_file(ca);
	if (!ts->clients || !names || X509_STORE_load_file(ts->clients, ca) != 1)
		what = "it must hold the certificates of authorities, in PEM";
	else if (crl && X509_STORE_load_file(ts->clients, crl) != 1)
		what = "the list of revoked certificates cannot be read";
	if (what) {
		text_init(&t, room, sizeof(room));
		text_printf(&t, "%s: %s", crl && names ? crl : ca, what);
		complain(ctx, &place, room);
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return -EINVAL;
	}
	if (crl)
		X509_STORE_set_flags(ts->clients, X509_V_FLAG_CRL_CHECK);
	SSL_CTX_set_client_CA_list(ts->ctx, names);
	SSL_CTX_set_cert_verify_callback(ts->ctx, believe_nothing, NULL);
	return 0;
}

void
tls_client_ask(struct tls_conn *c)
{
	if (!c->server->clients || c->kind != TLS_CONTROL)
		return;
	SSL_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
	c->messages = mem_new(1, MESSAGES_MAX);
}

void
tls_client_keep(struct tls_conn *c, bool sent, const void *at, size_t len)
{
	const uint8_t type = *(const uint8_t *)at;

	if (!c->messages || c->ready || c->proven)
		return;
	if (len > MESSAGES_MAX - c->messages_len) {
		c->messages_lost = true;
		return;
	}
	memcpy(c->messages + c->messages_len, at, len);
	c->messages_len += len;
	c->proven = !sent && type == SSL3_MT_CERTIFICATE_VERIFY; /* nothing behind it is signed */
}

const uint8_t *
tls_client_proof(struct tls_conn *c, size_t *ret_len)
{
	*ret_len = c->messages_len;
	return c->proven && !c->messages_lost ? c->messages : NULL;
}

void
tls_client_forget(struct tls_conn *c)
{
	free(c->messages);
	c->messages = NULL;
}
