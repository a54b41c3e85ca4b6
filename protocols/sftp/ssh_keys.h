/* SPDX-License-Identifier: ISC */
/* ssh_keys.h - the host keys, and what libssh's key objects tell. */
#ifndef PROTOCOLS_SFTP_SSH_KEYS_H
#define PROTOCOLS_SFTP_SSH_KEYS_H

#include <libssh/libssh.h>
#include <libssh/server.h>

#include "conf/conf.h"
#include "server/sign.h"

/* Bits of RSA below which a key proves nothing any more. */
#define SSH_KEYS_RSA_MIN 2048

/* Which kinds of host keys were loaded: bits. */
enum ssh_keys_kind { SSH_KEYS_ED25519 = 1, SSH_KEYS_RSA = 2, SSH_KEYS_ECDSA = 4 };

/*
 * Loads conf->sftp.host_keys into bind, one of each kind. Returns 0, or -EINVAL after at least one
 * complaint. *ret_kinds says what is there.
 */
int ssh_keys_load(const struct conf *conf, ssh_bind bind, conf_complain_fn *complain, void *ctx,
		  unsigned int *ret_kinds) MUST_CHECK;

/*
 * The same with the public halves of keys that signer holds: each signature is asked for there.
 */
int ssh_keys_load_remote(const struct conf *conf, const struct sign_keys *keys, ssh_bind bind,
			 conf_complain_fn *complain, void *ctx, unsigned int *ret_kinds) MUST_CHECK;

/*
 * RSA signs by several algorithms. seen: that of a signature by key ("rsa-sha2-512", or "" when it
 * is not known); usual: what ssh_keys_public() said. Returns what the client must have named.
 */
const char *ssh_keys_signed_by(ssh_key key, const char *seen, const char *usual);

/*
 * A client's public key: its blob as on the wire (RFC 4253, 6.6) in room, and the name of the
 * algorithm by which such keys sign unless the client chose another ("ssh-ed25519"). Returns 0, or
 * -EKEYREJECTED for kinds that we do not take: DSA, short RSA; -EMSGSIZE. Of a certificate libssh
 * has checked nothing but the client's signature: monitor does the rest.
 */
int ssh_keys_public(ssh_key key, void *room, size_t size, size_t *ret_len,
		    const char **ret_algorithm) MUST_CHECK;

#endif
