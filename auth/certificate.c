/* SPDX-License-Identifier: ISC */
/* certificate.c - certificates of TLS clients and the names of users. Runs in monitor. */
#include "auth/certificate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/lines.h"
#include "server/base/log.h"

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
	struct log_value name;
	struct stat st;
	size_t len;
	bool found = false;

	int err;

	if (!conf->auth.certificate_file)
		return false;
	err = lines_read(conf->auth.certificate_file, &bytes, &len, &st);
	if (err < 0) {
		log_warn("certificate-file", "path=%s reason=\"%s\"",
			 log_q(&name, conf->auth.certificate_file),
			 err == -EPERM ? "others can write to it" : strerror(-err));
		return false;
	}
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
