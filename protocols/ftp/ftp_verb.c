/* SPDX-License-Identifier: ISC */
/*
 * ftp_verb.c - which command may be served in which state. A row without a word in its column is
 * served to a logged-in client inside TLS, between transfers, and to nobody else: what is forgotten
 * here is refused, not allowed.
 */
#include "protocols/ftp/ftp_verb.h"

#include <errno.h>
#include <string.h>

#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"
#include "server/base/log.h"

enum {
	V_CLEAR = 1,	/* also before TLS */
	V_EARLY = 2,	/* also inside TLS before login */
	V_URGENT = 4,	/* also during a transfer, at once */
	V_ARG = 8,	/* wants an argument */
	V_NOARG = 16,	/* wants none */
	V_PATH = 32,	/* wants a path: cleaned and absolute in f->path, as sent in arg */
	V_KEEP = 64,	/* REST, RANG stay in force behind it */
	V_DATA = 128,	/* needs a protected, arranged data connection */
	V_FROM = 256,	/* RNFR must stand right before it */
	V_ALIAS = 512,	/* not shown by HELP */
	V_RAW = 1024,	/* blanks at the end belong to the argument */
	V_LOGIN = 2048, /* part of a login: in clear it is answered by its own handler */
	V_USES = 4096,	/* means REST, RANG: a wrong argument uses them up, too */
};

struct verb {
	char name[8];
	unsigned int flags;
	void (*run)(struct ftp *f, char *arg);
	const char *syntax;
};

