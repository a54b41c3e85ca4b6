/* SPDX-License-Identifier: ISC */
/*
 * keys.c - authorized_keys(5), read as the user whom it lets in.
 * Distrusts: the file's writer, who is the user himself or somebody whom he let write. So the file
 * and the directories up to his home must belong to him or root and be writable by nobody else. An
 * option that we do not know makes its line void: it might have been a restriction.
 */
#include "auth/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "auth/auth.h"
#include "auth/cert.h"
#include "auth/keys_command.h"
#include "server/base/buf.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/base/net.h"
#include "server/base/text.h"

#define FILE_BYTES_MAX (1024 * 1024)

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

/* sshd's from=: a list of patterns and networks; one that matches with '!' in front refuses. */
static bool
address_listed(const char *addr, char *list)
{
	bool listed = false;
	char *one;

	while ((one = strsep(&list, ",")) != NULL) {
		bool not_him = *one == '!';
		const char *pattern = one + not_him;

		if (fnmatch(pattern, addr, 0) != 0 && !net_has(pattern, addr))
			continue;
		if (not_him)
			return false;
		listed = true;
	}
	return listed;
}

/* sshd's expiry-time=: YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z or (as we see it) in UTC.
 */
static bool
is_expired(const char *when)
{
	static const char *const forms[] = { "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d" };
	static const size_t digits[] = { 14, 12, 8 };
	size_t len = strspn(when, "0123456789");

	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		struct tm utc = { 0 };

		if (len == digits[i] && (when[len] == '\0' || strcmp(when + len, "Z") == 0) &&
		    strptime(when, forms[i], &utc))
			return time(NULL) >= timegm(&utc);
	}
	return true; /* a date that we cannot read has passed */
}

/* Options without effect on a server that has neither shell nor forwarding. */
static const char *const harmless[] = {
	"restrict",	     "no-agent-forwarding", "no-port-forwarding", "no-pty", "no-user-rc",
	"no-x11-forwarding", "agent-forwarding",    "port-forwarding",	  "pty",    "user-rc",
	"x11-forwarding"
};

/* What is looked for in the lines of a file, and what a line says. */
struct search {
	const struct keys_question *q;
	const struct cert *cert; /* NULL: a plain key */
	const char *file;
	bool trusted;	   /* each key in the file is an authority, as the administrator says */
	unsigned int line; /* its number */
	bool authority;	   /* cert-authority */
	char *principals;  /* principals="..." */
};

static bool
option_ok(struct search *s, char *option)
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
options_ok(struct search *s, char *options)
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
is_blob(const struct search *s, const char *text, size_t len)
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
is_certified(const struct search *s)
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

static bool
line_fits(struct search *s, char *line)
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

/*
 * Nobody else can change it. In a sticky directory such as /tmp others may write, but cannot
 * replace what is his; and what lies in it has been looked at before.
 */
static bool
only_his(const struct stat *st, uid_t uid)
{
	bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);

	return (st->st_uid == uid || st->st_uid == 0) && ((st->st_mode & 022) == 0 || sticky);
}

/* Does the file, and every directory from it up to its owner's home (or /), belong to him alone? */
static bool
is_safe(const struct search *s, int fd, const char *file)
{
	const struct account *account = s->q->account;
	/* Who lets others in by a file of authorities is the administrator. */
	uid_t owner = s->trusted && s->q->conf->mode == CONF_SYSTEM ? 0 : account->uid;
	char path[4096], *slash;
	struct log_value quoted;
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !only_his(&st, owner)) {
		log_warn("key-file", "file=%s problem=\"owner or mode\"", log_q(&quoted, file));
		return false;
	}
	if (text_copy(path, sizeof(path), file) < 0)
		return false;
	while ((slash = strrchr(path, '/')) != NULL) {
		slash[slash == path] = '\0';
		if (stat(path, &st) < 0 || !only_his(&st, owner)) {
			log_warn("key-file", "file=%s problem=\"others may write to %s\"",
				 log_q(&quoted, file), path);
			return false;
		}
		if (slash == path || (account->home && strcmp(path, account->home) == 0))
			return true;
	}
	return false;
}

/* Cuts the text into lines, in place. */
static int
find_in_text(struct search *s, const char *file, char *text)
{
	char *line, *save;

	s->file = file;
	s->line = 0;
	for (line = text; line; line = save) {
		save = strchr(line, '\n');
		if (save)
			*save++ = '\0';
		line[strcspn(line, "\r")] = '\0';
		s->line++;
		if (line_fits(s, line))
			return 0;
	}
	return -ENOENT;
}

static int
find_in(struct search *s, const char *file)
{
	FD_OWN int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t len;
	char *text;
	int err;

	if (fd < 0 || !is_safe(s, fd, file) || fd_read_file(fd, FILE_BYTES_MAX, &text, &len) < 0)
		return -ENOENT;
	err = find_in_text(s, file, text);
	free(text);
	return err;
}

/* Puts %u and %h into a template. The account's name is known to be one harmless component. */
static int
expand(const struct keys_question *q, const char *template, char *room, size_t size)
{
	struct text t;

	text_init(&t, room, size);
	for (const char *p = template; *p; p++) {
		if (p[0] == '%' && p[1] == 'u')
			text_puts(&t, q->account->name), p++;
		else if (p[0] == '%' && p[1] == 'h')
			text_puts(&t, q->account->home ? q->account->home : "/nonexistent"), p++;
		else
			text_putc(&t, *p);
	}
	return t.cut || room[0] != '/' ? -EINVAL : 0;
}

static int
find_in_files(struct search *s, const struct conf_list *files, bool trusted)
{
	char file[4096];

	s->trusted = trusted;
	for (size_t i = 0; i < files->count; i++)
		if (expand(s->q, files->at[i], file, sizeof(file)) == 0 && find_in(s, file) == 0)
			return 0;
	return -ENOENT;
}

/* Begins a search. Returns 0, or -ENOENT: the client showed no key that could be found. */
static int
search_begin(const struct keys_question *q, struct search *s, struct cert *cert)
{
	*s = (struct search) { .q = q };
	if (!cert_is_name(q->algorithm))
		return 0;
	s->cert = cert;
	return cert_parse(q->blob, q->blob_len, cert) < 0 ? -ENOENT : 0;
}

int
keys_find(const struct keys_question *q)
{
	struct search s;
	struct cert cert;
	int err = search_begin(q, &s, &cert);

	if (err == 0)
		err = find_in_files(&s, &q->conf->sftp.authorized_keys, false);
	if (err < 0 && s.cert)
		err = find_in_files(&s, &q->conf->sftp.trusted_user_ca_keys, true);
	return err;
}

int
keys_find_by_command(const struct keys_question *q)
{
	const char *program = q->conf->sftp.authorized_keys_command;
	struct log_value quoted;
	struct search s;
	struct cert cert;
	char *text;
	int err = search_begin(q, &s, &cert);

	if (err < 0)
		return err;
	err = keys_command_ask(program, q->conf->mode == CONF_SYSTEM ? 0 : geteuid(),
			       q->account->name, &text);
	if (err < 0) {
		log_warn("key-command", "program=%s problem=%s", log_q(&quoted, program),
			 err == -EPERM	     ? "\"others may write to it, or it is no file\""
			 : err == -ETIMEDOUT ? "\"it takes too long\""
			 : err == -EFBIG     ? "\"it says too much\""
					     : "\"it failed\"");
		return -ENOENT;
	}
	err = find_in_text(&s, program, text);
	free(text);
	return err;
}
