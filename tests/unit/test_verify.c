/* SPDX-License-Identifier: ISC */
/*
 * test_verify.c - monitor's own look at a signature (ledger AU06): keys and signatures are made
 * here with OpenSSL, the request is built by hand from RFC 4252, and every way of being another one
 * is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "auth/verify.h"
#include "server/base/buf.h"

#define HOSTBOUND "publickey-hostbound-v00@openssh.com"

static const struct kind {
	const char *algorithm, *type; /* NULL: what verify_blob says */
	const char *curve;
	unsigned int bits;
	const char *digest;
	bool sk;
} kinds[] = {
	{ "ssh-ed25519", NULL, NULL, 0, NULL, false },
	{ "ecdsa-sha2-nistp256", NULL, "P-256", 0, "SHA256", false },
	{ "ecdsa-sha2-nistp384", NULL, "P-384", 0, "SHA384", false },
	{ "ecdsa-sha2-nistp521", NULL, "P-521", 0, "SHA512", false },
	{ "rsa-sha2-256", NULL, NULL, 2048, "SHA256", false },
	{ "rsa-sha2-512", NULL, NULL, 3072, "SHA512", false },
	{ "sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", NULL, 0, NULL, true },
	{ "sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "P-256", 0,
	  "SHA256", true },
};

static const uint8_t session_id[32] = "thirty-two bytes of session id.";
static const uint8_t host_key[] = "a host key's blob", other_host[] = "another host's blob";

struct made {
	EVP_PKEY *key;
	uint8_t blob[1024], signature[1024];
	struct verify_question q;
};

static EVP_PKEY *
make_key(const struct kind *k)
{
	EVP_PKEY *key = k->curve  ? EVP_EC_gen(k->curve)
			: k->bits ? EVP_RSA_gen(k->bits)
				  : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	assert_non_null(key);
	return key;
}

static void
put_blob(struct made *m, const struct kind *k)
{
	uint8_t *spki = NULL, plain[1024];
	int len = i2d_PUBKEY(m->key, &spki);
	size_t n, skip;
	struct buf b, r;

	assert_true(len > 0);
	assert_int_equal(verify_blob(spki, (size_t)len, plain, sizeof(plain), &n), 0);
	OPENSSL_free(spki);
	buf_init(&b, m->blob, sizeof(m->blob));
	if (k->sk) { /* another name in front, the application behind */
		buf_init_read(&r, plain, n);
		assert_non_null(buf_get_string(&r, &skip));
		buf_put_cstring(&b, k->type);
		buf_put_bytes(&b, plain + 4 + skip, n - 4 - skip);
		buf_put_cstring(&b, "ssh:");
	} else {
		buf_put_bytes(&b, plain, n);
	}
	assert_false(b.bad);
	m->q.blob = m->blob;
	m->q.blob_len = b.end;
}

static void
sign(struct made *m, const struct kind *k, const char *method, const uint8_t *host, size_t host_len,
     uint8_t flags)
{
	uint8_t message[4096], wrapped[2 * SHA256_DIGEST_LENGTH + 5];
	size_t skip = k->sk ? 5 : 0, len = sizeof(m->signature) - skip;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct buf b;

	buf_init(&b, message, sizeof(message));
	buf_put_string(&b, session_id, sizeof(session_id));
	buf_put_u8(&b, 50);
	buf_put_cstring(&b, "alice");
	buf_put_cstring(&b, "ssh-connection");
	buf_put_cstring(&b, method);
	buf_put_u8(&b, 1);
	buf_put_cstring(&b, k->algorithm);
	buf_put_string(&b, m->blob, m->q.blob_len);
	if (host)
		buf_put_string(&b, host, host_len);
	if (k->sk) {
		m->signature[0] = flags;
		memcpy(m->signature + 1, "\0\0\1\7", 4);
		SHA256((const uint8_t *)"ssh:", 4, wrapped);
		memcpy(wrapped + SHA256_DIGEST_LENGTH, m->signature, 5);
		SHA256(message, b.end, wrapped + SHA256_DIGEST_LENGTH + 5);
		buf_init(&b, message, sizeof(message));
		buf_put_bytes(&b, wrapped, sizeof(wrapped));
	}
	assert_true(EVP_DigestSignInit_ex(ctx, NULL, k->digest, NULL, NULL, m->key, NULL) > 0);
	assert_true(EVP_DigestSign(ctx, m->signature + skip, &len, message, b.end) > 0);
	EVP_MD_CTX_free(ctx);
	m->q.signature = m->signature;
	m->q.signature_len = len + skip;
}

static void
make(struct made *m, const struct kind *k)
{
	memset(m, 0, sizeof(*m));
	m->key = make_key(k);
	m->q.session_id = session_id;
	m->q.session_id_len = sizeof(session_id);
	m->q.user = "alice";
	m->q.algorithm = k->algorithm;
	put_blob(m, k);
	sign(m, k, "publickey", NULL, 0, 1);
}

