/* SPDX-License-Identifier: ISC */
/*
 * ftp_feat.c - what the server is and can do: FEAT OPTS HELP SYST NOOP QUIT, the client's name, and
 * the representations of RFC 959. Before login nothing here names the product or its version.
 */
#include "protocols/ftp/ftp_verb.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "protocols/ftp/ftp_fact.h"
#include "protocols/ftp/ftp_hash.h"
#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"

void
ftp_feat(struct ftp *f, char *arg)
{
	static const char *const features[] = {
		"AUTH TLS",
		"AVBL",
		"CLNT",
		"COMB",
		"CSID",
		"EPRT",
		"EPSV",
		"HOST",
		"LANG EN*",
		"MDTM",
		"MFF Modify;UNIX.mode;",
		"MFMT",
		"PBSZ",
		"PROT",
		"RANG STREAM",
		"REST STREAM",
		"SITE COPY",
		"SIZE",
		"TVFS",
		"UTF8",
		"XCRC",
		"XMD5",
		"XSHA",
		"XSHA1",
		"XSHA256",
		"XSHA512",
	};
	char room[256];
	struct text t;

	(void)arg;
	ftp_reply_first(f, 211, "Features:");
	for (size_t i = 0; i < COUNT_OF(features); i++)
		if (f->s->conf->ftps.active || strcmp(features[i], "EPRT") != 0)
			ftp_reply_more(f, "%s", features[i]);
	text_init(&t, room, sizeof(room));
	ftp_fact_names(&t, f->facts, "*", true);
	ftp_reply_more(f, "MLST %s", room);
	text_reset(&t);
	ftp_hash_names(f, &t);
	ftp_reply_more(f, "HASH %s", room);
	ftp_reply(f, 211, "End");
}

static void
opts_utf8(struct ftp *f, const char *arg)
{
	if (strcasecmp(arg, "OFF") == 0)
		ftp_reply(f, 501, "Names are bytes, and UTF-8 by custom; nothing to turn off.");
	else
		ftp_reply(f, 200, "Names are UTF-8.");
}

static void
opts_mlst(struct ftp *f, const char *arg)
{
	char room[256];
	struct text t;

	/* RFC 3659, section 7.8: facts that are unknown are left out, but blanks are in no list. */
	if (strchr(arg, ' ')) {
		ftp_reply(f, 501, "Syntax: OPTS MLST fact;fact;");
		return;
	}
	f->facts = ftp_fact_parse(arg);
	text_init(&t, room, sizeof(room));
	ftp_fact_names(&t, f->facts, "", false);
	ftp_reply(f, 200, "MLST OPTS%s%s", t.len > 0 ? " " : "", room);
}

void
ftp_opts(struct ftp *f, char *arg)
{
	static const struct {
		const char *name;
		void (*run)(struct ftp *f, const char *arg);
	} options[] = { { "UTF8", opts_utf8 },
			{ "UTF-8", opts_utf8 },
			{ "MLST", opts_mlst },
			{ "HASH", ftp_hash_opts } };
	size_t len = strcspn(arg, " ");
	const char *rest = arg[len] ? arg + len + 1 : arg + len;

	for (size_t i = 0; i < COUNT_OF(options); i++)
		if (strlen(options[i].name) == len && strncasecmp(arg, options[i].name, len) == 0) {
			options[i].run(f, rest);
			return;
		}
	ftp_reply(f, 501, "There are options for UTF8, MLST and HASH only.");
}

void
ftp_help(struct ftp *f, char *arg)
{
	ftp_verb_help(f, arg);
}

void
ftp_syst(struct ftp *f, char *arg)
{
	(void)arg;
	ftp_reply(f, 215, "UNIX Type: L8");
}

void
ftp_noop(struct ftp *f, char *arg)
{
	(void)arg;
	ftp_reply(f, 200, "Still here.");
}

void
ftp_quit(struct ftp *f, char *arg)
{
	(void)arg;
	ftp_reply(f, 221, "Goodbye.");
	/* RFC 959, section 4.1.1: the connection stays open for the result of a transfer. */
	if (f->x.stage != FTP_IDLE || f->job.kind != FTP_JOB_NONE)
		f->leaving = true;
	else
		ftp_end(f, SESSION_QUIT);
}

