/* SPDX-License-Identifier: ISC */
/*
 * ctl_import.c - `cofferctl import`: users of other servers become lines of the users file. Hashes
 * are taken over, not passwords; what cannot be taken over is said, line by line. A user who is
 * there already stays.
 */
#include <crypt.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/lines.h"
#include "auth/users.h"
#include "server/base/net.h"
#include "server/base/text.h"
#include "server/ctl.h"

#define FIELDS_MAX 20

struct import {
	const char *file, *conf, *from;
	struct user common; /* uid, gid and home for formats that have none */
	unsigned int line, taken, left;
};

static void
complain(const struct import *m, const char *text)
{
	const struct conf_place place = { .file = m->from, .line = m->line, .column = 1 };

	ctl_complain(NULL, &place, text);
}

/* A hash that our crypt(3) does not know is no way in, but the rest of the user is kept. */
static int
take_hash(const struct import *m, struct user *u, const char *hash)
{
	/*
	 * Apache writes bcrypt as $2y$, as does crypt(3); its own and LDAP's kinds it does not
	 * know.
	 */
	int known = *hash ? crypt_checksalt(hash) : CRYPT_SALT_INVALID;

	if (*hash == '!') /* locked there, locked here */
		return lines_text(u->hash, sizeof(u->hash), hash);
	if (known == CRYPT_SALT_INVALID || known == CRYPT_SALT_METHOD_DISABLED) {
		complain(
		    m, "warning: crypt(3) does not know this hash; the user has no password until "
		       "cofferctl user passwd");
		hash = "*";
	} else if (known == CRYPT_SALT_METHOD_LEGACY) {
		complain(
		    m,
		    "warning: the hash is of a weak kind; cofferctl user passwd makes a new one");
	}
	return lines_text(u->hash, sizeof(u->hash), hash);
}

static int
take_ids(struct user *u, const char *uid, const char *gid)
{
	uint32_t id[2];

	if (lines_id(uid, &id[0]) < 0 || lines_id(gid, &id[1]) < 0)
		return -EINVAL;
	u->uid = id[0];
	u->gid = id[1];
	return 0;
}

/* name:hash */
static const char *
from_htpasswd(struct import *m, char **field, size_t count, struct user *u)
{
	*u = m->common;
	return count < 2 || take_hash(m, u, field[1]) < 0 ? "a line is NAME:HASH" : NULL;
}

/* name:hash:uid:gid:gecos:home:shell */
static const char *
from_proftpd(struct import *m, char **field, size_t count, struct user *u)
{
	if (count < 6 || take_hash(m, u, field[1]) < 0 || take_ids(u, field[2], field[3]) < 0 ||
	    lines_text(u->gecos, sizeof(u->gecos), field[4]) < 0 ||
	    lines_text(u->home, sizeof(u->home), field[5]) < 0)
		return "a line is NAME:HASH:UID:GID:GECOS:HOME:SHELL";
	return NULL;
}

/* "0800-1800" of pure-ftpd as ours. */
static int
take_hours(struct user *u, const char *hours)
{
	char made[16];
	struct text t;

	if (strlen(hours) != 9 || hours[4] != '-')
		return -EINVAL;
	text_init(&t, made, sizeof(made));
	text_printf(&t, "%.2s:%.2s-%.2s:%.2s", hours, hours + 2, hours + 5, hours + 7);
	return limits_set(u->limits, sizeof(u->limits), "hours", made);
}

/*
 * name:hash:uid:gid:gecos:home:up:down:ratio:ratio:sessions:files:bytes:local:no-local:from:not-from:hours
 * Its home ends in /./ where the user is kept inside; ours always are.
 */
static const char *
from_pure(struct import *m, char **field, size_t count, struct user *u)
{
	static const struct {
		size_t at;
		const char *words;
	} elsewhere[] = {
		{ 6, "its upload rate: see limits.rate-up" },
		{ 7, "its download rate: see limits.rate-down" },
		{ 8, "its ratio: there are none here" },
		{ 10, "its number of sessions: see sessions in auth.rules" },
		{ 11, "its quota of files: see quota-files of a share" },
		{ 12, "its quota of bytes: see quota-bytes of a share" },
		{ 13, "its local addresses: see listeners in auth.rules" },
		{ 14, "its refused local addresses: see listeners in auth.rules" },
	};
	const char *fault = from_proftpd(m, field, count, u);
	size_t len = strlen(u->home);

	if (fault)
		return fault;
	if (len > 3 && strcmp(u->home + len - 3, "/./") == 0)
		u->home[len - 3] = '\0';
	else if (len > 2 && strcmp(u->home + len - 2, "/.") == 0)
		u->home[len - 2] = '\0';
	for (size_t i = 0; i < COUNT_OF(elsewhere); i++)
		if (count > elsewhere[i].at && *field[elsewhere[i].at] &&
		    strcmp(field[elsewhere[i].at], "0") != 0) {
			char words[128];
			struct text t;

			text_init(&t, words, sizeof(words));
			text_printf(&t, "warning: left behind: %s", elsewhere[i].words);
			complain(m, words);
		}
	if (count > 16 && *field[16])
		return "it refuses some client addresses, which the users file cannot say: see "
		       "auth.rules";
	if (count > 15 && *field[15] &&
	    limits_set(u->limits, sizeof(u->limits), "networks", field[15]) < 0)
		return "its client addresses are none that Coffer knows; nobody is let in from "
		       "everywhere instead";
	if (count > 17 && *field[17] && take_hours(u, field[17]) < 0)
		return "its hours are not HHMM-HHMM; nobody is let in at all times instead";
	return NULL;
}

