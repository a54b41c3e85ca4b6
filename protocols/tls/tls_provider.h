/* SPDX-License-Identifier: ISC */
/*
 * tls_provider.h - a provider of OpenSSL whose keys have only a public half here: they sign by
 * asking signer (server/sign.h). The rest of OpenSSL, and of this room, sees an ordinary private
 * key.
 */
#ifndef PROTOCOLS_TLS_TLS_PROVIDER_H
#define PROTOCOLS_TLS_TLS_PROVIDER_H

#include <openssl/evp.h>

#include "server/sign.h"

/*
 * Makes a key that stands for one of signer's (RSA, EC or Ed25519). Loads the provider at the first
 * call, beside OpenSSL's own. Returns a key that the caller frees, or NULL with OpenSSL's error
 * set.
 */
EVP_PKEY *tls_provider_key(const struct sign_key *key);

#endif