/* RFC 7151, section 3.1: a domain name, also in UTF-8, an IPv4 address, or [an IPv6 address]. */
static bool
is_host(const char *name)
{
	size_t len = 0;

	if (*name == '[') {
		len = strspn(name + 1, "0123456789abcdefABCDEF:.");
		return len > 0 && strcmp(name + 1 + len, "]") == 0;
	}
	for (; name[len] != '\0'; len++)
		if ((unsigned char)name[len] < 0x80 && !isalnum((unsigned char)name[len]) &&
		    !strchr("-._", name[len]))
			return false;
	return len > 0 && len < 256;
}

/*
 * RFC 7151: one set of shares is served under every name, so every name is right, but where unknown
 * ones are to be refused. In front of AUTH it chooses the certificate.
 */
void
ftp_host(struct ftp *f, char *arg)
{
	const bool literal = *arg == '[';
	struct text t;

	if (f->s->logged_in || f->has_user)
		ftp_reply(f, 503, "HOST comes before USER.");
	else if (!is_host(arg))
		ftp_reply(f, 501, "HOST wants a name, or an address (IPv6 in brackets).");
	else {
		text_init(&t, f->host, sizeof(f->host));
		text_putn(&t, arg + literal, strcspn(arg + literal, "]"));
		if (tls_server_takes(f->server, f->host))
			ftp_reply(f, 220, "Host accepted.");
		else
			ftp_reply(f, 504, "Nobody of that name is here.");
	}
}

void
ftp_clnt(struct ftp *f, char *arg)
{
	session_client(f->s, arg);
	ftp_reply(f, 200, "Noted.");
}

void
ftp_csid(struct ftp *f, char *arg)
{
	session_client(f->s, arg);
	ftp_reply(f, 200, "Name=Coffer; Version=%s;", COFFER_VERSION);
}

void
ftp_type(struct ftp *f, char *arg)
{
	static const struct {
		const char *arg;
		bool ascii;
		const char *words;
	} types[] = {
		{ "I", false, "Files are sent byte by byte." },
		{ "L 8", false, "Files are sent byte by byte." },
		{ "L8", false, "Files are sent byte by byte." },
		{ "A", true, "Line ends are converted." },
		{ "A N", true, "Line ends are converted." },
	};

	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (strcasecmp(arg, types[i].arg) == 0) {
			f->ascii = types[i].ascii;
			ftp_reply(f, 200, "%s", types[i].words);
			return;
		}
	ftp_reply(f, 504, "Types are I and A.");
}

void
ftp_mode(struct ftp *f, char *arg)
{
	if (strcasecmp(arg, "S") == 0)
		ftp_reply(f, 200, "Stream mode.");
	else
		ftp_reply(f, 504, "There is stream mode only.");
}

void
ftp_stru(struct ftp *f, char *arg)
{
	if (strcasecmp(arg, "F") == 0)
		ftp_reply(f, 200, "File structure.");
	else
		ftp_reply(f, 504, "There is file structure only.");
}

/* ALLO bytes [R record-size]. */
void
ftp_allo(struct ftp *f, char *arg)
{
	char *record = strchr(arg, ' ');
	uint64_t size;

	if (record)
		*record++ = '\0';
	if (num_u64(arg, UINT64_MAX, &size) < 0 ||
	    (record &&
	     (strncasecmp(record, "R ", 2) != 0 || num_u64(record + 2, UINT64_MAX, &size) < 0)))
		ftp_reply(f, 501, "Syntax: ALLO bytes");
	else
		ftp_reply(f, 202, "Nothing needs to be reserved.");
}

/* RFC 2640, section 4: the language of the replies. There is one. */
void
ftp_lang(struct ftp *f, char *arg)
{
	if (*arg == '\0' || strcasecmp(arg, "EN") == 0 || strncasecmp(arg, "EN-", 3) == 0)
		ftp_reply(f, 200, "Replies are in English.");
	else
		ftp_reply(f, 504, "Replies are in English (EN) only.");
}

void
ftp_acct(struct ftp *f, char *arg)
{
	(void)arg;
	ftp_reply(f, 202, "No account is needed.");
}

void
ftp_not_here(struct ftp *f, char *arg)
{
	(void)arg;
	ftp_reply(f, 502, "This command is known and left out on purpose.");
}

void
ftp_no_ccc(struct ftp *f, char *arg)
{
	(void)arg;
	ftp_reply(f, 534, "Encryption is never turned off here.");
}