static const struct format {
	const char *name;
	const char *(*read)(struct import *m, char **field, size_t count, struct user *u);
	bool has_ids;
} formats[] = {
	{ "htpasswd", from_htpasswd, false },
	{ "proftpd", from_proftpd, true },
	{ "pure-ftpd", from_pure, true },
};

static const char *
take(struct import *m, const struct format *format, char *line)
{
	char *field[FIELDS_MAX], *rest = line;
	struct user u = { 0 }, there;
	const char *fault = NULL;
	size_t count = 0;
	int err;

	while (rest && count < FIELDS_MAX)
		field[count++] = strsep(&rest, ":");
	if (lines_hold(m->file) < 0)
		return "the users file is being edited by somebody else";
	fault = format->read(m, field, count, &u);
	if (!fault && (lines_text(u.name, sizeof(u.name), field[0]) < 0 || !users_name_ok(u.name)))
		fault = "the name is not one that a user can have";
	if (!fault && u.home[0] && u.home[0] != '/')
		fault = "the home directory is not absolute";
	if (!fault && users_find(m->file, u.name, &there) == 0) {
		mem_wipe(&there, sizeof(there));
		fault = "this user is in the users file already";
	}
	if (!fault) {
		if (u.uid == 0 || u.gid == 0)
			complain(m, "warning: nobody logs in with the uid or group of root; see "
				    "cofferctl user set");
		err = users_set(m->file, &u);
		if (err < 0)
			fault = err == -EPERM ? "the users file must be yours alone to write"
					      : strerror(-err);
	}
	mem_wipe(&u, sizeof(u));
	return fault;
}

static int
import_all(struct import *m, const struct format *format)
{
	char *bytes, *rest, *line;
	struct stat st;
	size_t len;
	int err = lines_read(m->from, &bytes, &len, &st);

	if (err < 0) {
		fprintf(stderr, "cofferctl: %s: %s\n", m->from,
			err == -EPERM
			    ? "it must belong to root or to you, and nobody else may write it"
			    : strerror(-err));
		return 1;
	}
	rest = bytes;
	while ((line = lines_next(&rest))) {
		const char *fault;

		m->line++;
		if (*line == '\0' || *line == '#')
			continue;
		fault = take(m, format, line);
		if (fault)
			complain(m, fault);
		m->taken += !fault;
		m->left += fault != NULL;
	}
	mem_wipe(bytes, len);
	free(bytes);
	printf("%u taken over, %u left\n", m->taken, m->left);
	return m->left ? 1 : 0;
}

int
ctl_import(int argc, char *argv[])
{
	struct import m = { .conf = CTL_CONF };
	const struct format *format = NULL;
	const char *uid = NULL, *gid = NULL, *home = "";
	const struct ctl_option options[] = {
		{ "file", 'f', &m.file }, { "config", 'c', &m.conf }, { "uid", 0, &uid },
		{ "gid", 0, &gid },	  { "home", 0, &home },
	};

	if (!ctl_options(argc, argv, options, COUNT_OF(options)))
		return ctl_usage("import");
	for (size_t i = 0; optind < argc && i < COUNT_OF(formats); i++)
		if (strcmp(argv[optind], formats[i].name) == 0)
			format = &formats[i];
	if (!format || argc - optind != 2)
		return ctl_usage("import");
	if (!format->has_ids && (!uid || take_ids(&m.common, uid, gid ? gid : uid) < 0 ||
				 lines_text(m.common.home, sizeof(m.common.home), home) < 0)) {
		fputs("cofferctl: the file does not say as whom its users work; say it with --uid "
		      "NUMBER, --gid "
		      "NUMBER and --home DIRECTORY\n",
		      stderr);
		return 2;
	}
	m.from = argv[optind + 1];
	if (!m.file)
		m.file =
		    ctl_file(m.conf, offsetof(struct conf, auth.users_file), "auth.users-file");
	return m.file ? import_all(&m, format) : 1;
}
