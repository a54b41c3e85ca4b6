/* SPDX-License-Identifier: ISC */
/*
 * ssh_login.c - from the first byte to a login, in libssh's pull mode: the key exchange, one
 * message after another, and the end of it, by success, time, or what a client may not do. While
 * monitor thinks about a message (ssh_auth.c) nothing more is read from the client.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "protocols/sftp/ssh_login_in.h"
#include "protocols/sftp/ssh_shim.h"
#include "server/base/clock.h"
#include "server/base/log.h"

/*
 * Marked as deprecated in favour of callbacks, which cannot wait for an answer: pull mode needs
 * them.
 */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* What a client may send before it is logged in: libssh has no bound of its own. */
#define LOGIN_BYTES (1024u * 1024u)
#define LOGIN_MESSAGES 64

void
ssh_login_stop(struct ssh_login *l, enum session_end end, const char *reason)
{
	l->done = true;
	l->end = end;
	l->reason = reason;
}

static void
on_service(struct ssh_login *l, ssh_message msg)
{
	const char *name = ssh_message_service_service(msg);
	const char *banner = l->s->conf->sftp.banner;

	if (!name || strcmp(name, "ssh-userauth") != 0) {
		ssh_login_stop(l, SESSION_PROTOCOL, "Only the service ssh-userauth is here.");
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
on_message(struct ssh_login *l, ssh_message msg)
{
	if (++l->messages > LOGIN_MESSAGES) {
		ssh_login_stop(l, SESSION_PROTOCOL, "Too many messages before a login.");
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
		if (ssh_message_subtype(msg) == SSH_AUTH_METHOD_PUBLICKEY)
			l->keys++;
		ssh_auth_request(l, msg);
		break;
	default:
		(void)ssh_message_reply_default(msg);
		ssh_message_free(msg);
		break;
	}
}

/* While monitor thinks: its answer, or the client's going away. Nothing is read. */
static void
wait_for_verdict(struct ssh_login *l)
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
		ssh_login_stop(l, SESSION_LOST, NULL);
		return;
	}
	err = auth_recv(l->s->auth, &v);
	if (err == -EAGAIN)
		return;
	if (err < 0) {
		ssh_login_stop(l, SESSION_MONITOR_GONE, NULL);
		return;
	}
	ssh_auth_verdict(l, &v);
	auth_verdict_clear(&v);
}

/* A request came that libssh did not hand on, and nobody would answer it. */
static void
answer_swallowed(struct ssh_login *l)
{
	l->requests = l->seen->requests;
	l->passwords = l->seen->passwords;
	l->keys = l->seen->keys;
	if (l->kept)
		ssh_auth_refuse(l, l->kept, 0, false);
	else
		ssh_login_stop(l, SESSION_PROTOCOL,
			       "This key or its signature is of a kind unknown here.");
}

static void
wait_for_client(struct ssh_login *l)
{
	struct pollfd monitor = { .fd = auth_fd(l->s->auth), .events = POLLIN };

	ssh_wire_wait(l->w, &monitor, 1, l->s->login_deadline_ms);
	if (monitor.revents) /* it speaks only when it is asked: so it is gone */
		ssh_login_stop(l, SESSION_MONITOR_GONE, NULL);
}

static void
name_client(struct ssh_login *l)
{
	const char *banner = ssh_get_clientbanner(l->w->ssh);

	if (banner && strncmp(banner, "SSH-2.0-", 8) == 0)
		session_client(l->s, banner + 8);
}

static bool
is_no_agreement(const struct ssh_login *l)
{
	const char *error = ssh_get_error(l->w->ssh);

	return error && strstr(error, "no match for method");
}

/* libssh's words have both lists in them: that is what an administrator needs. */
static void
say_no_agreement(struct ssh_login *l)
{
	struct log_value why;

	name_client(l);
	log_notice("no-common-algorithm", "why=%s", log_q(&why, ssh_get_error(l->w->ssh)));
}

/* What both agreed on: for the log. */
static void
say_agreement(struct ssh_login *l)
{
	const char *kex = ssh_get_kex_algo(l->w->ssh), *mac = ssh_get_hmac_in(l->w->ssh);
	const char *cipher = ssh_get_cipher_in(l->w->ssh);

	log_info("ssh", "kex=%s cipher=%s mac=%s", kex ? kex : "-", cipher ? cipher : "-",
		 mac ? mac : "-");
}

static void
exchange_keys(struct ssh_login *l)
{
	int rc;

	if (!l->named && ssh_setup_for_client(l->w)) {
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
		ssh_login_stop(l, SESSION_PROTOCOL, NULL);
	} else if (rc == SSH_OK) {
		l->state = SSH_LOGIN_READY;
		name_client(l);
		say_agreement(l);
	} else {
		wait_for_client(l);
	}
}

static void
step(struct ssh_login *l)
{
	ssh_message msg;

	switch (l->state) {
	case SSH_LOGIN_KEX:
		exchange_keys(l);
		return;
	case SSH_LOGIN_ASKED:
		wait_for_verdict(l);
		return;
	case SSH_LOGIN_READY:
	case SSH_LOGIN_PROMPTED:
		break;
	}
	msg = ssh_message_get(l->w->ssh);
	if (msg)
		on_message(l, msg);
	else if (l->seen->requests > l->requests)
		answer_swallowed(l);
	else if (l->seen->answers > l->answers)
		ssh_login_stop(l, SESSION_PROTOCOL, "These answers fit no question.");
	else
		wait_for_client(l);
}

bool
ssh_login_run(struct ssh_wire *w, enum session_end *ret_end, const char **ret_reason)
{
	struct ssh_login l = { .w = w,
			       .s = w->s,
			       .allowed =
				   auth_methods(w->s->conf, w->s->listener, w->s->peer_addr) };

	l.methods = l.allowed;
	ssh_auth_announce(&l);
	ssh_shim_hold(true);
	l.seen = ssh_seen_start();
	while (!l.done) {
		if (clock_ms() >= l.s->login_deadline_ms)
			ssh_login_stop(&l, SESSION_LOGIN_TIME, "The time to log in is over.");
		else if (ssh_get_status(w->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR))
			ssh_login_stop(&l, is_no_agreement(&l) ? SESSION_PROTOCOL : ssh_wire_end(w),
				       NULL);
		else if (w->socket_count.in_bytes > LOGIN_BYTES)
			ssh_login_stop(&l, SESSION_PROTOCOL, "Too many bytes before a login.");
		else
			step(&l);
	}
	ssh_seen_stop();
	if (l.state == SSH_LOGIN_KEX && is_no_agreement(&l))
		say_no_agreement(&l);
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
