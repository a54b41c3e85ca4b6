/* SPDX-License-Identifier: ISC */
/*
 * ftp_login.c - from the greeting to a logged-in session: AUTH PBSZ PROT USER PASS.
 * Owns: the rule that nothing of a login is looked at before TLS. Must not: keep a password, or
 * tell a known name from an unknown one.
 */
#include "protocols/ftp/ftp_login.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"
#include "protocols/ftp/ftp_verb.h"
#include "server/base/log.h"
#include "server/vfs/path.h"

/* Clients that cannot do TLS try again and again; after so many refusals we hang up. */
#define REFUSED_CLEAR_MAX 3

static const char refused_clear[] = "This server accepts encrypted logins only: choose \"explicit "
				    "FTP over TLS\" (AUTH TLS) in your "
				    "client.";

/* The administrator's banner, of one line or several. */
void
ftp_login_greet(struct ftp *f)
{
	const char *banner = f->s->conf->ftps.banner, *end;

	if (!banner || *banner == '\0')
		banner = "FTP server ready.";
	while ((end = strchr(banner, '\n')) != NULL && end[1] != '\0') {
		text_puts(&f->out, "220-");
		text_putn(&f->out, banner, (size_t)(end - banner));
		text_puts(&f->out, "\r\n");
		banner = end + 1;
	}
	ftp_reply(f, 220, "%.*s", (int)strcspn(banner, "\r\n"), banner);
}

/* USER, PASS, ACCT or anything else that belongs to a login came in clear. */
static void
refuse_clear(struct ftp *f, const char *verb, const char *user)
{
	struct log_value name;

	if (f->refused_clear++ == 0 || *user)
		log_notice("refused-clear", "verb=%s user=%s", verb, log_q(&name, user));
	ftp_reply(f, 530, "%s", refused_clear);
	if (f->refused_clear < REFUSED_CLEAR_MAX)
		return;
	ftp_reply(f, 421, "Goodbye: without TLS there is nothing to be had here.");
	ftp_end(f, SESSION_PROTOCOL);
}

void
ftp_auth(struct ftp *f, char *arg)
{
	static const struct {
		const char *name;
		bool private; /* it implies PROT P */
	} mechanisms[] = {
		{ "TLS", false }, { "TLS-C", false }, { "TLS-P", true }, { "SSL", true }
	};

	if (f->control != FTP_CLEAR) {
		ftp_reply(f, 503, "The connection is encrypted already.");
		return;
	}
	for (size_t i = 0; i < COUNT_OF(mechanisms); i++) {
		if (strcasecmp(arg, mechanisms[i].name) != 0)
			continue;
		/*
		 * What stands behind AUTH came in clear, maybe from somebody in the middle; under
		 * TLS it would count as the client's word.
		 */
		if (ftp_line_left(&f->in) > 0) {
			ftp_reply(f, 421, "Nothing may follow AUTH before its reply.");
			ftp_end(f, SESSION_PROTOCOL);
			return;
		}
		f->has_prot = mechanisms[i].private;
		f->control = FTP_HANDSHAKE;
		ftp_reply(f, 234, "Go ahead with TLS.");
		return;
	}
	ftp_reply(f, 504, "Only AUTH TLS is known here.");
}

/* Monitor decides what it is worth. */
static void
show_certificate(struct ftp *f)
{
	size_t len;
	const uint8_t *proof = tls_client_proof(f->tls, &len);

	if (proof && auth_send_certificate(f->s->auth, proof, len) == 0)
		f->has_certificate = true;
	tls_client_forget(f->tls);
}

void
ftp_login_secured(struct ftp *f)
{
	f->control = FTP_SECURE;
	f->has_user = false;
	f->unknown_verbs = 0;
	ftp_line_wipe(&f->in);
	log_info("tls", "version=%s cipher=%s", tls_version(f->tls), tls_cipher(f->tls));
	show_certificate(f);
}

void
ftp_pbsz(struct ftp *f, char *arg)
{
	uint64_t size;

	if (num_u64(arg, UINT32_MAX, &size) < 0) {
		ftp_reply(f, 501, "PBSZ wants a number.");
		return;
	}
	f->has_pbsz = true;
	ftp_reply(f, 200, "PBSZ=0");
}

