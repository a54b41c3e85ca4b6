/* SPDX-License-Identifier: ISC */
/*
 * test_tls_proof.c - only the handshake of this very connection proves a client's certificate: not
 * one with a byte changed, cut, of another connection, or with a server that is not ours. Client
 * and servers are real.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "protocols/tls/tls_proof.h"

/* A certificate that vouches for itself, and its key; also in files. */
struct pair {
	const char *name;
	char cert_file[40], key_file[40];
	X509 *cert;
	EVP_PKEY *key;
	struct tls_server *server; /* which has it */
};

static struct pair anna = { .name = "anna" }, evil = { .name = "evil.example" };

static void
no_complaint(void *ctx, const struct conf_place *place, const char *text)
{
	(void)ctx;
	(void)place;
	fail_msg("%s", text);
}

static FILE *
new_file(char *path, size_t size)
{
	snprintf(path, size, "/tmp/coffer-test-tls-XXXXXX");
	return fdopen(mkstemp(path), "w");
}

static void
make_pair(struct pair *p)
{
	X509_NAME *name;
	FILE *out;

	p->key = EVP_EC_gen("P-256");
	p->cert = X509_new();
	assert_true(p->key && p->cert);
	ASN1_INTEGER_set(X509_get_serialNumber(p->cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(p->cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(p->cert), 3600);
	name = X509_get_subject_name(p->cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)p->name, -1, -1, 0);
	X509_set_issuer_name(p->cert, name);
	X509_set_pubkey(p->cert, p->key);
	assert_true(X509_sign(p->cert, p->key, EVP_sha256()) > 0);
	out = new_file(p->cert_file, sizeof(p->cert_file));
	PEM_write_X509(out, p->cert);
	fclose(out);
	out = new_file(p->key_file, sizeof(p->key_file));
	PEM_write_PrivateKey(out, p->key, NULL, NULL, 0, NULL, NULL);
	fclose(out);
}

/* Both ask for a certificate of anna's authority, which is she. */
static void
make_server(struct pair *p)
{
	struct conf_certificate pair = { .certificate = p->cert_file, .key = p->key_file };
	struct conf_listener listener = { .protocol = CONF_FTPS };
	struct conf conf = { .listeners = &listener, .listener_count = 1 };

	conf.tls.certificates = &pair;
	conf.tls.certificate_count = 1;
	conf.tls.client_ca = anna.cert_file;
	assert_int_equal(tls_server_new(&conf, no_complaint, NULL, &p->server), 0);
	assert_int_equal(tls_server_own(p->server), 0);
}

static int
make(void **state)
{
	(void)state;
	make_pair(&anna);
	make_pair(&evil);
	make_server(&anna);
	make_server(&evil);
	return 0;
}

static void
unmake_pair(struct pair *p)
{
	tls_server_free(p->server);
	X509_free(p->cert);
	EVP_PKEY_free(p->key);
	unlink(p->cert_file);
	unlink(p->key_file);
}

static int
unmake(void **state)
{
	(void)state;
	unmake_pair(&anna);
	unmake_pair(&evil);
	return 0;
}

struct seen {
	uint8_t messages[20000], tbs[1024];
	size_t len, tbs_len;
};

/* What signer would have signed: found in the messages, since here is no signer. */
static void
find_signed(struct seen *s, bool v13)
{
	static const char label[] = "TLS 1.3, server CertificateVerify";
	const uint8_t *hello = s->messages, *at = s->messages;

	for (;;) {
		size_t len = (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];

		if (at[0] == 2 && !v13) {
			memcpy(s->tbs, hello + 6, 32);
			memcpy(s->tbs + 32, at + 6, 32);
		}
		if (at[0] == 12) { /* curve type, group, length of the point */
			s->tbs_len = 64 + 4u + at[7];
			memcpy(s->tbs + 64, at + 4, s->tbs_len - 64);
			return;
		}
		at += 4 + len;
		if (v13 && at[-(ptrdiff_t)len - 4] == 11)
			break;
	}
	memset(s->tbs, ' ', 64);
	memcpy(s->tbs + 64, label, sizeof(label));
	s->tbs_len = 64 + sizeof(label) + 32;
	EVP_Digest(s->messages, (size_t)(at - s->messages), s->tbs + 64 + sizeof(label), NULL,
		   EVP_sha256(), NULL);
}

/* Anna's client with the server of that certificate. */
static void
shake_hands(int version, struct pair *with, struct seen *ret)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct tls_conn *c;
	const uint8_t *proof;
	SSL *client;
	int ends[2], done = 0, err = -EAGAIN;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	SSL_CTX_set_max_proto_version(ctx, version);
	SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256");
	SSL_CTX_use_certificate(ctx, anna.cert);
	SSL_CTX_use_PrivateKey(ctx, anna.key);
	client = SSL_new(ctx);
	SSL_set_fd(client, ends[1]);
	SSL_set_connect_state(client);
	c = tls_new(with->server, ends[0], TLS_CONTROL);
	for (int i = 0; i < 20 && (done != 1 || err < 0); i++) {
		done = SSL_do_handshake(client);
		err = tls_handshake(c);
	}
	assert_int_equal(err, 0);
	proof = tls_client_proof(c, &ret->len);
	assert_non_null(proof);
	memcpy(ret->messages, proof, ret->len);
	find_signed(ret, version == TLS1_3_VERSION);
	SSL_free(client);
	SSL_CTX_free(ctx);
	tls_free(c);
	close(ends[0]);
	close(ends[1]);
}

