/* SPDX-License-Identifier: ISC */
/*
 * verify.c - rebuilds what an SSH client signed and verifies it with OpenSSL.
 * Trusts: nothing but the session id. The key types are those of keys_line.c.
 */
#include "auth/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/bn.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "auth/auth.h"
#include "auth/cert.h"
#include "auth/pkey.h"
#include "server/base/buf.h"
#include "server/base/text.h"

#define MSG_USERAUTH_REQUEST 50
/* A shorter modulus is not worth its name, whatever the client's policy was (as OpenSSH). */
#define RSA_BITS_MIN 2048
/*
 * sk: SHA-256 of the application, flags, counter, SHA-256 of the message (PROTOCOL.u2f of OpenSSH).
 */
#define SK_HEAD 5
#define SK_USER_PRESENT 0x01
/* Bytes of a host key's blob: RSA of 16384 bits. */
#define HOST_KEY_MAX 2200
/* Bytes of an ECDSA signature by P-521 in DER. */
#define ECDSA_DER_MAX 160

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
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	const char *curve;
	EVP_PKEY *key = NULL;
	const uint8_t *point;
	char name[32];
	size_t len;

	buf_get_cstring(b, name, sizeof(name));
	point = buf_get_string(b, &len);
	curve = pkey_curve(name);
	if (build && curve && point &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, len))
		key = pkey_from_params("EC", EVP_PKEY_PUBLIC_KEY, build);
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
		key = pkey_from_params("RSA", EVP_PKEY_PUBLIC_KEY, build);
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
put_request(struct buf *b, const struct verify_question *q, bool hostbound)
{
	buf_put_string(b, q->session_id, q->session_id_len);
	buf_put_u8(b, MSG_USERAUTH_REQUEST);
	buf_put_cstring(b, q->user);
	buf_put_cstring(b, "ssh-connection");
	buf_put_cstring(b, hostbound ? "publickey-hostbound-v00@openssh.com" : "publickey");
	buf_put_u8(b, 1);
	buf_put_cstring(b, q->algorithm);
	buf_put_string(b, q->blob, q->blob_len);
	if (hostbound)
		buf_put_string(b, q->host_key, q->host_key_len);
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

/* Does the signature fit the request in this form? key_rest stands behind the key's numbers. */
static int
check_form(EVP_PKEY *key, const struct algorithm *a, const struct verify_question *q,
	   struct buf key_rest, bool is_cert, bool hostbound)
{
	static uint8_t room[AUTH_KEY_MAX + AUTH_NAME_MAX + HOST_KEY_MAX + 512];
	size_t skip = a->sk ? SK_HEAD : 0;
	struct buf message;

	buf_init(&message, room, sizeof(room));
	put_request(&message, q, hostbound);
	if (message.bad)
		return -EINVAL;
	if (a->sk && wrap_for_sk(&message, &key_rest, q) < 0)
		return -EACCES;
	if (!is_cert && buf_done(&key_rest) < 0)
		return -EINVAL;
	return check(key, a->digest, q->signature + skip, q->signature_len - skip, &message);
}

static const struct algorithm *
find_algorithm(const char *name, const char *key_type)
{
	for (size_t i = 0; i < COUNT_OF(algorithms); i++)
		if (strcmp(algorithms[i].name, name) == 0 &&
		    strcmp(algorithms[i].key_type, key_type) == 0)
			return &algorithms[i];
	return NULL;
}

/*
 * An ECDSA signature as SSH writes it (RFC 5656 section 3.1.2: two numbers), as OpenSSL takes it.
 */
static int
ecdsa_der(struct buf *b, uint8_t room[ECDSA_DER_MAX], size_t *ret_len)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	size_t r_len, s_len;
	const uint8_t *r_at = buf_get_string(b, &r_len), *s_at = buf_get_string(b, &s_len);
	BIGNUM *r = buf_done(b) == 0 && r_len <= 67 ? BN_bin2bn(r_at, (int)r_len, NULL) : NULL;
	BIGNUM *s = r && s_len <= 67 ? BN_bin2bn(s_at, (int)s_len, NULL) : NULL;
	int len = -1;

	if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL;
		len = i2d_ECDSA_SIG(sig, NULL) <= ECDSA_DER_MAX ? i2d_ECDSA_SIG(sig, &room) : -1;
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	if (len < 0)
		return -EINVAL;
	*ret_len = (size_t)len;
	return 0;
}

