/* SPDX-License-Identifier: ISC */
/* signer_keys.h - reads private keys of both protocols into OpenSSL's form; in signer only. */
#ifndef SERVER_SIGNER_KEYS_H
#define SERVER_SIGNER_KEYS_H

#include <openssl/evp.h>

#include "server/base/mem.h"

/*
 * Reads a private key file: PEM (PKCS#8 and older), or OpenSSH's own format without a passphrase.
 * Returns 0 and a key that the caller frees; or -errno, -EINVAL (not a key that we know, or one
 * with a passphrase). Every copy of its bytes but OpenSSL's is wiped.
 */
int signer_key_read(const char *file, EVP_PKEY **ret_key) MUST_CHECK;

#endif
