/* SPDX-License-Identifier: ISC */
/* certificate.c - certificates of TLS clients and the names of users. Runs in monitor. */
#include "auth/certificate.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/lines.h"

static bool
is_wanted(const struct conf *conf, enum auth_certificate_kind kind)
{
	static const char *const words[] = { [AUTH_CERTIFICATE_CN] = "cn",
					     [AUTH_CERTIFICATE_EMAIL] = "email",
					     [AUTH_CERTIFICATE_DNS] = "dns" };

	for (size_t i = 0; i < conf->auth.certificate_names.count; i++)
		if (strcmp(conf->auth.certificate_names.at[i], words[kind]) == 0)
			return true;
	return false;
}

/* "anna:ab12..." or, as openssl x509 -fingerprint writes it, "anna:AB:12:...". */
static bool
fingerprint_fits(const char *text, const char *fingerprint)
{
	for (; *fingerprint; text++) {
		if (*text == ':')
			continue;
		if (strncasecmp(text, fingerprint, 1) != 0)
			return false;
		fingerprint++;
	}
	return *text == '\0';
}

static bool
is_in_file(const struct conf *conf, const char *fingerprint, const char *user)
{
	char *bytes, *rest, *line;
	struct stat st;
	size_t len;
	bool found = false;

	if (!conf->auth.certificate_file ||
	    lines_read(conf->auth.certificate_file, &bytes, &len, &st) < 0)
		return false;
	for (rest = bytes; !found && (line = lines_next(&rest)) != NULL;)
		found =
		    lines_are(line, user) && fingerprint_fits(line + strlen(user) + 1, fingerprint);
	free(bytes);
	return found;
}

bool
certificate_is_of(const struct conf *conf, const struct auth_certificate *c, const char *user)
{
	for (size_t i = 0; i < c->count; i++)
		if (is_wanted(conf, c->names[i].kind) && strcmp(c->names[i].text, user) == 0)
			return true;
	return is_in_file(conf, c->fingerprint, user);
}
