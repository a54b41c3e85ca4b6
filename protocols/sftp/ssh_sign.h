/* SPDX-License-Identifier: ISC */
/*
 * ssh_sign.h - host keys whose private half is in another process, and the signatures of users.
 *
 * libssh signs and verifies by three functions of OpenSSL. This program defines them: for a key
 * that stands in for one of signer's they ask signer, and otherwise they are what they always were,
 * in every process. A stand-in has the real public half and a meaningless private one, so libssh
 * can copy and store it as it likes.
 */
#ifndef PROTOCOLS_SFTP_SSH_SIGN_H
#define PROTOCOLS_SFTP_SSH_SIGN_H

#include <libssh/libssh.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/sign.h"

/*
 * Begins a set of stand-ins for a configuration, and from now on that one counts. ssh_sign_end
 * takes a set away: the other one, if there is one, counts again.
 */
unsigned int ssh_sign_begin(void);
void ssh_sign_end(unsigned int set);

/*
 * Makes a key for libssh that stands in for one of signer's. In the listener, before it forks.
 * Returns 0 and a key that the caller owns, or -EINVAL: it is of a kind that is not served.
 */
int ssh_sign_stand_in(const struct sign_key *key, ssh_key *ret_key) MUST_CHECK;

/* Are the host keys signer's? Then monitor knows the session id, and verifies signatures itself. */
bool ssh_sign_is_remote(void);

/*
 * The signature that libssh verified last, in the form that auth_send_key() wants for keys of this
 * type. Returns its length, 0 when there was none. Gone after the call.
 */
#define SSH_SIGN_SIGNATURE_MAX 1024
size_t ssh_sign_take_verified(enum ssh_keytypes_e type, uint8_t room[SSH_SIGN_SIGNATURE_MAX]);

#endif
