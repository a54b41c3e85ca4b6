/* SPDX-License-Identifier: ISC */
/*
 * tls_provider.c - signatures of the provider (provider-signature(7)), and the provider itself.
 * Relies on: libssl signs a handshake by EVP_DigestSignInit_ex and a one-shot EVP_DigestSign, and
 * sets RSA padding through the context's parameters (3.0 to 3.5). The to-be-signed bytes go to
 * signer as they are, so that it can see what kind of handshake they belong to.
 */
#include "protocols/tls/tls_provider.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/tls/tls_provider_in.h"
#include "server/base/text.h"

/* Of one signature. */
struct signing {
	struct provider_key *key; /* its owner outlives us */
	char digest[32];
	enum sign_padding padding;
};

static void *
new_signing(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return mem_new(1, sizeof(struct signing));
}

static void
free_signing(void *data)
{
	free(data);
}

static void *
dup_signing(void *data)
{
	struct signing *copy = mem_new(1, sizeof(*copy));

	*copy = *(struct signing *)data;
	return copy;
}

static int
set_padding(struct signing *s, const OSSL_PARAM *mode)
{
	const char *word = NULL;
	int number = 0;

	if (OSSL_PARAM_get_int(mode, &number))
		s->padding = number == RSA_PKCS1_PSS_PADDING ? SIGN_PAD_PSS : SIGN_PAD_PKCS1;
	else if (OSSL_PARAM_get_utf8_string_ptr(mode, &word))
		s->padding =
		    strcmp(word, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0 ? SIGN_PAD_PSS : SIGN_PAD_PKCS1;
	else
		return 0;
	return 1;
}

static int
set_params(void *data, const OSSL_PARAM params[])
{
	const OSSL_PARAM *mode =
	    params ? OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE) : NULL;

	/* The salt of PSS is as long as the digest: TLS has no other. */
	return mode ? set_padding(data, mode) : 1;
}

static const OSSL_PARAM *
settable_params(void *data, void *provider)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)data;
	(void)provider;
	return types;
}

/* OpenSSL knows digests by several names; signer by one. */
static int
name_digest(struct signing *s, const char *name)
{
	static const char *const known[] = { "SHA256", "SHA384", "SHA512" };
	EVP_MD *digest;
	int ok = 0;

	s->digest[0] = '\0';
	if (!name || !*name)
		return strcmp(s->key->type, "ED25519") == 0;
	digest = EVP_MD_fetch(NULL, name, "provider=default");
	for (size_t i = 0; digest && i < COUNT_OF(known); i++)
		if (EVP_MD_is_a(digest, known[i]))
			ok = text_copy(s->digest, sizeof(s->digest), known[i]) == 0;
	EVP_MD_free(digest);
	return ok;
}

static int
digest_sign_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct signing *s = data;

	if (key)
		s->key = key;
	if (!s->key || !s->key->remote || !name_digest(s, digest))
		return 0;
	s->padding = strcmp(s->key->type, "RSA") == 0 ? SIGN_PAD_PKCS1 : SIGN_PAD_NONE;
	return set_params(s, params);
}

static int
digest_sign(void *data, unsigned char *signature, size_t *len, size_t room,
	    const unsigned char *tbs, size_t tbs_len)
{
	const struct signing *s = data;
	struct sign_request r = { .purpose = SIGN_TLS,
				  .key = s->key->id,
				  .padding = s->padding,
				  .tbs = tbs,
				  .tbs_len = tbs_len };

	if (!signature) {
		*len = (size_t)EVP_PKEY_get_size(s->key->public);
		return *len > 0;
	}
	memcpy(r.digest, s->digest, sizeof(r.digest));
	return tbs_len <= SIGN_TBS_MAX && sign_ask(&r, signature, room, len) == 0;
}

typedef void (*any_fn)(void);
static const OSSL_DISPATCH signature_fns[] = {
	{ OSSL_FUNC_SIGNATURE_NEWCTX, (any_fn)new_signing },
	{ OSSL_FUNC_SIGNATURE_FREECTX, (any_fn)free_signing },
	{ OSSL_FUNC_SIGNATURE_DUPCTX, (any_fn)dup_signing },
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (any_fn)digest_sign_init },
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (any_fn)digest_sign },
	{ OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (any_fn)set_params },
	{ OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (any_fn)settable_params },
	{ 0, NULL },
};

static const OSSL_ALGORITHM signatures[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROVIDER_PROPERTY, signature_fns, "by signer" },
	{ "ECDSA", PROVIDER_PROPERTY, signature_fns, "by signer" },
	{ "ED25519:1.3.101.112", PROVIDER_PROPERTY, signature_fns, "by signer" },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *
query(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	return operation == OSSL_OP_KEYMGMT	? provider_keymgmts
	       : operation == OSSL_OP_SIGNATURE ? signatures
						: NULL;
}

static int
init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **ret_out,
     void **ret_provider)
{
	static const OSSL_DISPATCH fns[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (any_fn)query },
		{ 0, NULL },
	};
	static char nothing;

	(void)handle;
	(void)in;
	*ret_out = fns;
	*ret_provider = &nothing;
	return 1;
}

/* Loading one provider by name switches the automatic loading of OpenSSL's own off. */
static bool
load(void)
{
	static OSSL_PROVIDER *ours;

	if (!ours && OSSL_PROVIDER_load(NULL, "default") &&
	    OSSL_PROVIDER_add_builtin(NULL, PROVIDER_NAME, init))
		ours = OSSL_PROVIDER_load(NULL, PROVIDER_NAME);
	return ours != NULL;
}

EVP_PKEY *
tls_provider_key(const struct sign_key *key)
{
	const unsigned char *at = key->spki;
	uint32_t id = key->id;
	OSSL_PARAM params[] = {
		OSSL_PARAM_uint32(PROVIDER_PARAM_ID, &id),
		OSSL_PARAM_octet_string(PROVIDER_PARAM_SPKI, (void *)(uintptr_t)key->spki,
					key->spki_len),
		OSSL_PARAM_END,
	};
	EVP_PKEY *public = load() ? d2i_PUBKEY(NULL, &at, (long)key->spki_len) : NULL, *ours = NULL;
	EVP_PKEY_CTX *ctx = NULL;

	if (public)
		ctx = EVP_PKEY_CTX_new_from_name(NULL, EVP_PKEY_get0_type_name(public),
						 PROVIDER_PROPERTY);
	if (!ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &ours, EVP_PKEY_KEYPAIR, params) <= 0)
		ours = NULL;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(public);
	return ours;
}