static int
check(const struct seen *s, const struct seen *signed_by, size_t len, struct auth_certificate *ret)
{
	const struct tls_proof proof = { .signed_bytes = signed_by->tbs,
					 .signed_len = signed_by->tbs_len,
					 .messages = s->messages,
					 .len = len };
	const char *reason;

	return tls_proof_check(anna.server, &proof, ret, &reason);
}

static void
only_this_handshake(int version)
{
	struct seen *mine = malloc(sizeof(*mine)), *other = malloc(sizeof(*other));
	struct auth_certificate who;

	shake_hands(version, &anna, mine);
	shake_hands(version, &anna, other);
	assert_int_equal(check(mine, mine, mine->len, &who), 0);
	assert_int_equal(who.count, 1);
	assert_string_equal(who.names[0].text, "anna");
	assert_int_equal(strlen(who.fingerprint), 64);
	/* Another connection's handshake, good in itself. */
	assert_int_equal(check(other, other, other->len, &who), 0);
	assert_int_equal(check(other, mine, other->len, &who), -EACCES);
	assert_int_equal(check(mine, other, mine->len, &who), -EACCES);
	for (size_t len = 0; len < mine->len; len++)
		assert_int_equal(check(mine, mine, len, &who), -EACCES);
	for (size_t i = 0; i < mine->len; i++) {
		mine->messages[i] ^= (uint8_t)(1u << (i % 8));
		assert_int_equal(check(mine, mine, mine->len, &who), -EACCES);
		mine->messages[i] ^= (uint8_t)(1u << (i % 8));
	}
	assert_int_equal(check(mine, mine, mine->len, &who), 0);
	/* She was at a server of another certificate, and a bad wire had that signed here. */
	shake_hands(version, &evil, other);
	assert_int_equal(check(other, other, other->len, &who), -EACCES);
	/* Nothing was signed for this connection. */
	mine->tbs_len = 0;
	assert_int_equal(check(mine, mine, mine->len, &who), -EACCES);
	free(mine);
	free(other);
}

static void
test_tls13_only_this_handshake_proves(void **state)
{
	(void)state;
	only_this_handshake(TLS1_3_VERSION);
}

static void
test_tls12_only_this_handshake_proves(void **state)
{
	(void)state;
	only_this_handshake(TLS1_2_VERSION);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls13_only_this_handshake_proves),
		cmocka_unit_test(test_tls12_only_this_handshake_proves),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
