/* SPDX-License-Identifier: ISC */
/*
 * ssh_login.c - from the first byte to a login (RFC 4252, RFC 4256), in libssh's pull mode: a
 * message is kept until monitor has decided, and while it thinks nothing more is read from the
 * client. Owns: the translation between SSH's methods and auth.h. Must not: decide anything. A
 * verdict of monitor is the only way to a success message.
 *
 *	KEX -> READY --request--> ASKED --NO, PARTIAL, KEY_OK--> READY
 *	                          |  ^      OK--> done, LAST--> end
 *	                      ASK |  | answers
 *	                          v  |
 *	                        PROMPTED --another request: CANCEL--> ASKED
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "auth/auth.h"
#include "protocols/sftp/ssh_keys.h"
#include "protocols/sftp/ssh_local.h"
#include "protocols/sftp/ssh_shim.h"
#include "protocols/sftp/ssh_sign.h"
#include "protocols/sftp/ssh_wipe.h"
#include "server/base/clock.h"
#include "server/base/log.h"

/* Marked as deprecated in favour of callbacks, which cannot wait for an answer: pull mode needs
 * them. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* What a client may send before it is logged in: libssh has no bound of its own. */
#define LOGIN_BYTES (1024u * 1024u)
#define LOGIN_MESSAGES 64
/* Of all answers to prompts together (ledger AU05). */
#define ANSWERS_BYTES 4096

enum login_state { KEX, READY, ASKED, PROMPTED };

struct login {
	struct ssh_wire *w;
	struct session *s;
	enum login_state state;
	bool named;	  /* the client's version string was looked at */
	ssh_message held; /* what monitor thinks about */
	ssh_message
	    waiting;	  /* came instead of an answer; is handled when the cancel is confirmed */
	ssh_message kept; /* any request without a secret, to refuse what libssh swallows */
	const struct ssh_seen *seen;
	unsigned int messages;
	unsigned int requests;	/* authentication requests that reached us */
	unsigned int answers;	/* and answers to prompts */
	unsigned int passwords; /* password requests that reached us */
	uint32_t allowed;	/* of auth.h: monitor takes no other question */
	uint32_t methods;	/* those that the client is told of */
	size_t prompts;
	bool greeted; /* the banner was sent */
	bool done, logged_in;
	enum session_end end;
	const char *reason;
};

static void
stop(struct login *l, enum session_end end, const char *reason)
{
	l->done = true;
	l->end = end;
	l->reason = reason;
}

static void
refuse(struct login *l, ssh_message msg, uint32_t methods, bool partial)
{
	unsigned int names = 0;

	if (methods) /* after a first factor those that bring the next */
		l->methods = methods, l->allowed |= methods;
	if (l->methods & AUTH_PASSWORD)
		names |= (unsigned int)SSH_AUTH_METHOD_PASSWORD;
	if (l->methods & AUTH_PUBLICKEY)
		names |= (unsigned int)SSH_AUTH_METHOD_PUBLICKEY;
	if (l->methods & AUTH_INTERACTIVE)
		names |= (unsigned int)SSH_AUTH_METHOD_INTERACTIVE;
	(void)ssh_message_auth_set_methods(msg, (int)names);
	if (partial)
		(void)ssh_message_auth_reply_success(msg, 1);
	else
		(void)ssh_message_reply_default(msg);
}

/* A message is done with. The first one without a secret is kept. */
static void
let_go(struct login *l, ssh_message msg)
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
asked(struct login *l, ssh_message msg, int err)
{
	if (err == 0) {
		l->state = ASKED;
		l->held = msg;
		return;
	}
	if (err == -EMSGSIZE)
		refuse(l, msg, 0, false);
	else
		stop(l, SESSION_MONITOR_GONE, NULL);
	let_go(l, msg);
}