void
ftp_prot(struct ftp *f, char *arg)
{
	if (strcasecmp(arg, "P") == 0) {
		if (!f->has_pbsz) {
			ftp_reply(f, 503, "Send PBSZ 0 first.");
			return;
		}
		f->has_prot = true;
		ftp_reply(f, 200, "Data connections are encrypted.");
	} else if (strcasecmp(arg, "C") == 0) {
		ftp_reply(f, 534, "Data connections are always encrypted here: use PROT P.");
	} else if (strcasecmp(arg, "S") == 0 || strcasecmp(arg, "E") == 0) {
		ftp_reply(f, 536, "TLS knows PROT P only.");
	} else {
		ftp_reply(f, 504, "Unknown protection level; use PROT P.");
	}
}

/* Every name gets the same answer; a long one is cut, and then cannot be anybody's. */
void
ftp_user(struct ftp *f, char *arg)
{
	if (f->control != FTP_SECURE) {
		refuse_clear(f, "USER", arg);
		return;
	}
	if (f->s->logged_in) {
		ftp_reply(f, 503, "You are logged in already; connect again to change the user.");
		return;
	}
	if (text_copy(f->user, sizeof(f->user), arg) < 0)
		f->user[0] = '\0';
	f->has_user = true;
	if (!f->has_certificate) {
		ftp_reply(f, 331, "Password, please.");
	} else if (auth_send_certified(f->s->auth, f->user) < 0) {
		ftp_end(f, SESSION_MONITOR_GONE);
	} else {
		f->auth_asked = f->waiting = true;
	}
}

void
ftp_pass(struct ftp *f, char *arg)
{
	int err;

	if (f->control != FTP_SECURE) {
		mem_wipe(arg, strlen(arg));
		refuse_clear(f, "PASS", "");
		return;
	}
	if (f->s->logged_in || !f->has_user) {
		mem_wipe(arg, strlen(arg));
		ftp_reply(f, 503,
			  f->s->logged_in ? "You are logged in already." : "Send USER first.");
		return;
	}
	err = auth_send_password(f->s->auth, f->user, arg);
	/* Too long for a password: let monitor refuse it, so that it counts and takes as long. */
	if (err == -EMSGSIZE)
		err = auth_send_password(f->s->auth, "", "");
	mem_wipe(arg, strlen(arg));
	f->has_user = false;
	if (err < 0) {
		ftp_end(f, SESSION_MONITOR_GONE);
		return;
	}
	f->auth_asked = f->waiting = true;
}

static void
logged_in(struct ftp *f, struct auth_verdict *v)
{
	session_login(f->s, v);
	if (v->has_ticket_key)
		tls_server_share(f->server, v->ticket_key);
	tls_ticket(f->tls);
	mem_wipe(v->ticket_key, sizeof(v->ticket_key));
	if (path_join("/", f->s->start_dir, f->cwd, VFS_PATH_MAX) < 0)
		ignore_result(text_copy(f->cwd, VFS_PATH_MAX, "/"));
	/* RFC 2228, section 5.3: nothing but a name was needed. */
	if (f->has_user)
		ftp_reply(f, 232, "Login successful, by certificate.");
	else
		ftp_reply(f, 230, "Login successful.");
	f->has_user = false;
}

void
ftp_login_verdict(struct ftp *f)
{
	struct auth_verdict v;
	int err = auth_recv(f->s->auth, &v);

	if (err == -EAGAIN)
		return;
	if (err < 0 || !f->auth_asked) {
		if (err == 0)
			auth_verdict_clear(&v);
		ftp_end(f, SESSION_MONITOR_GONE);
		return;
	}
	f->auth_asked = f->waiting = false;
	f->active_ms = clock_ms();
	switch (v.answer) {
	case AUTH_OK:
		logged_in(f, &v);
		break;
	case AUTH_PARTIAL: /* what USER brought was not enough, or PASS did not help it */
		if (f->has_user)
			ftp_reply(f, 331, "Password, please.");
		else
			ftp_reply(f, 530, "Login incorrect.");
		break;
	case AUTH_LAST:
		ftp_reply(f, 530, "Login incorrect.");
		ftp_reply(f, 421, "Too many wrong logins; goodbye.");
		ftp_end(f, SESSION_TRIES);
		break;
	case AUTH_EXPIRED:
		ftp_reply(f, 530,
			  "Your password has expired; change it with an SFTP client, or ask the "
			  "administrator.");
		break;
	default: /* NO; and what needs more factors than a password cannot be had over FTP */
		ftp_reply(f, 530, "Login incorrect.");
		break;
	}
	auth_verdict_clear(&v);
}
