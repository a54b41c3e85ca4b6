/* SPDX-License-Identifier: ISC */
/*
 * ssh_auth.c - a request to log in becomes a question to monitor, and its verdict a reply (RFC
 * 4252, RFC 4256). A message is kept until monitor has decided. Must not: decide anything. A
 * verdict of monitor is the only way to a success message.
 */
#include <errno.h>
#include <string.h>

#include "protocols/sftp/ssh_keys.h"
#include "protocols/sftp/ssh_login_in.h"
#include "protocols/sftp/ssh_sign.h"
#include "protocols/sftp/ssh_wipe.h"
#include "server/base/log.h"

/*
 * Marked as deprecated in favour of callbacks, which cannot wait for an answer: pull mode needs
 * them.
 */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* Of all answers to prompts together (ledger AU05). */
#define ANSWERS_BYTES 4096

void
ssh_auth_announce(struct ssh_login *l)
{
	unsigned int names = 0;

	if (l->methods & AUTH_PASSWORD)
		names |= (unsigned int)SSH_AUTH_METHOD_PASSWORD;
	if (l->methods & AUTH_PUBLICKEY)
		names |= (unsigned int)SSH_AUTH_METHOD_PUBLICKEY;
	if (l->methods & AUTH_INTERACTIVE)
		names |= (unsigned int)SSH_AUTH_METHOD_INTERACTIVE;
	ssh_set_auth_methods(l->w->ssh, (int)names);
}

void
ssh_auth_refuse(struct ssh_login *l, ssh_message msg, uint32_t methods, bool partial)
{
	if (methods) /* after a first factor those that bring the next */
		l->methods = methods, l->allowed |= methods;
	ssh_auth_announce(l);
	if (partial)
		(void)ssh_message_auth_reply_success(msg, 1);
	else
		(void)ssh_message_reply_default(msg);
}

/* A message is done with. The first one without a secret is kept. */
static void
let_go(struct ssh_login *l, ssh_message msg)
{
	int method = ssh_message_subtype(msg);

	if (!l->kept && ssh_message_type(msg) == SSH_REQUEST_AUTH &&
	    (method == SSH_AUTH_METHOD_NONE || method == SSH_AUTH_METHOD_PUBLICKEY))
		l->kept = msg;
	else if (msg != l->kept)
		ssh_message_free(msg);
}

/* What a send to monitor said: it thinks now, or the question was impossible, or it is gone. */
static void
asked(struct ssh_login *l, ssh_message msg, int err)
{
	if (err == 0) {
		l->state = SSH_LOGIN_ASKED;
		l->held = msg;
		return;
	}
	if (err == -EMSGSIZE)
		ssh_auth_refuse(l, msg, 0, false);
	else
		ssh_login_stop(l, SESSION_MONITOR_GONE, NULL);
	let_go(l, msg);
}

/*
 * Does a question name an algorithm of its key? libssh hands the name to nobody, but all of ours
 * that belong to one kind of key are equally long, and no other is (RFC 4252, section 7: type,
 * user, service, "publickey", FALSE, algorithm, key). So nobody hears that he may sign by SHA-1.
 */
static bool
names_its_algorithm(struct ssh_login *l, const char *user, const char *algorithm, size_t blob_len)
{
	size_t want = 1 + 4 + strlen(user) + 4 + sizeof("ssh-connection") - 1 + 4 +
		      sizeof("publickey") - 1 + 1 + 4 + strlen(algorithm) + 4 + blob_len;
	unsigned int n = l->keys - 1; /* of this one */

	if (l->seen->keys - n > SSH_SEEN_KEYS || l->seen->key_bytes[n % SSH_SEEN_KEYS] == want)
		return true;
	log_notice(
	    "login-refused",
	    "method=publickey reason=\"the key is not one for the algorithm, or that is SHA-1\"");
	return false;
}

static void
on_key(struct ssh_login *l, ssh_message msg, const char *user)
{
	enum ssh_publickey_state_e state = ssh_message_auth_publickey_state(msg);
	ssh_key key = ssh_message_auth_pubkey(msg);
	bool verified = state == SSH_PUBLICKEY_STATE_VALID;
	uint8_t blob[AUTH_KEY_MAX], signature[SSH_SIGN_SIGNATURE_MAX];
	size_t len, signature_len = 0;
	const char *algorithm;

	if ((!verified && state != SSH_PUBLICKEY_STATE_NONE) || !key ||
	    ssh_keys_public(key, blob, sizeof(blob), &len, &algorithm) < 0 ||
	    (!verified && !names_its_algorithm(l, user, algorithm, len))) {
		ssh_auth_refuse(l, msg, 0, false);
		let_go(l, msg);
		return;
	}
	if (verified)
		algorithm = ssh_keys_signed_by(key, l->seen->signature, algorithm);
	if (verified && ssh_sign_is_remote()) {
		signature_len = ssh_sign_take_verified(ssh_key_type(key), signature);
		verified = signature_len > 0; /* without one it is worth no more than a probe */
	}
	asked(l, msg,
	      auth_send_key(l->s->auth, user, algorithm, blob, len, signature, signature_len,
			    verified));
}

/*
 * Is this all of the password, and all of the name? libssh cuts both at a 0 byte, and the front
 * part would be tried in place of the whole. (RFC 4252, section 8: type, name, service, "password",
 * FALSE, password; with TRUE there would be a new password behind it.)
 */