static void
on_key(struct login *l, ssh_message msg, const char *user)
{
	enum ssh_publickey_state_e state = ssh_message_auth_publickey_state(msg);
	ssh_key key = ssh_message_auth_pubkey(msg);
	bool verified = state == SSH_PUBLICKEY_STATE_VALID;
	uint8_t blob[AUTH_KEY_MAX], signature[SSH_SIGN_SIGNATURE_MAX];
	size_t len, signature_len = 0;
	const char *algorithm;

	if ((!verified && state != SSH_PUBLICKEY_STATE_NONE) || !key ||
	    ssh_keys_public(key, blob, sizeof(blob), &len, &algorithm) < 0) {
		refuse(l, msg, 0, false);
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
is_whole_password(struct login *l, const char *user, const char *password)
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
on_answers(struct login *l, ssh_message msg)
{
	const char *answers[AUTH_PROMPTS_MAX];
	int count = ssh_userauth_kbdint_getnanswers(l->w->ssh);
	size_t bytes = 0;
	int err;

	l->answers++;
	if (l->state != PROMPTED || count < 0 || (size_t)count != l->prompts) {
		stop(l, SESSION_PROTOCOL, "These answers fit no question.");
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
		stop(l, SESSION_PROTOCOL, "An answer holds a 0 byte.");
		let_go(l, msg);
		return;
	}
	if (bytes > ANSWERS_BYTES) {
		stop(l, SESSION_PROTOCOL, "The answers are too long.");
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

static void
on_request(struct login *l, ssh_message msg)
{
	const char *user = ssh_message_auth_user(msg);
	const char *password;
	int err;

	if (!user) {
		on_answers(l, msg);
		return;
	}
	if (l->state == PROMPTED) { /* the client changed its mind */
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
		refuse(l, msg, 0, false);
		let_go(l, msg);
		break;
	}
}

static void
on_service(struct login *l, ssh_message msg)
{
	const char *name = ssh_message_service_service(msg);
	const char *banner = l->s->conf->sftp.banner;

	if (!name || strcmp(name, "ssh-userauth") != 0) {
		stop(l, SESSION_PROTOCOL, "Only the service ssh-userauth is here.");
	} else {
		(void)ssh_message_service_reply_success(msg);
		if (banner && !l->greeted) {
			ssh_string text = ssh_string_from_char(banner);

			if (text)
				(void)ssh_send_issue_banner(l->w->ssh, text);
			ssh_string_free(text);
		}
		l->greeted = true;
	}
	ssh_message_free(msg);
}

static void
on_message(struct login *l, ssh_message msg)
{
	if (++l->messages > LOGIN_MESSAGES) {
		stop(l, SESSION_PROTOCOL, "Too many messages before a login.");
		ssh_message_free(msg);
		return;
	}
	switch (ssh_message_type(msg)) {
	case SSH_REQUEST_SERVICE:
		on_service(l, msg);
		break;
	case SSH_REQUEST_AUTH:
		if (ssh_message_auth_user(msg))
			l->requests++;
		if (ssh_message_subtype(msg) == SSH_AUTH_METHOD_PASSWORD)
			l->passwords++;
		on_request(l, msg);
		break;
	default:
		(void)ssh_message_reply_default(msg);
		ssh_message_free(msg);
		break;
	}
}

/* Passes the prompts of a PAM conversation on. */
static void
prompt(struct login *l, ssh_message msg, const struct auth_verdict *v)
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
		stop(l, SESSION_LOST, NULL);
		return;
	}
	l->prompts = v->prompt_count;
	l->state = PROMPTED;
}

static void
on_verdict(struct login *l, struct auth_verdict *v)
{
	ssh_message msg = l->held;
	ssh_message next = l->waiting;

	l->held = l->waiting = NULL;
	l->state = READY;
	if (v->answer == AUTH_LAST) {
		stop(l, SESSION_TRIES, "Too many login attempts.");
	} else if (msg) {
		switch (v->answer) {
		case AUTH_OK:
			session_login(l->s, v);
			l->logged_in = ssh_message_auth_reply_success(msg, 0) == SSH_OK;
			stop(l, SESSION_LOST,
			     NULL); /* the end of the login, if not of the session */
			break;
		case AUTH_ASK:
			prompt(l, msg, v);
			break;
		case AUTH_KEY_OK:
			(void)ssh_message_auth_reply_pk_ok_simple(msg);
			break;
		case AUTH_PARTIAL:
			refuse(l, msg, v->methods, true);
			break;
		default:
			refuse(l, msg, v->methods, false);
			break;
		}
	}
	if (msg)
		let_go(l, msg);
	if (next && !l->done)
		on_request(l, next);
	else if (next)
		ssh_message_free(next);
}

/* While monitor thinks: its answer, or the client's going away. Nothing is read. */
static void
wait_for_verdict(struct login *l)
{
	struct pollfd fds[2] = {
		{ .fd = auth_fd(l->s->auth), .events = POLLIN },
		{ .fd = l->w->fd, .events = POLLRDHUP },
	};
	static struct auth_verdict v;
	int err;

	if (ssh_shim_poll(fds, 2, clock_poll(l->s->login_deadline_ms)) <= 0)
		return;
	if (fds[1].revents) {
		stop(l, SESSION_LOST, NULL);
		return;
	}
	err = auth_recv(l->s->auth, &v);
	if (err == -EAGAIN)
		return;
	if (err < 0) {
		stop(l, SESSION_MONITOR_GONE, NULL);
		return;
	}
	on_verdict(l, &v);
	auth_verdict_clear(&v);
}

/* A request came that libssh did not hand on, and nobody would answer it. */
static void
answer_swallowed(struct login *l)
{
	l->requests = l->seen->requests;
	if (l->kept)
		refuse(l, l->kept, 0, false);
	else
		stop(l, SESSION_PROTOCOL, "This key or its signature is of a kind unknown here.");
}

static void
wait_for_client(struct login *l)
{
	struct pollfd monitor = { .fd = auth_fd(l->s->auth), .events = POLLIN };

	ssh_wire_wait(l->w, &monitor, 1, l->s->login_deadline_ms);
	if (monitor.revents) /* it speaks only when it is asked: so it is gone */
		stop(l, SESSION_MONITOR_GONE, NULL);
}

/* Who it is, and what both agreed on: for the log. */
static void
name_client(struct login *l)
{
	const char *banner = ssh_get_clientbanner(l->w->ssh);
	const char *kex = ssh_get_kex_algo(l->w->ssh), *mac = ssh_get_hmac_in(l->w->ssh);
	const char *cipher = ssh_get_cipher_in(l->w->ssh);

	if (banner && strncmp(banner, "SSH-2.0-", 8) == 0)
		session_client(l->s, banner + 8);
	log_info("ssh", "kex=%s cipher=%s mac=%s", kex ? kex : "-", cipher ? cipher : "-",
		 mac ? mac : "-");
}

static void
exchange_keys(struct login *l)
{
	int rc;

	if (!l->named && ssh_setup_for_client(l->w->server, l->w->ssh)) {
		l->named = true;
		ssh_shim_hold(false);
	}
	rc = ssh_handle_key_exchange(l->w->ssh);
	if (!l->w->event) {
		l->w->event = ssh_event_new();
		if (!l->w->event || ssh_event_add_session(l->w->event, l->w->ssh) != SSH_OK)
			rc = SSH_ERROR;
	}
	if (rc == SSH_ERROR || l->seen->stray) {
		stop(l, SESSION_PROTOCOL, NULL);
	} else if (rc == SSH_OK) {
		l->state = READY;
		name_client(l);
	} else {
		wait_for_client(l);
	}
}

static void
step(struct login *l)
{
	ssh_message msg;

	switch (l->state) {
	case KEX:
		exchange_keys(l);
		return;
	case ASKED:
		wait_for_verdict(l);
		return;
	case READY:
	case PROMPTED:
		break;
	}
	msg = ssh_message_get(l->w->ssh);
	if (msg)
		on_message(l, msg);
	else if (l->seen->requests > l->requests)
		answer_swallowed(l);
	else if (l->seen->answers > l->answers)
		stop(l, SESSION_PROTOCOL, "These answers fit no question.");
	else
		wait_for_client(l);
}

bool
ssh_login_run(struct ssh_wire *w, enum session_end *ret_end, const char **ret_reason)
{
	struct login l = { .w = w,
			   .s = w->s,
			   .allowed = auth_methods(w->s->conf, w->s->listener, w->s->peer_addr) };

	l.methods = l.allowed;
	ssh_shim_hold(true);
	l.seen = ssh_seen_start();
	while (!l.done) {
		if (clock_ms() >= l.s->login_deadline_ms)
			stop(&l, SESSION_LOGIN_TIME, "The time to log in is over.");
		else if (ssh_get_status(w->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR))
			stop(&l, SESSION_LOST, NULL);
		else if (w->socket_count.in_bytes > LOGIN_BYTES)
			stop(&l, SESSION_PROTOCOL, "Too many bytes before a login.");
		else
			step(&l);
	}
	ssh_seen_stop();
	if (l.held)
		ssh_message_free(l.held);
	if (l.waiting)
		ssh_message_free(l.waiting);
	if (l.kept)
		ssh_message_free(l.kept);
	*ret_end = l.end;
	*ret_reason = l.reason;
	return l.logged_in;
}
