/* SPDX-License-Identifier: ISC */
/*
 * cert.h - OpenSSH's user certificates (PROTOCOL.certkeys of OpenSSH): taking them apart, and
 * whether one is good for an account now. Which authority is trusted is a matter of keys.c; whether
 * the client holds the key inside, of verify.c.
 */
#ifndef AUTH_CERT_H
#define AUTH_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/buf.h"

struct cert {
	char type[64];	/* of the key inside: "ssh-ed25519" */
	struct buf key; /* its numbers, and all that stands behind them */
	uint64_t serial;
	uint32_t kind; /* 1: user, 2: host */
	char id[256];  /* who the authority says it is; for the log. Too long: cut */
	struct buf principals, critical;
	uint64_t valid_after, valid_before; /* seconds since 1970 */
	const uint8_t *authority, *signature, *signed_at;
	size_t authority_len, signature_len, signed_len;
};

/* Is this the name of a certificate's algorithm or type ("ssh-ed25519-cert-v01@openssh.com")? */
bool cert_is_name(const char *name);
/*
 * The same name without the certificate: "ssh-ed25519", "sk-ssh-ed25519@openssh.com". Other names
 * are copied. Returns 0 or -EINVAL (too long).
 */
int cert_plain_name(const char *name, char *room, size_t size) MUST_CHECK;

/*
 * Points into blob. Returns 0, or -EINVAL: it is no certificate, or cut, or there is more behind
 * it.
 */
int cert_parse(const void *blob, size_t len, struct cert *ret_cert) MUST_CHECK;

struct cert_question {
	const char *name;	/* of the account */
	const char *principals; /* a list with commas that counts in place of name; or NULL */
	const char *addr;	/* of the client */
	int64_t now;
};

/*
 * Signed by its authority, for users, in time, for this name, and with no option that is not
 * understood? Returns 0, or -EACCES and a reason for the log.
 */
int cert_check(const struct cert *cert, const struct cert_question *q,
	       const char **ret_reason) MUST_CHECK;

#endif
