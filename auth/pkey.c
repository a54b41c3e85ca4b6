/* SPDX-License-Identifier: ISC */
/* pkey.c - OpenSSL's keys from numbers: what public and private ones have in common. */
#include "auth/pkey.h"

#include <string.h>

#include "server/base/mem.h"

EVP_PKEY *
pkey_from_params(const char *type, int what, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &key, what, params) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

const char *
pkey_curve(const char *name)
{
	static const struct {
		const char *ssh, *openssl;
	} curves[] = { { "nistp256", "P-256" }, { "nistp384", "P-384" }, { "nistp521", "P-521" } };

	for (size_t i = 0; i < COUNT_OF(curves); i++)
		if (strcmp(name, curves[i].ssh) == 0)
			return curves[i].openssl;
	return NULL;
}