static const struct verb verbs[] = {
	/* Security and login: RFC 2228, 4217, 7151. */
	{ "AUTH", V_CLEAR | V_EARLY | V_ARG, ftp_auth, "TLS" },
	{ "PBSZ", V_EARLY | V_KEEP | V_ARG, ftp_pbsz, "0" },
	{ "PROT", V_EARLY | V_KEEP | V_ARG, ftp_prot, "P" },
	{ "CCC", V_ALIAS, ftp_no_ccc, "(never)" },
	{ "USER", V_RAW | V_LOGIN | V_EARLY | V_ARG, ftp_user, "name" },
	{ "PASS", V_RAW | V_LOGIN | V_EARLY, ftp_pass, "password" },
	{ "ACCT", V_ARG, ftp_acct, "account" },
	{ "REIN", V_ALIAS, ftp_not_here, "" },
	{ "SMNT", V_ALIAS, ftp_not_here, "" },
	/* RFC 2228's ways without TLS: nothing to exchange, no protection inside of ours. */
	{ "ADAT", V_ALIAS, ftp_not_here, "" },
	{ "MIC", V_ALIAS, ftp_not_here, "" },
	{ "CONF", V_ALIAS, ftp_not_here, "" },
	{ "ENC", V_ALIAS, ftp_not_here, "" },
	{ "HOST", V_CLEAR | V_EARLY | V_ARG, ftp_host, "name" },
	{ "CLNT", V_CLEAR | V_EARLY | V_ARG, ftp_clnt, "client" },
	{ "CSID", V_ARG, ftp_csid, "Name=client; Version=x;" },
	/* Conversation. */
	{ "FEAT", V_CLEAR | V_EARLY | V_KEEP | V_NOARG, ftp_feat, "" },
	{ "OPTS", V_CLEAR | V_EARLY | V_KEEP | V_ARG, ftp_opts,
	  "UTF8 ON | MLST facts | HASH name" },
	{ "LANG", V_CLEAR | V_EARLY | V_KEEP, ftp_lang, "[EN]" },
	{ "SYST", V_CLEAR | V_EARLY | V_NOARG, ftp_syst, "" },
	{ "HELP", V_CLEAR | V_EARLY, ftp_help, "[command]" },
	{ "NOOP", V_CLEAR | V_EARLY | V_URGENT | V_KEEP, ftp_noop, "" },
	{ "QUIT", V_CLEAR | V_EARLY | V_URGENT, ftp_quit, "" },
	{ "STAT", V_RAW | V_URGENT | V_KEEP, ftp_stat, "[path]" },
	{ "ABOR", V_URGENT | V_NOARG, ftp_abor, "" },
	/* Representation and the data connection. */
	{ "TYPE", V_KEEP | V_ARG, ftp_type, "I | A" },
	{ "MODE", V_KEEP | V_ARG, ftp_mode, "S" },
	{ "STRU", V_KEEP | V_ARG, ftp_stru, "F" },
	{ "ALLO", V_KEEP | V_ARG, ftp_allo, "bytes" },
	{ "PASV", V_KEEP | V_NOARG, ftp_pasv, "" },
	{ "EPSV", V_KEEP, ftp_epsv, "[1 | 2 | ALL]" },
	{ "PORT", V_KEEP | V_ARG, ftp_port, "h1,h2,h3,h4,p1,p2" },
	{ "EPRT", V_KEEP | V_ARG, ftp_eprt, "|1|address|port|" },
	{ "REST", V_KEEP | V_ARG, ftp_rest, "offset" },
	{ "RANG", V_KEEP | V_ARG, ftp_rang, "first last" },
	/* Transfers. */
	{ "RETR", V_USES | V_KEEP | V_DATA | V_PATH, ftp_retr, "path" },
	{ "STOR", V_USES | V_KEEP | V_DATA | V_PATH, ftp_stor, "path" },
	{ "APPE", V_DATA | V_PATH, ftp_appe, "path" },
	{ "STOU", V_RAW | V_DATA, ftp_stou, "[path]" },
	{ "LIST", V_RAW | V_DATA, ftp_list, "[path]" },
	{ "NLST", V_RAW | V_DATA, ftp_nlst, "[path]" },
	{ "MLSD", V_RAW | V_DATA, ftp_mlsd, "[path]" },
	/* Names. */
	{ "PWD", V_NOARG, ftp_pwd, "" },
	{ "XPWD", V_NOARG | V_ALIAS, ftp_pwd, "" },
	{ "CWD", V_PATH, ftp_cwd, "path" },
	{ "XCWD", V_PATH | V_ALIAS, ftp_cwd, "path" },
	{ "CDUP", V_NOARG, ftp_cdup, "" },
	{ "XCUP", V_NOARG | V_ALIAS, ftp_cdup, "" },
	{ "MKD", V_PATH, ftp_mkd, "path" },
	{ "XMKD", V_PATH | V_ALIAS, ftp_mkd, "path" },
	{ "RMD", V_PATH, ftp_rmd, "path" },
	{ "XRMD", V_PATH | V_ALIAS, ftp_rmd, "path" },
	{ "DELE", V_PATH, ftp_dele, "path" },
	{ "RNFR", V_PATH, ftp_rnfr, "path" },
	{ "RNTO", V_PATH | V_FROM, ftp_rnto, "path" },
	/* Facts. */
	{ "MLST", V_RAW, ftp_mlst, "[path]" },
	{ "SIZE", V_KEEP | V_PATH, ftp_size, "path" },
	{ "MDTM", V_RAW | V_KEEP | V_ARG, ftp_mdtm, "[YYYYMMDDhhmmss] path" },
	{ "MFMT", V_RAW | V_ARG, ftp_mfmt, "YYYYMMDDhhmmss path" },
	{ "MFF", V_RAW | V_ARG, ftp_mff, "fact=value; path" },
	{ "AVBL", V_RAW, ftp_avbl, "[path]" },
	{ "SITE", V_RAW | V_ARG, ftp_site, "HELP | CHMOD | UTIME | SYMLINK | CPFR | CPTO | IDLE" },
	/* Checksums and copies. */
	{ "HASH", V_USES | V_KEEP | V_PATH, ftp_hash, "path" },
	{ "XCRC", V_RAW | V_ARG, ftp_xcrc, "path | \"path\" first end" },
	{ "XMD5", V_RAW | V_ARG, ftp_xmd5, "path | \"path\" first end" },
	{ "XSHA", V_RAW | V_ARG | V_ALIAS, ftp_xsha1, "path | \"path\" first end" },
	{ "XSHA1", V_RAW | V_ARG, ftp_xsha1, "path | \"path\" first end" },
	{ "XSHA256", V_RAW | V_ARG, ftp_xsha256, "path | \"path\" first end" },
	{ "XSHA512", V_RAW | V_ARG, ftp_xsha512, "path | \"path\" first end" },
	{ "COMB", V_ARG, ftp_comb, "\"target\" \"source\" [\"source\" ...]" },
};

/*
 * They belong to protocols that a browser or a mail server was tricked into speaking to us
 * (ALPACA).
 */
static const char *const strangers[] = { "GET",	    "POST",  "PUT",   "HEAD",	"DELETE", "OPTIONS",
					 "CONNECT", "TRACE", "PATCH", "EHLO",	"HELO",	  "LHLO",
					 "RCPT",    "MAIL",  "DATA",  "SSH-2.0" };

/* Clients that are lost get so many answers before login. */
#define UNKNOWN_VERBS_MAX 3