int
verify_blob_signature(const void *blob, size_t blob_len, const void *signature,
		      size_t signature_len, const void *data, size_t len)
{
	uint8_t der[ECDSA_DER_MAX];
	const struct algorithm *a;
	struct buf key_bytes, sig, numbers, message;
	char type[64], name[64];
	const uint8_t *at;
	EVP_PKEY *key;
	size_t at_len;
	int err;

	buf_init_read(&key_bytes, blob, blob_len);
	buf_get_cstring(&key_bytes, type, sizeof(type));
	buf_init_read(&sig, signature, signature_len);
	buf_get_cstring(&sig, name, sizeof(name));
	at = buf_get_string(&sig, &at_len);
	a = buf_done(&sig) == 0 ? find_algorithm(name, type) : NULL;
	if (!a || a->sk)
		return -EINVAL;
	if (a->get == get_ecdsa) {
		buf_init_read(&numbers, at, at_len);
		err = ecdsa_der(&numbers, der, &at_len);
		if (err < 0)
			return err;
		at = der;
	}
	key = a->get(&key_bytes);
	buf_init_read(&message, data, len);
	err = key && buf_done(&key_bytes) == 0 ? check(key, a->digest, at, at_len, &message)
					       : -EINVAL;
	EVP_PKEY_free(key);
	return err;
}

int
verify_signature(const struct verify_question *q)
{
	bool is_cert = cert_is_name(q->algorithm);
	const struct algorithm *a;
	struct buf key_bytes;
	struct cert cert;
	char type[64], name[64];
	EVP_PKEY *key;
	int err;

	buf_init_read(&key_bytes, q->blob, q->blob_len);
	buf_get_cstring(&key_bytes, type, sizeof(type));
	if (cert_plain_name(q->algorithm, name, sizeof(name)) < 0)
		return -EINVAL;
	if (is_cert && cert_parse(q->blob, q->blob_len, &cert) < 0)
		return -EINVAL;
	if (is_cert)
		key_bytes = cert.key;
	a = find_algorithm(name, is_cert ? cert.type : type);
	if (!a || q->session_id_len == 0)
		return -EINVAL;
	key = a->get(&key_bytes);
	if (!key || key_bytes.bad) {
		EVP_PKEY_free(key);
		return -EINVAL;
	}
	err = check_form(key, a, q, key_bytes, is_cert, false);
	if (err == -EACCES && q->host_key && q->host_key_len <= HOST_KEY_MAX)
		err = check_form(key, a, q, key_bytes, is_cert, true);
	EVP_PKEY_free(key);
	return err;
}

/* ---- our own keys as blobs ---- */

static void
put_mpint(struct buf *b, EVP_PKEY *key, const char *name)
{
	uint8_t bytes[HOST_KEY_MAX];
	BIGNUM *n = NULL;
	int len;

	if (!EVP_PKEY_get_bn_param(key, name, &n) || BN_num_bytes(n) >= HOST_KEY_MAX) {
		b->bad = true;
	} else {
		len = BN_bn2bin(n, bytes + 1);
		bytes[0] = 0; /* in front of a set top bit */
		if (bytes[1] & 0x80)
			buf_put_string(b, bytes, (size_t)len + 1);
		else
			buf_put_string(b, bytes + 1, (size_t)len);
	}
	BN_free(n);
}

static void
put_ec(struct buf *b, EVP_PKEY *key)
{
	static const struct {
		const char *group, *ssh;
	} curves[] = { { "prime256v1", "nistp256" },
		       { "secp384r1", "nistp384" },
		       { "secp521r1", "nistp521" } };
	uint8_t point[2 * 66 + 1];
	char group[32] = "", type[64];
	size_t len;

	if (!EVP_PKEY_get_group_name(key, group, sizeof(group), &len) ||
	    !EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
					     &len))
		b->bad = true;
	for (size_t i = 0; i < COUNT_OF(curves); i++) {
		struct text t;

		if (strcmp(group, curves[i].group) != 0)
			continue;
		text_init(&t, type, sizeof(type));
		text_printf(&t, "ecdsa-sha2-%s", curves[i].ssh);
		buf_put_cstring(b, type);
		buf_put_cstring(b, curves[i].ssh);
		buf_put_string(b, point, len);
		return;
	}
	b->bad = true;
}

int
verify_blob(const uint8_t *spki, size_t spki_len, uint8_t *room, size_t size, size_t *ret_len)
{
	EVP_PKEY *key = d2i_PUBKEY(NULL, &spki, (long)spki_len);
	uint8_t raw[32];
	size_t len = sizeof(raw);
	struct buf b;

	buf_init(&b, room, size);
	switch (key ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE) {
	case EVP_PKEY_ED25519:
		buf_put_cstring(&b, "ssh-ed25519");
		if (!EVP_PKEY_get_raw_public_key(key, raw, &len))
			b.bad = true;
		buf_put_string(&b, raw, len);
		break;
	case EVP_PKEY_RSA:
		buf_put_cstring(&b, "ssh-rsa");
		put_mpint(&b, key, OSSL_PKEY_PARAM_RSA_E);
		put_mpint(&b, key, OSSL_PKEY_PARAM_RSA_N);
		break;
	case EVP_PKEY_EC:
		put_ec(&b, key);
		break;
	default:
		b.bad = true;
	}
	EVP_PKEY_free(key);
	*ret_len = b.end;
	return b.bad ? -EINVAL : 0;
}
