/* SPDX-License-Identifier: ISC */
/* tls_provider_in.h - what the two files of the provider know of each other. */
#ifndef PROTOCOLS_TLS_TLS_PROVIDER_IN_H
#define PROTOCOLS_TLS_TLS_PROVIDER_IN_H

#include <openssl/core_dispatch.h>
#include <stdbool.h>
#include <openssl/evp.h>

#include "server/base/mem.h"

#define PROVIDER_NAME "coffer-signer"
#define PROVIDER_PROPERTY "provider=" PROVIDER_NAME

/* Parameters of EVP_PKEY_fromdata() that nobody else uses. */
#define PROVIDER_PARAM_ID "coffer-id"
#define PROVIDER_PARAM_SPKI "coffer-spki"

/* A key: the public half, as OpenSSL's own provider has it, and the name of the other half. */
struct provider_key {
	const char *type; /* "RSA", "EC", "ED25519" */
	EVP_PKEY *public;
	uint32_t id;
	bool remote; /* id is valid: signer has the other half */
};

extern const OSSL_ALGORITHM provider_keymgmts[];

#endif
