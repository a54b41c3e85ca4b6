/* SPDX-License-Identifier: ISC */
/*
 * keys_line.c - what a line of authorized_keys(5) says: options, kind of key, key. Opens nothing.
 * Distrusts: who wrote it. An option that we do not know makes its line void: it might have been a
 * restriction.
 */
#include "auth/keys_line.h"

#include <fnmatch.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/evp.h>

#include "auth/auth.h"
#include "server/base/buf.h"
#include "server/base/log.h"
#include "server/base/net.h"

static const struct {
	const char *algorithm; /* of the signature */
	const char *type;      /* of the key */
} algorithms[] = {
	{ "ssh-ed25519", "ssh-ed25519" },
	{ "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256" },
	{ "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384" },
	{ "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521" },
	{ "rsa-sha2-256", "ssh-rsa" },
	{ "rsa-sha2-512", "ssh-rsa" },
	{ "sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com" },
	{ "sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com" },
};

bool
keys_algorithm_ok(const char *algorithm, const void *blob, size_t blob_len)
{
	struct buf b;
	char type[64], plain[64], plain_type[64];

	buf_init_read(&b, blob, blob_len);
	buf_get_cstring(&b, type, sizeof(type));
	if (b.bad || cert_is_name(algorithm) != cert_is_name(type) ||
	    cert_plain_name(algorithm, plain, sizeof(plain)) < 0 ||
	    cert_plain_name(type, plain_type, sizeof(plain_type)) < 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(algorithms); i++)
		if (strcmp(algorithms[i].algorithm, plain) == 0 &&
		    strcmp(algorithms[i].type, plain_type) == 0)
			return true;
	return false;
}

static bool
is_key_type(const char *word, size_t len)
{
	for (size_t i = 0; i < COUNT_OF(algorithms); i++)
		if (strlen(algorithms[i].type) == len &&
		    strncmp(algorithms[i].type, word, len) == 0)
			return true;
	return false;
}

/* Length of the options word at s: ends at a blank outside of quotes. */
static size_t
options_len(const char *s)
{
	bool quoted = false;
	size_t i;

	for (i = 0; s[i] && (quoted || (s[i] != ' ' && s[i] != '\t')); i++) {
		if (s[i] == '\\' && s[i + 1] == '"')
			i++;
		else if (s[i] == '"')
			quoted = !quoted;
	}
	return i;
}

/*
 * sshd's from=: a list of patterns and networks; one that matches with '!' in front refuses, and so
 * does a network that cannot be read: it might be one that keeps this address out.
 */
static bool
address_listed(const char *addr, char *list)
{
	bool listed = false;
	char *one;

	while ((one = strsep(&list, ",")) != NULL) {
		bool not_him = *one == '!';
		const char *pattern = one + not_him;

		if (strchr(pattern, '/') && !net_is_network(pattern))
			return false;
		if (fnmatch(pattern, addr, FNM_CASEFOLD) != 0 && !net_has(pattern, addr))
			continue;
		if (not_him)
			return false;
		listed = true;
	}
	return listed;
}

/* Digits in front of *at, which moves behind them; as many as there were asked for. */
static int
take_number(const char **at, size_t digits)
{
	int number = 0;

	for (; digits > 0; digits--)
		number = number * 10 + (*(*at)++ - '0');
	return number;
}

/*
 * sshd's expiry-time=: YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, in the time of this machine, or
 * with Z behind it in UTC.
 */
static bool
is_expired(const char *when)
{
	size_t len = strspn(when, "0123456789");
	struct tm asked = { .tm_isdst = -1 }, day;
	bool utc = strcmp(when + len, "Z") == 0;

	if ((len != 8 && len != 12 && len != 14) || (when[len] && !utc))
		return true; /* a date that we cannot read has passed */
	asked.tm_year = take_number(&when, 4) - 1900;
	asked.tm_mon = take_number(&when, 2) - 1;
	asked.tm_mday = take_number(&when, 2);
	asked.tm_hour = len >= 12 ? take_number(&when, 2) : 0;
	asked.tm_min = len >= 12 ? take_number(&when, 2) : 0;
	asked.tm_sec = len == 14 ? take_number(&when, 2) : 0;
	day = asked;
	if (timegm(&day) == -1 || day.tm_mon != asked.tm_mon || day.tm_mday != asked.tm_mday ||
	    day.tm_hour != asked.tm_hour || day.tm_min != asked.tm_min ||
	    day.tm_sec != asked.tm_sec)
		return true; /* the 31st of February */
	return time(NULL) >= (utc ? timegm(&asked) : mktime(&asked));
}

