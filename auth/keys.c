/* SPDX-License-Identifier: ISC */
/*
 * keys.c - where authorized_keys(5) come from: files, read as the user whom they let in, and the
 * administrator's program. What a line says is keys_line.c's.
 * Distrusts: a file's writer, who is the user himself or somebody whom he let write. So the file
 * and the directories up to his home must belong to him or root and be writable by nobody else.
 */
#include "auth/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/keys_command.h"
#include "auth/keys_line.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/base/text.h"

#define FILE_BYTES_MAX (1024 * 1024)

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
is_safe(const struct keys_search *s, int fd, const char *file)
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
find_in_text(struct keys_search *s, const char *file, char *text)
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
		if (keys_line_fits(s, line))
			return 0;
	}
	return -ENOENT;
}

static int
find_in(struct keys_search *s, const char *file)
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
	const char *home = q->account->home; /* the users file may say none: that is not "/" */
	struct text t;

	text_init(&t, room, size);
	for (const char *p = template; *p; p++) {
		if (p[0] == '%' && p[1] == 'u')
			text_puts(&t, q->account->name), p++;
		else if (p[0] == '%' && p[1] == 'h')
			text_puts(&t, home && *home ? home : "/nonexistent"), p++;
		else
			text_putc(&t, *p);
	}
	return t.cut || room[0] != '/' ? -EINVAL : 0;
}

static int
find_in_files(struct keys_search *s, const struct conf_list *files, bool trusted)
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
search_begin(const struct keys_question *q, struct keys_search *s, struct cert *cert)
{
	*s = (struct keys_search) { .q = q };
	if (!cert_is_name(q->algorithm))
		return 0;
	s->cert = cert;
	return cert_parse(q->blob, q->blob_len, cert) < 0 ? -ENOENT : 0;
}

int
keys_find(const struct keys_question *q)
{
	struct keys_search s;
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
	struct keys_search s;
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
