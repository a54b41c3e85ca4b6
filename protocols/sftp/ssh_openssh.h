/* SPDX-License-Identifier: ISC */
/* ssh_openssh.h - private keys in OpenSSH's file format (PROTOCOL.key), which libssh imports. */
#ifndef PROTOCOLS_SFTP_SSH_OPENSSH_H
#define PROTOCOLS_SFTP_SSH_OPENSSH_H

#include <openssl/evp.h>
#include <stdint.h>

#include "server/base/mem.h"

#define SSH_OPENSSH_ED25519 32 /* bytes of either half of an Ed25519 key */
#define SSH_OPENSSH_TEXT_MAX 16384

/*
 * Writes a key with the public half of public, and token in place of its private half: a seed, an
 * exponent, or for RSA nothing but small numbers. It can be read, copied and compared, and signs
 * nothing true. Returns 0, or -EINVAL: not Ed25519, RSA or ECDSA on a NIST curve.
 */
int ssh_openssh_write(EVP_PKEY *public, const uint8_t token[SSH_OPENSSH_ED25519],
		      char text[SSH_OPENSSH_TEXT_MAX]) MUST_CHECK;

#endif