static bool
is_whole_password(struct ssh_login *l, const char *user, const char *password)
{
	size_t want = 1 + 4 + strlen(user) + 4 + sizeof("ssh-connection") - 1 + 4 +
		      sizeof("password") - 1 + 1 + 4 + strlen(password);
	unsigned int n = l->passwords - 1; /* of this one */

	if (l->seen->passwords - n <= SSH_SEEN_PASSWORDS &&
	    l->seen->password_bytes[n % SSH_SEEN_PASSWORDS] == want)
		return true;
	log_notice("login-refused",
		   "method=password reason=\"it holds a 0 byte, or asks for a change\"");
	return false;
}

static void
on_answers(struct ssh_login *l, ssh_message msg)
{
	const char *answers[AUTH_PROMPTS_MAX];
	int count = ssh_userauth_kbdint_getnanswers(l->w->ssh);
	size_t bytes = 0;
	int err;

	l->answers++;
	if (l->state != SSH_LOGIN_PROMPTED || count < 0 || (size_t)count != l->prompts) {
		ssh_login_stop(l, SESSION_PROTOCOL, "These answers fit no question.");
		let_go(l, msg);
		return;
	}
	for (int i = 0; i < count; i++) {
		answers[i] = ssh_userauth_kbdint_getanswer(l->w->ssh, (unsigned int)i);
		if (!answers[i])
			answers[i] = "";
		bytes += strlen(answers[i]);
	}
	if (l->seen->answers_bytes != 1 + 4 + 4 * (size_t)count + bytes) {
		ssh_login_stop(l, SESSION_PROTOCOL, "An answer holds a 0 byte.");
		let_go(l, msg);
		return;
	}
	if (bytes > ANSWERS_BYTES) {
		ssh_login_stop(l, SESSION_PROTOCOL, "The answers are too long.");
		let_go(l, msg);
		return;
	}
	err = auth_send_answers(l->s->auth, answers, (size_t)count);
	if (count == 1)
		ssh_wipe_password(answers[0]);
	asked(l, msg, err);
}

static uint32_t
method_of(ssh_message msg)
{
	switch (ssh_message_subtype(msg)) {
	case SSH_AUTH_METHOD_PASSWORD:
		return AUTH_PASSWORD;
	case SSH_AUTH_METHOD_PUBLICKEY:
		return AUTH_PUBLICKEY;
	case SSH_AUTH_METHOD_INTERACTIVE:
		return AUTH_INTERACTIVE;
	default:
		return 0;
	}
}

void
ssh_auth_request(struct ssh_login *l, ssh_message msg)
{
	const char *user = ssh_message_auth_user(msg);
	const char *password;
	int err;

	if (!user) {
		on_answers(l, msg);
		return;
	}
	if (l->state == SSH_LOGIN_PROMPTED) { /* the client changed its mind */
		l->waiting = msg;
		asked(l, NULL, auth_send_cancel(l->s->auth));
		return;
	}
	switch (l->allowed & method_of(msg)) {
	case AUTH_PASSWORD:
		password = ssh_message_auth_password(msg);
		if (!password)
			password = "";
		err = is_whole_password(l, user, password)
			  ? auth_send_password(l->s->auth, user, password)
			  : -EMSGSIZE;
		ssh_wipe_password(password);
		asked(l, msg, err);
		break;
	case AUTH_PUBLICKEY:
		on_key(l, msg, user);
		break;
	case AUTH_INTERACTIVE:
		asked(l, msg, auth_send_interactive(l->s->auth, user));
		break;
	default: /* "none" asks for the list of methods; the rest we do not have */
		ssh_auth_refuse(l, msg, 0, false);
		let_go(l, msg);
		break;
	}
}

/* Passes the prompts of a PAM conversation on. */
static void
prompt(struct ssh_login *l, ssh_message msg, const struct auth_verdict *v)
{
	const char *texts[AUTH_PROMPTS_MAX];
	char echo[AUTH_PROMPTS_MAX];

	for (size_t i = 0; i < v->prompt_count; i++) {
		texts[i] = v->prompts[i].text;
		echo[i] = v->prompts[i].echo;
	}
	if (ssh_message_auth_interactive_request(msg, v->name, v->instruction,
						 (unsigned int)v->prompt_count, texts,
						 echo) != SSH_OK) {
		ssh_login_stop(l, SESSION_LOST, NULL);
		return;
	}
	l->prompts = v->prompt_count;
	l->state = SSH_LOGIN_PROMPTED;
}

void
ssh_auth_verdict(struct ssh_login *l, struct auth_verdict *v)
{
	ssh_message msg = l->held;
	ssh_message next = l->waiting;

	l->held = l->waiting = NULL;
	l->state = SSH_LOGIN_READY;
	if (v->answer == AUTH_LAST) {
		ssh_login_stop(l, SESSION_TRIES, "Too many login attempts.");
	} else if (msg) {
		switch (v->answer) {
		case AUTH_OK:
			session_login(l->s, v);
			l->logged_in = ssh_message_auth_reply_success(msg, 0) == SSH_OK;
			ssh_login_stop(l, SESSION_LOST,
				       NULL); /* the end of the login, if not of the session */
			break;
		case AUTH_ASK:
			prompt(l, msg, v);
			break;
		case AUTH_KEY_OK:
			(void)ssh_message_auth_reply_pk_ok_simple(msg);
			break;
		case AUTH_PARTIAL:
			ssh_auth_refuse(l, msg, v->methods, true);
			break;
		default:
			ssh_auth_refuse(l, msg, v->methods, false);
			break;
		}
	}
	if (msg)
		let_go(l, msg);
	if (next && !l->done)
		ssh_auth_request(l, next);
	else if (next)
		ssh_message_free(next);
}