static void
test_a_right_signature_of_every_kind_verifies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct made m;

		make(&m, &kinds[i]);
		assert_int_equal(verify_signature(&m.q), 0);
		EVP_PKEY_free(m.key);
	}
}

static void
test_a_signature_over_anything_else_is_refused(void **state)
{
	static const uint8_t other_id[32] = "thirty-two bytes of session iD.";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct verify_question q;
		struct made m, n;

		make(&m, &kinds[i]);
		make(&n, &kinds[i]);
		q = m.q, q.session_id = other_id;
		assert_int_not_equal(verify_signature(&q), 0);
		q = m.q, q.session_id_len = 0;
		assert_int_not_equal(verify_signature(&q), 0);
		q = m.q, q.session_id_len--;
		assert_int_not_equal(verify_signature(&q), 0);
		q = m.q, q.user = "alicf";
		assert_int_not_equal(verify_signature(&q), 0);
		q = m.q, q.blob = n.blob, q.blob_len = n.q.blob_len;
		assert_int_not_equal(verify_signature(&q), 0);
		q = m.q, q.signature_len--;
		assert_int_not_equal(verify_signature(&q), 0);
		q = m.q, q.blob_len--;
		assert_int_not_equal(verify_signature(&q), 0);
		for (size_t j = 0; j < COUNT_OF(kinds); j++) {
			q = m.q, q.algorithm = kinds[j].algorithm;
			if (j != i)
				assert_int_not_equal(verify_signature(&q), 0);
		}
		EVP_PKEY_free(m.key);
		EVP_PKEY_free(n.key);
	}
}

static void
test_a_flipped_bit_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct made m;

		make(&m, &kinds[i]);
		for (size_t at = 0; at < m.q.signature_len; at += 7) {
			m.signature[at] ^= 0x20;
			assert_int_not_equal(verify_signature(&m.q), 0);
			m.signature[at] ^= 0x20;
		}
		assert_int_equal(verify_signature(&m.q), 0);
		EVP_PKEY_free(m.key);
	}
}

static void
test_a_short_rsa_key_is_refused(void **state)
{
	static const struct kind small = { "rsa-sha2-256", NULL, NULL, 1024, "SHA256", false };
	struct made m;

	(void)state;
	make(&m, &small);
	assert_int_not_equal(verify_signature(&m.q), 0);
	EVP_PKEY_free(m.key);
}

static void
test_a_security_key_that_nobody_touched_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct made m;

		if (!kinds[i].sk)
			continue;
		make(&m, &kinds[i]);
		sign(&m, &kinds[i], "publickey", NULL, 0, 0);
		assert_int_not_equal(verify_signature(&m.q), 0);
		EVP_PKEY_free(m.key);
	}
}

static void
test_a_host_bound_signature_needs_the_host_key_of_this_connection(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct made m;

		make(&m, &kinds[i]);
		m.q.host_key = host_key;
		m.q.host_key_len = sizeof(host_key);
		assert_int_equal(verify_signature(&m.q), 0); /* the plain form still counts */
		sign(&m, &kinds[i], HOSTBOUND, host_key, sizeof(host_key), 1);
		assert_int_equal(verify_signature(&m.q), 0);
		m.q.user = "bob";
		assert_int_not_equal(verify_signature(&m.q), 0);
		m.q.user = "alice";
		m.q.host_key = other_host;
		m.q.host_key_len = sizeof(other_host);
		assert_int_not_equal(verify_signature(&m.q), 0);
		m.q.host_key = NULL;
		assert_int_not_equal(verify_signature(&m.q), 0);
		sign(&m, &kinds[i], HOSTBOUND, NULL, 0, 1);
		assert_int_not_equal(verify_signature(&m.q), 0);
		EVP_PKEY_free(m.key);
	}
}

static void
test_what_is_no_public_key_has_no_blob(void **state)
{
	uint8_t room[64], junk[40] = { 0x30, 0x26 };
	size_t len;

	(void)state;
	assert_int_not_equal(verify_blob(junk, sizeof(junk), room, sizeof(room), &len), 0);
	assert_int_not_equal(verify_blob(junk, 0, room, sizeof(room), &len), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_right_signature_of_every_kind_verifies),
		cmocka_unit_test(test_a_signature_over_anything_else_is_refused),
		cmocka_unit_test(test_a_flipped_bit_is_refused),
		cmocka_unit_test(test_a_short_rsa_key_is_refused),
		cmocka_unit_test(test_a_security_key_that_nobody_touched_is_refused),
		cmocka_unit_test(test_a_host_bound_signature_needs_the_host_key_of_this_connection),
		cmocka_unit_test(test_what_is_no_public_key_has_no_blob),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
