/* SPDX-License-Identifier: ISC */
/* certificate.h - who a TLS client certificate is, and whether that is the user. */
#ifndef AUTH_CERTIFICATE_H
#define AUTH_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"

#define AUTH_CERTIFICATE_NAMES 16

enum auth_certificate_kind { AUTH_CERTIFICATE_CN, AUTH_CERTIFICATE_EMAIL, AUTH_CERTIFICATE_DNS };

struct auth_certificate {
	char fingerprint[65]; /* SHA-256 of the certificate, hexadecimal, small letters */
	struct {
		enum auth_certificate_kind kind;
		char text[256];
	} names[AUTH_CERTIFICATE_NAMES];
	size_t count;
};

/* Is it this user's, by auth.certificate-names or auth.certificate-file? */
bool certificate_is_of(const struct conf *conf, const struct auth_certificate *c, const char *user);

#endif
