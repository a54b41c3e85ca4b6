/* SPDX-License-Identifier: ISC */
/*
 * verify.c - rebuilds what an SSH client signed and verifies it with OpenSSL.
 * Trusts: nothing but the session id. The key types are those of keys.c.
 */
#include "auth/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/bn.h>
#include <openssl/sha.h>

#include "auth/auth.h"
#include "server/base/buf.h"

#define MSG_USERAUTH_REQUEST 50
/* A shorter modulus is not worth its name, whatever the client's policy was (as OpenSSH). */
#define RSA_BITS_MIN 2048
/* sk: SHA-256 of the application, flags, counter, SHA-256 of the message (PROTOCOL.u2f of OpenSSH). */
#define SK_HEAD 5
#define SK_USER_PRESENT 0x01

static EVP_PKEY *
from_params(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *
get_ed25519(struct buf *b)
{
	size_t len;
	const uint8_t *at = buf_get_string(b, &len);

	return at ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, at, len) : NULL;
}

static EVP_PKEY *
get_ecdsa(struct buf *b)
{
	static const struct {
		const char *ssh, *openssl;
	} curves[] = { { "nistp256", "P-256" }, { "nistp384", "P-384" }, { "nistp521", "P-521" } };
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	const char *curve = NULL;
	EVP_PKEY *key = NULL;
	const uint8_t *point;
	char name[32];
	size_t len;

	buf_get_cstring(b, name, sizeof(name));
	point = buf_get_string(b, &len);
	for (size_t i = 0; i < COUNT_OF(curves); i++)
		if (strcmp(name, curves[i].ssh) == 0)
			curve = curves[i].openssl;
	if (build && curve && point &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, len))
		key = from_params("EC", build);
	OSSL_PARAM_BLD_free(build);
	return key;
}

static EVP_PKEY *
get_rsa(struct buf *b)
{
	size_t e_len, n_len;
	const uint8_t *e_at = buf_get_string(b, &e_len), *n_at = buf_get_string(b, &n_len);
	BIGNUM *e = e_at ? BN_bin2bn(e_at, (int)e_len, NULL) : NULL;
	BIGNUM *n = n_at ? BN_bin2bn(n_at, (int)n_len, NULL) : NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (build && e && n && BN_num_bits(n) >= RSA_BITS_MIN &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
		key = from_params("RSA", build);
	OSSL_PARAM_BLD_free(build);
	BN_free(e);
	BN_free(n);
	return key;
}

/* What each algorithm means. The order of the columns is that of the lookup. */
static const struct algorithm {
	const char *name, *key_type, *digest;
	EVP_PKEY *(*get)(struct buf *b);
	bool sk;
} algorithms[] = {
	{ "ssh-ed25519", "ssh-ed25519", NULL, get_ed25519, false },
	{ "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "SHA256", get_ecdsa, false },
	{ "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "SHA384", get_ecdsa, false },
	{ "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "SHA512", get_ecdsa, false },
	{ "rsa-sha2-256", "ssh-rsa", "SHA256", get_rsa, false },
	{ "rsa-sha2-512", "ssh-rsa", "SHA512", get_rsa, false },
	{ "sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", NULL, get_ed25519, true },
	{ "sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "SHA256",
	  get_ecdsa, true },
};

/* RFC 4252 section 7: what the signature of a login is over. */
static void
put_request(struct buf *b, const struct verify_question *q)
{
	buf_put_string(b, q->session_id, q->session_id_len);
	buf_put_u8(b, MSG_USERAUTH_REQUEST);
	buf_put_cstring(b, q->user);
	buf_put_cstring(b, "ssh-connection");
	buf_put_cstring(b, "publickey");
	buf_put_u8(b, 1);
	buf_put_cstring(b, q->algorithm);
	buf_put_string(b, q->blob, q->blob_len);
}

/* Puts what a security key signs in place of the request. Returns 0 or -EACCES. */
static int
wrap_for_sk(struct buf *request, struct buf *key, const struct verify_question *q)
{
	uint8_t wrapped[SHA256_DIGEST_LENGTH * 2 + SK_HEAD];
	const uint8_t *application;
	size_t len;

	application = buf_get_string(key, &len);
	if (!application || q->signature_len <= SK_HEAD || !(q->signature[0] & SK_USER_PRESENT))
		return -EACCES;
	SHA256(application, len, wrapped);
	memcpy(wrapped + SHA256_DIGEST_LENGTH, q->signature, SK_HEAD);
	SHA256(request->at, request->end, wrapped + SHA256_DIGEST_LENGTH + SK_HEAD);
	buf_reset(request);
	buf_put_bytes(request, wrapped, sizeof(wrapped));
	return 0;
}

static int
check(EVP_PKEY *key, const char *digest, const uint8_t *signature, size_t signature_len,
      const struct buf *message)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool fits = ctx && EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, key, NULL) > 0 &&
		    EVP_DigestVerify(ctx, signature, signature_len, message->at, message->end) == 1;

	EVP_MD_CTX_free(ctx);
	return fits ? 0 : -EACCES;
}

int
verify_signature(const struct verify_question *q)
{
	static uint8_t room[AUTH_KEY_MAX + AUTH_NAME_MAX + 512];
	const struct algorithm *a = NULL;
	struct buf key_bytes, message;
	char type[64];
	EVP_PKEY *key;
	int err = 0;
	size_t skip;

	buf_init_read(&key_bytes, q->blob, q->blob_len);
	buf_get_cstring(&key_bytes, type, sizeof(type));
	for (size_t i = 0; i < COUNT_OF(algorithms); i++)
		if (strcmp(algorithms[i].name, q->algorithm) == 0 &&
		    strcmp(algorithms[i].key_type, type) == 0)
			a = &algorithms[i];
	if (!a || q->session_id_len == 0)
		return -EINVAL;
	key = a->get(&key_bytes);
	if (!key || key_bytes.bad) {
		EVP_PKEY_free(key);
		return -EINVAL;
	}
	buf_init(&message, room, sizeof(room));
	put_request(&message, q);
	skip = a->sk ? SK_HEAD : 0;
	if (a->sk)
		err = wrap_for_sk(&message, &key_bytes, q);
	if (err == 0)
		err = message.bad || buf_done(&key_bytes) < 0
			  ? -EINVAL
			  : check(key, a->digest, q->signature + skip, q->signature_len - skip, &message);
	EVP_PKEY_free(key);
	return err;
}
