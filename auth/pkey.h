/* SPDX-License-Identifier: ISC */
/* pkey.h - OpenSSL's keys from the numbers as which SSH writes them. */
#ifndef AUTH_PKEY_H
#define AUTH_PKEY_H

#include <openssl/evp.h>
#include <openssl/param_build.h>

/*
 * The key of that type ("EC", "RSA") with these parameters; what: EVP_PKEY_PUBLIC_KEY or
 * EVP_PKEY_KEYPAIR. NULL: they make none.
 */
EVP_PKEY *pkey_from_params(const char *type, int what, OSSL_PARAM_BLD *build);

/* OpenSSL's name of a curve of RFC 5656 section 10.1 ("nistp256"); NULL: it is none of ours. */
const char *pkey_curve(const char *name);

#endif
