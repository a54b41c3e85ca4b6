/* SPDX-License-Identifier: ISC */
/*
 * tls_fixture.h - a server of ours with a certificate that is made for the test, and OpenSSL as its
 * client over a socket pair.
 */
#ifndef TESTS_UNIT_TLS_FIXTURE_H
#define TESTS_UNIT_TLS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "protocols/tls/tls.h"

static char cert_file[] = "/tmp/coffer-test-cert-XXXXXX",
	    key_file[] = "/tmp/coffer-test-key-XXXXXX";
static unsigned int complaints;

static inline void
count_complaint(void *ctx, const struct conf_place *place, const char *text)
{
	(void)ctx;
	(void)place;
	(void)text;
	complaints++;
}

static inline int
make_certificate(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	FILE *out;

	(void)state;
	assert_true(key && cert);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	out = fdopen(mkstemp(cert_file), "w");
	assert_non_null(out);
	PEM_write_X509(out, cert);
	fclose(out);
	out = fdopen(mkstemp(key_file), "w");
	assert_non_null(out);
	PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
	fclose(out);
	X509_free(cert);
	EVP_PKEY_free(key);
	return 0;
}

static inline int
remove_certificate(void **state)
{
	(void)state;
	unlink(cert_file);
	unlink(key_file);
	return 0;
}

static inline struct tls_server *
new_server_from(enum conf_tls_version minimum)
{
	static struct conf_certificate pair = { .certificate = cert_file, .key = key_file };
	static struct conf_listener listener = { .protocol = CONF_FTPS };
	static struct conf conf;
	struct tls_server *ts = NULL;

	conf.listeners = &listener;
	conf.listener_count = 1;
	conf.tls.certificates = &pair;
	conf.tls.certificate_count = 1;
	conf.tls.minimum_version = minimum;
	assert_int_equal(tls_server_new(&conf, count_complaint, NULL, &ts), 0);
	assert_int_equal(tls_server_own(ts), 0);
	return ts;
}

static inline struct tls_server *
new_server(void)
{
	return new_server_from(CONF_TLS_1_2);
}

/* One connection: our end, and OpenSSL's at the other. */
struct pair {
	int ours, theirs;
	struct tls_conn *c;
	SSL_CTX *ctx;
	SSL *client;
};

static inline void
open_pair(struct pair *p, struct tls_server *ts, enum tls_kind kind, int version,
	  SSL_SESSION *resume, const char *alpn)
{
	const int room = 1024 * 1024;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)),
				 0);
	p->ours = ends[0];
	p->theirs = ends[1];
	p->c = tls_new(ts, p->ours, kind);
	p->ctx = SSL_CTX_new(TLS_client_method());
	assert_non_null(p->ctx);
	SSL_CTX_set_session_cache_mode(p->ctx, SSL_SESS_CACHE_CLIENT);
	assert_int_equal(SSL_CTX_set_max_proto_version(p->ctx, version), 1);
	p->client = SSL_new(p->ctx);
	assert_non_null(p->client);
	SSL_set_fd(p->client, p->theirs);
	SSL_set_connect_state(p->client);
	if (alpn)
		SSL_set_alpn_protos(p->client, (const uint8_t *)alpn, (unsigned int)strlen(alpn));
	if (resume)
		SSL_set_session(p->client, resume);
}

/* Until both are done or one fails. Returns what our side said. */
static inline int
shake_hands(struct pair *p)
{
	int err = -EAGAIN;

	for (int i = 0; i < 20; i++) {
		bool done = SSL_do_handshake(p->client) == 1;

		err = tls_handshake(p->c);
		if ((done && err == 0) || (err < 0 && err != -EAGAIN))
			break;
	}
	return err;
}

static inline void
close_pair(struct pair *p)
{
	tls_free(p->c);
	SSL_set_shutdown(p->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(p->client);
	SSL_CTX_free(p->ctx);
	close(p->ours);
	close(p->theirs);
}

/* A control connection's newest session, as a client takes it from the ticket. */
static inline SSL_SESSION *
control_session(struct pair *p, struct tls_server *ts, int version)
{
	char byte;

	open_pair(p, ts, TLS_CONTROL, version, NULL, NULL);
	assert_int_equal(shake_hands(p), 0);
	tls_ticket(p->c);
	assert_int_equal(tls_write(p->c, "x", 1), 1);
	assert_int_equal(tls_flush(p->c), 0);
	assert_int_equal(SSL_read(p->client, &byte, 1), 1);
	return SSL_get1_session(p->client);
}

static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };

#endif
