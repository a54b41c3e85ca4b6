/* SPDX-License-Identifier: ISC */
/*
 * signer_keys.c - private key files. PEM is OpenSSL's; OpenSSH's format ("openssh-key-v1", file
 * PROTOCOL.key of OpenSSH) is taken apart here, because OpenSSL does not know it.
 */
#include "server/signer_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "auth/pkey.h"
#include "server/base/buf.h"
#include "server/base/fd.h"

#define FILE_BYTES_MAX (64 * 1024)

static const char openssh_begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
static const char openssh_end[] = "-----END OPENSSH PRIVATE KEY-----";

static int
refuse_passphrase(char *room, int size, int writing, void *ctx)
{
	(void)room, (void)size, (void)writing, (void)ctx;
	return -1;
}

static int
read_pem(const char *text, size_t len, EVP_PKEY **ret_key)
{
	BIO *bio = BIO_new_mem_buf(text, (int)len);

	if (!bio)
		return -ENOMEM;
	*ret_key = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, NULL);
	BIO_free(bio);
	return *ret_key ? 0 : -EINVAL;
}

/* ---- OpenSSH's format ---- */

static BIGNUM *
get_number(struct buf *b)
{
	size_t len;
	const uint8_t *at = buf_get_string(b, &len);

	return at ? BN_bin2bn(at, (int)len, NULL) : NULL;
}

static EVP_PKEY *
get_ed25519(struct buf *b)
{
	const uint8_t *both;
	size_t len;

	buf_get_string(b, &len); /* the public half; it stands in the other as well */
	both = buf_get_string(b, &len);
	if (!both || len != 64)
		return NULL;
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, both, 32);
}

static EVP_PKEY *
get_ecdsa(struct buf *b)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	const char *curve;
	const uint8_t *point;
	EVP_PKEY *key = NULL;
	char name[32];
	size_t len;
	BIGNUM *d;

	buf_get_cstring(b, name, sizeof(name));
	point = buf_get_string(b, &len);
	d = get_number(b);
	curve = pkey_curve(name);
	if (build && curve && point && d &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, len) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d))
		key = pkey_from_params("EC", EVP_PKEY_KEYPAIR, build);
	BN_clear_free(d);
	OSSL_PARAM_BLD_free(build);
	return key;
}

static EVP_PKEY *
get_rsa(struct buf *b)
{
	/* In the order of the file; iqmp stands before the primes. */
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_N,	       OSSL_PKEY_PARAM_RSA_E,
		OSSL_PKEY_PARAM_RSA_D,	       OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
		OSSL_PKEY_PARAM_RSA_FACTOR1,   OSSL_PKEY_PARAM_RSA_FACTOR2,
		OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2
	};
	enum { N, E, D, IQMP, P, Q, DMP1, DMQ1, COUNT };
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BN_CTX *work = BN_CTX_new();
	BIGNUM *v[COUNT] = { 0 }, *less = BN_new();
	EVP_PKEY *key = NULL;
	bool ok = build && work && less;

	for (int i = N; i <= Q; i++)
		ok &= (v[i] = get_number(b)) != NULL;
	for (int i = DMP1; ok && i <= DMQ1; i++) {
		v[i] = BN_new();
		ok = v[i] && BN_sub(less, v[i - DMP1 + P], BN_value_one()) &&
		     BN_mod(v[i], v[D], less, work);
	}
	for (int i = N; ok && i < COUNT; i++)
		ok = OSSL_PARAM_BLD_push_BN(build, names[i], v[i]);
	if (ok)
		key = pkey_from_params("RSA", EVP_PKEY_KEYPAIR, build);
	for (int i = N; i < COUNT; i++)
		BN_clear_free(v[i]);
	BN_clear_free(less);
	BN_CTX_free(work);
	OSSL_PARAM_BLD_free(build);
	return key;
}

static int
parse_openssh(struct buf *b, EVP_PKEY **ret_key)
{
	static const char magic[] = "openssh-key-v1";
	const uint8_t *at = buf_get_bytes(b, sizeof(magic));
	char cipher[32], kdf[32], type[64];
	uint32_t check;
	size_t len;

	if (!at || memcmp(at, magic, sizeof(magic)) != 0)
		return -EINVAL;
	buf_get_cstring(b, cipher, sizeof(cipher));
	buf_get_cstring(b, kdf, sizeof(kdf));
	buf_get_string(b, &len);
	if (strcmp(cipher, "none") != 0 || buf_get_u32(b) != 1)
		return -EINVAL;
	buf_get_string(b, &len); /* the public half */
	buf_get_u32(b);		 /* length of what follows */
	check = buf_get_u32(b);
	if (buf_get_u32(b) != check)
		return -EINVAL;
	buf_get_cstring(b, type, sizeof(type));
	if (strcmp(type, "ssh-ed25519") == 0)
		*ret_key = get_ed25519(b);
	else if (strncmp(type, "ecdsa-sha2-", strlen("ecdsa-sha2-")) == 0)
		*ret_key = get_ecdsa(b);
	else if (strcmp(type, "ssh-rsa") == 0)
		*ret_key = get_rsa(b);
	else
		return -EINVAL;
	return *ret_key && !b->bad ? 0 : -EINVAL;
}

static int
read_openssh(const char *begin, EVP_PKEY **ret_key)
{
	const char *from = begin + strlen(openssh_begin), *to = strstr(from, openssh_end);
	EVP_ENCODE_CTX *decoder;
	uint8_t *bytes;
	int len = 0, more = 0, err = -EINVAL;
	struct buf b;

	if (!to)
		return -EINVAL;
	bytes = mem_new(1, (size_t)(to - from));
	decoder = EVP_ENCODE_CTX_new();
	if (!decoder)
		bytes[0] = 0;
	if (decoder) {
		EVP_DecodeInit(decoder);
		if (EVP_DecodeUpdate(decoder, bytes, &len, (const unsigned char *)from,
				     (int)(to - from)) >= 0 &&
		    EVP_DecodeFinal(decoder, bytes + len, &more) >= 0) {
			buf_init_read(&b, bytes, (size_t)(len + more));
			err = parse_openssh(&b, ret_key);
		}
	}
	mem_wipe(bytes, (size_t)(to - from));
	EVP_ENCODE_CTX_free(decoder);
	free(bytes);
	return err;
}

int
signer_key_read(const char *file, EVP_PKEY **ret_key)
{
	FD_OWN int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	EVP_PKEY *key = NULL;
	const char *begin;
	char *text;
	size_t len;
	int err;

	if (fd < 0)
		return -errno;
	err = fd_read_file(fd, FILE_BYTES_MAX, &text, &len);
	if (err < 0)
		return err;
	begin = strstr(text, openssh_begin);
	err = begin ? read_openssh(begin, &key) : read_pem(text, len, &key);
	mem_wipe(text, len);
	free(text);
	if (err < 0)
		EVP_PKEY_free(key);
	else
		*ret_key = key;
	return err;
}
