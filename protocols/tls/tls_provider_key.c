/* SPDX-License-Identifier: ISC */
/*
 * tls_provider_key.c - key management of the provider (provider-keymgmt(7)).
 * What is asked of the public half is answered by OpenSSL's own key. Exporting a private half is
 * refused, so OpenSSL can never sign with this key elsewhere and falls back to us.
 */
#include "protocols/tls/tls_provider_in.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static struct provider_key *
new_key(const char *type)
{
	struct provider_key *k = mem_new(1, sizeof(*k));

	k->type = type;
	return k;
}

static void *
new_rsa(void *provider)
{
	(void)provider;
	return new_key("RSA");
}

static void *
new_ec(void *provider)
{
	(void)provider;
	return new_key("EC");
}

static void *
new_ed25519(void *provider)
{
	(void)provider;
	return new_key("ED25519");
}

static void
free_key(void *data)
{
	struct provider_key *k = data;

	if (!k)
		return;
	EVP_PKEY_free(k->public);
	free(k);
}

static int
has(const void *data, int selection)
{
	const struct provider_key *k = data;

	if (!k || !k->public)
		return 0;
	return !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || k->remote;
}

static int
match(const void *left, const void *right, int selection)
{
	const struct provider_key *a = left, *b = right;

	(void)selection; /* two keys with one public half are one key */
	return a->public && b->public && EVP_PKEY_eq(a->public, b->public) == 1;
}

/* Ours by name, or the public half of somebody else's key, to be matched with ours. */
static int
import(void *data, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *spki = OSSL_PARAM_locate_const(params, PROVIDER_PARAM_SPKI);
	const OSSL_PARAM *id = OSSL_PARAM_locate_const(params, PROVIDER_PARAM_ID);
	struct provider_key *k = data;
	EVP_PKEY_CTX *ctx;
	int ok;

	(void)selection;
	if (spki && id) {
		const unsigned char *at = spki->data;

		k->public = d2i_PUBKEY(NULL, &at, (long)spki->data_size);
		k->remote = k->public && OSSL_PARAM_get_uint32(id, &k->id);
		return k->remote;
	}
	ctx = EVP_PKEY_CTX_new_from_name(NULL, k->type, "provider=default");
	/* fromdata wants a changeable array and changes nothing in it. */
	ok = ctx && EVP_PKEY_fromdata_init(ctx) > 0 &&
	     EVP_PKEY_fromdata(ctx, &k->public, EVP_PKEY_PUBLIC_KEY,
			       (OSSL_PARAM *)(uintptr_t)params) > 0;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static const OSSL_PARAM *
import_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_uint32(PROVIDER_PARAM_ID, NULL),
		OSSL_PARAM_octet_string(PROVIDER_PARAM_SPKI, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)selection;
	return types;
}

static int export(void *data, int selection, OSSL_CALLBACK *take, void *arg)
{
	struct provider_key *k = data;
	OSSL_PARAM *params = NULL;
	int ok;

	if (!k->public || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) ||
	    EVP_PKEY_todata(k->public, EVP_PKEY_PUBLIC_KEY, &params) <= 0)
		return 0;
	ok = take(params, arg);
	OSSL_PARAM_free(params);
	return ok;
}

static const OSSL_PARAM *
export_types(int selection)
{
	return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? NULL : import_types(selection);
}

static int
get_params(void *data, OSSL_PARAM params[])
{
	struct provider_key *k = data;

	return k->public && EVP_PKEY_get_params(k->public, params);
}

static const OSSL_PARAM *
gettable_params(void *provider)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)provider;
	return types;
}

static const char *
ec_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

typedef void (*any_fn)(void);
#define KEYMGMT(make, more)                                                              \
	{                                                                                \
		{ OSSL_FUNC_KEYMGMT_NEW, (any_fn)(make) },                               \
		    { OSSL_FUNC_KEYMGMT_FREE, (any_fn)free_key },                        \
		    { OSSL_FUNC_KEYMGMT_HAS, (any_fn)has },                              \
		    { OSSL_FUNC_KEYMGMT_MATCH, (any_fn)match },                          \
		    { OSSL_FUNC_KEYMGMT_IMPORT, (any_fn)import },                        \
		    { OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (any_fn)import_types },            \
		    { OSSL_FUNC_KEYMGMT_EXPORT, (any_fn) export },                       \
		    { OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (any_fn)export_types },            \
		    { OSSL_FUNC_KEYMGMT_GET_PARAMS, (any_fn)get_params },                \
		    { OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (any_fn)gettable_params }, more \
		{                                                                        \
			0, NULL                                                          \
		}                                                                        \
	}

static const OSSL_DISPATCH rsa_fns[] = KEYMGMT(new_rsa, );
static const OSSL_DISPATCH ed25519_fns[] = KEYMGMT(new_ed25519, );
#define EC_MORE { OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (any_fn)ec_operation },
static const OSSL_DISPATCH ec_fns[] = KEYMGMT(new_ec, EC_MORE);

const OSSL_ALGORITHM provider_keymgmts[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROVIDER_PROPERTY, rsa_fns, "key in signer" },
	{ "EC:id-ecPublicKey:1.2.840.10045.2.1", PROVIDER_PROPERTY, ec_fns, "key in signer" },
	{ "ED25519:1.3.101.112", PROVIDER_PROPERTY, ed25519_fns, "key in signer" },
	{ NULL, NULL, NULL, NULL },
};