/* The verb of a line in upper case, and its length. What is too long to be one is cut. */
static size_t
verb_of(const char *line, char room[16])
{
	size_t len = strcspn(line, " ");

	for (size_t i = 0; i < 16; i++) {
		char c = i < len && i < 15 ? line[i] : '\0';

		room[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
	}
	return len;
}

static const struct verb *
find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

bool
ftp_verb_is_urgent(const char *line)
{
	char name[16];
	size_t len = verb_of(line, name);
	const struct verb *v = find(name);

	/* STAT with a path needs worker and a buffer of its own: it waits. */
	return v && (v->flags & V_URGENT) && (v->run != ftp_stat || line[len] == '\0');
}

bool
ftp_verb_is_quit(const char *line)
{
	char name[16];

	ignore_result((int)verb_of(line, name));
	return strcmp(name, "QUIT") == 0;
}

static void
unknown(struct ftp *f, const char *name)
{
	for (size_t i = 0; i < COUNT_OF(strangers); i++)
		if (strncmp(name, strangers[i], strlen(strangers[i])) == 0) {
			ftp_reply(f, 421, "This is an FTP server; goodbye.");
			ftp_end(f, SESSION_PROTOCOL);
			return;
		}
	ftp_reply(f, 500, "Unknown command.");
	if (f->s->logged_in || ++f->unknown_verbs < UNKNOWN_VERBS_MAX)
		return;
	ftp_reply(f, 421, "That is enough; goodbye.");
	ftp_end(f, SESSION_PROTOCOL);
}

/* May it be served in this state? If not, the client hears why. */
static bool
state_allows(struct ftp *f, const struct verb *v)
{
	if (f->control == FTP_CLEAR && !(v->flags & (V_CLEAR | V_LOGIN))) {
		/* RFC 2228, section 3: what sets up protection wants 503, all the rest 530. */
		ftp_reply(f, v->flags & V_EARLY ? 503 : 530,
			  "This server talks inside TLS only: send AUTH TLS first.");
		return false;
	}
	if (f->control == FTP_SECURE && !f->s->logged_in && !(v->flags & V_EARLY)) {
		ftp_reply(f, 530, "Please log in first.");
		return false;
	}
	if ((v->flags & V_DATA) && !f->has_prot) {
		ftp_reply(f, 521,
			  "Data connections are encrypted here: send PBSZ 0 and PROT P first.");
		return false;
	}
	if ((v->flags & V_FROM) && !f->has_from) {
		ftp_reply(f, 503, "Send RNFR first.");
		return false;
	}
	return true;
}

static bool
argument_fits(struct ftp *f, const struct verb *v, const char *arg)
{
	if ((v->flags & V_NOARG) && arg[strspn(arg, " ")] != '\0') {
		ftp_reply(f, 501, "%s takes no argument.", v->name);
		return false;
	}
	if ((v->flags & (V_ARG | V_PATH)) && *arg == '\0') {
		ftp_reply(f, 501, "Syntax: %s %s", v->name, v->syntax);
		return false;
	}
	return !(v->flags & V_PATH) || ftp_take_path(f, arg);
}

/* Trailing blanks belong to a name, and to nothing else. */
static void
trim(char *arg)
{
	size_t len = strlen(arg);

	while (len > 0 && arg[len - 1] == ' ')
		arg[--len] = '\0';
}

void
ftp_verb_serve(struct ftp *f, char *line)
{
	char name[16];
	size_t len = verb_of(line, name);
	char *arg = line[len] ? line + len + 1 : line + len;
	const struct verb *v = find(name);

	if (!v) {
		unknown(f, name);
		return;
	}
	if (!state_allows(f, v))
		return;
	/* What RNFR, REST and RANG set is for the very next command that means it. */
	if (!(v->flags & (V_KEEP | V_URGENT)))
		f->restart = 0, f->has_range = false;
	if (!(v->flags & V_URGENT))
		f->has_from = false;
	if (!(v->flags & V_URGENT) && v->run != ftp_site)
		f->has_copy_from = false;
	if (!(v->flags & (V_PATH | V_RAW)))
		trim(arg);
	if (argument_fits(f, v, arg)) {
		v->run(f, arg);
	} else if (v->flags & V_USES) {
		f->restart = 0;
		f->has_range = false;
	}
}

void
ftp_verb_help(struct ftp *f, const char *name)
{
	char room[16];
	const struct verb *v;
	struct text t;
	char row[80];

	ignore_result((int)verb_of(name, room));
	if (*name) {
		v = find(room);
		if (v)
			ftp_reply(f, 214, "Syntax: %s %s", v->name, v->syntax);
		else
			ftp_reply(f, 502, "Unknown command.");
		return;
	}
	ftp_reply_first(f, 214, "These commands are served:");
	text_init(&t, row, sizeof(row));
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		if (verbs[i].flags & V_ALIAS)
			continue;
		text_printf(&t, "%-8s", verbs[i].name);
		if (t.len >= 60) {
			ftp_reply_more(f, "%s", row);
			text_reset(&t);
		}
	}
	if (t.len > 0)
		ftp_reply_more(f, "%s", row);
	ftp_reply(f, 214, "HELP with a command shows its syntax.");
}