/* Options without effect on a server that has neither shell nor forwarding. */
static const char *const harmless[] = {
	"restrict",	     "no-agent-forwarding", "no-port-forwarding", "no-pty", "no-user-rc",
	"no-x11-forwarding", "agent-forwarding",    "port-forwarding",	  "pty",    "user-rc",
	"x11-forwarding"
};

static bool
option_ok(struct keys_search *s, char *option)
{
	char *value = strchr(option, '=');
	struct log_value quoted_file, quoted;
	size_t len;

	if (value) {
		*value++ = '\0';
		len = strlen(value);
		if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
			value[len - 1] = '\0';
			value++;
		}
	}
	for (size_t i = 0; !value && i < COUNT_OF(harmless); i++)
		if (strcasecmp(option, harmless[i]) == 0)
			return true;
	if (value && strcasecmp(option, "from") == 0)
		return address_listed(s->q->addr, value);
	if (value && strcasecmp(option, "expiry-time") == 0)
		return !is_expired(value);
	if (!value && s->cert && strcasecmp(option, "cert-authority") == 0)
		return s->authority = true;
	if (value && s->cert && strcasecmp(option, "principals") == 0) {
		s->principals = value;
		return true;
	}
	log_warn("key-option", "file=%s line=%u option=%s result=line-ignored",
		 log_q(&quoted_file, s->file), s->line, log_q(&quoted, option));
	return false;
}

/* options is cut into pieces in place. */
static bool
options_ok(struct keys_search *s, char *options)
{
	while (*options) {
		bool quoted = false;
		size_t i;

		for (i = 0; options[i] && (quoted || options[i] != ','); i++)
			if (options[i] == '"')
				quoted = !quoted;
		if (options[i])
			options[i++] = '\0';
		if (!option_ok(s, options))
			return false;
		options += i;
	}
	return true;
}

/* Is the base64 text of len bytes the blob that is looked for? */
static bool
is_blob(const struct keys_search *s, const char *text, size_t len)
{
	const void *want = s->cert ? s->cert->authority : s->q->blob;
	size_t want_len = s->cert ? s->cert->authority_len : s->q->blob_len;
	uint8_t blob[AUTH_KEY_MAX + 3];
	int n, padding = 0;

	if (len == 0 || len % 4 != 0 || len / 4 * 3 > sizeof(blob))
		return false;
	padding = (text[len - 1] == '=') + (text[len - 2] == '=');
	n = EVP_DecodeBlock(blob, (const unsigned char *)text, (int)len);
	return n >= padding && (size_t)(n - padding) == want_len &&
	       memcmp(blob, want, want_len) == 0;
}

/* The authority is trusted with it: what does its certificate say? */
static bool
is_certified(const struct keys_search *s)
{
	const struct cert_question question = { .name = s->q->account->name,
						.principals = s->principals,
						.addr = s->q->addr,
						.now = time(NULL) };
	struct log_value file, id, reason;
	const char *no;

	if (cert_check(s->cert, &question, &no) < 0) {
		log_notice("certificate-refused", "id=%s serial=%ju reason=%s file=%s line=%u",
			   log_q(&id, s->cert->id), (uintmax_t)s->cert->serial, log_q(&reason, no),
			   log_q(&file, s->file), s->line);
		return false;
	}
	log_info("certificate", "id=%s serial=%ju file=%s line=%u", log_q(&id, s->cert->id),
		 (uintmax_t)s->cert->serial, log_q(&file, s->file), s->line);
	return true;
}

bool
keys_line_fits(struct keys_search *s, char *line)
{
	char *type = line + strspn(line, " \t"), *options = NULL, *base64;
	size_t len = strcspn(type, " \t");

	if (*type == '\0' || *type == '#')
		return false;
	if (!is_key_type(type, len)) {
		options = type;
		len = options_len(options);
		type = options + len;
		if (*type == '\0')
			return false;
		*type++ = '\0';
		type += strspn(type, " \t");
		len = strcspn(type, " \t");
		if (!is_key_type(type, len))
			return false;
	}
	base64 = type + len + strspn(type + len, " \t");
	/* The key first: an odd option on another key's line is nobody's business today. */
	s->authority = s->trusted;
	s->principals = NULL;
	if (!is_blob(s, base64, strcspn(base64, " \t")) || (options && !options_ok(s, options)))
		return false;
	return !s->cert || (s->authority && is_certified(s));
}
