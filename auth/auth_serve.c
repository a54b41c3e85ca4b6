/* SPDX-License-Identifier: ISC */
/*
 * auth_serve.c - decides who the client is. Runs in monitor, as root.
 * Distrusts: wire, in every byte; it may be the client's by now. So names are checked before
 * anything sees them, and what is not in the table for this state ends the session. Invariants: at
 * most `tries` guesses reach PAM or a hash; a password is wiped before its answer. When the answer
 * leaves is serve_answer.c's.
 */
#include "auth/auth_serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth_msg.h"
#include "auth/factor.h"
#include "auth/serve_in.h"
#include "server/base/log.h"
#include "server/base/text.h"

/* Public keys that may be shown without a signature: agents hold many, a scanner shows more. */
#define PROBES_MAX 32
/* Right factors that were not yet enough. */
#define PARTIALS_MAX 8
/* What a probe takes at least, so that its time does not tell whether there is such a user. */
#define PROBE_MS 20

struct auth_serve *
auth_serve_new(const struct conf *conf, const struct conf_listener *listener, int wire_sock,
	       const char *addr, const struct auth_host *host)
{
	struct auth_serve *s = mem_new(1, sizeof(*s));

	s->conf = conf;
	s->listener = listener;
	s->sock = wire_sock;
	s->addr = addr;
	s->host = host;
	s->tries_left = conf->auth.tries;
	s->probes_left = PROBES_MAX;
	s->partials_left = PARTIALS_MAX;
	return s;
}

void
auth_serve_free(struct auth_serve *s)
{
	pam_login_free(s->pam);
	account_clear(&s->account);
	mem_wipe(s->room, sizeof(s->room));
	free(s);
}

const struct account *
auth_serve_account(const struct auth_serve *s)
{
	return &s->account;
}

const char *
auth_serve_method(const struct auth_serve *s)
{
	return s->method;
}

uint32_t
auth_serve_sessions(const struct auth_serve *s)
{
	const struct policy_case c = serve_case(s);

	return policy_sessions(&c, &s->account);
}

enum auth_step
auth_serve_refuse(struct auth_serve *s, const char *reason)
{
	char name[ACCOUNT_NAME_MAX];

	ignore_result(text_copy(name, sizeof(name), s->account.name)); /* same size */
	s->reason = reason;
	s->decided = false;
	s->have = 0;
	return serve_refuse(s, name, false); /* he has proven who he is */
}

int
auth_serve_accept(struct auth_serve *s, int worker_fd, const void *ticket_key, size_t len)
{
	return serve_say_ok(s, AUTH_OK, worker_fd, ticket_key, len);
}

/* ---- messages ---- */

static enum auth_step
decide(struct auth_serve *s, const char *user, int err)
{
	if (err < 0)
		return serve_refuse(s, user, true);
	if (!serve_enough(s)) {
		if (s->partials_left == 0 || serve_say(s, AUTH_PARTIAL, -1) < 0)
			return AUTH_STEP_END;
		s->partials_left--;
		log_info("login-partial", "method=%s", s->method);
		return AUTH_STEP_GO_ON;
	}
	if (serve_check_rules(s) < 0) {
		s->have = 0;
		return serve_refuse(s, user, true);
	}
	s->decided = true;
	return AUTH_STEP_LOGGED_IN;
}

static enum auth_step
on_password(struct auth_serve *s, struct buf *b)
{
	char user[AUTH_NAME_MAX], password[AUTH_PASSWORD_MAX];
	struct proof p = { .name = user, .password = password };
	int err;

	buf_get_cstring(b, user, sizeof(user));
	buf_get_cstring(b, password, sizeof(password));
	mem_wipe(b->at, b->end);
	if (buf_done(b) < 0) {
		mem_wipe(password, sizeof(password));
		return AUTH_STEP_END;
	}
	serve_begin_attempt(s, user, "password", s->conf->auth.failure_delay_ms);
	if (s->listener->protocol == CONF_SFTP)
		err = serve_prove_password(s, &p);
	else
		err = serve_prove_line(s, user, password);
	mem_wipe(password, sizeof(password));
	return decide(s, user, err);
}

static enum auth_step
on_interactive(struct auth_serve *s, struct buf *b)
{
	char user[AUTH_NAME_MAX];
	struct proof p = { .name = user };

	buf_get_cstring(b, user, sizeof(user));
	if (buf_done(b) < 0)
		return AUTH_STEP_END;
	serve_begin_attempt(s, user, "keyboard-interactive", s->conf->auth.failure_delay_ms);
	return decide(s, user, serve_prove_asking(s, &p));
}

/* A probe is no guess: a public key is no secret. It is bounded all the same. */
static enum auth_step
answer_probe(struct auth_serve *s, int err)
{
	if (s->probes_left == 0)
		return AUTH_STEP_END;
	s->probes_left--;
	if (err < 0 && !serve_wait(s))
		return AUTH_STEP_END;
	return serve_say(s, err < 0 ? AUTH_NO : AUTH_KEY_OK, -1) < 0 ? AUTH_STEP_END
								     : AUTH_STEP_GO_ON;
}

static enum auth_step
on_key(struct auth_serve *s, struct buf *b)
{
	char user[AUTH_NAME_MAX], algorithm[64];
	struct keys_question q = { .algorithm = algorithm };
	struct proof p = { .key = &q };
	const uint8_t *signature;
	uint32_t had;
	size_t signature_len;
	int err;

	buf_get_cstring(b, user, sizeof(user));
	buf_get_cstring(b, algorithm, sizeof(algorithm));
	q.blob = buf_get_string(b, &q.blob_len);
	signature = buf_get_string(b, &signature_len);
	buf_get_u8(b); /* what the transport thinks of it: nothing that decides */
	if (buf_done(b) < 0 || q.blob_len == 0 || q.blob_len > AUTH_KEY_MAX)
		return AUTH_STEP_END;
	serve_begin_attempt(s, user, "publickey",
			    signature_len ? s->conf->auth.failure_delay_ms : PROBE_MS);
	p.name = user;
	p.signature = signature;
	p.signature_len = signature_len;
	if (signature_len > 0)
		return decide(s, user, serve_prove_key(s, &p));
	had = s->have;
	err = serve_prove_key(s, &p);
	s->have = had; /* a probe proves nothing */
	return answer_probe(s, err);
}

/* Once per connection: the client cannot show another. */
static enum auth_step
on_certificate(struct auth_serve *s, struct buf *b)
{
	const struct auth_certificate *c = &s->certificate;
	struct log_value name, why;
	char reason[160] = "nobody asked for one";
	size_t len;
	const uint8_t *handshake = buf_get_string(b, &len);

	if (buf_done(b) < 0 || s->certificate_shown)
		return AUTH_STEP_END;
	s->certificate_shown = true;
	s->certified = s->host->certificate &&
		       s->host->certificate(s->host->ctx, handshake, len, &s->certificate, reason,
					    sizeof(reason)) == 0;
	if (s->certified)
		log_notice("certificate", "good=yes name=%s fingerprint=%s",
			   log_q(&name, c->count ? c->names[0].text : ""), c->fingerprint);
	else
		log_notice("certificate", "good=no reason=%s", log_q(&why, reason));
	return AUTH_STEP_GO_ON;
}

/*
 * A user was named. If the certificate is his and means something for him, it is a factor; if not,
 * nothing was guessed, and a password may come. The answer is the same for both.
 */
static enum auth_step
on_certified(struct auth_serve *s, struct buf *b)
{
	char user[AUTH_NAME_MAX];
	struct proof p = { .name = user };

	buf_get_cstring(b, user, sizeof(user));
	if (buf_done(b) < 0)
		return AUTH_STEP_END;
	s->have = 0; /* RFC 959, section 4.1.1: USER begins a login anew */
	serve_begin_attempt(s, user, "certificate", s->conf->auth.failure_delay_ms);
	if (serve_prove_certificate(s, &p) == 0)
		return decide(s, user, 0);
	log_debug("certificate", "used=no reason=\"%s\"", s->reason);
	serve_start_over(s);
	s->release_ms = s->started_ms + PROBE_MS;
	if (s->partials_left == 0 || !serve_wait(s) || serve_say(s, AUTH_PARTIAL, -1) < 0)
		return AUTH_STEP_END;
	s->partials_left--;
	return AUTH_STEP_GO_ON;
}

/*
 * Every method that can ever be asked for here; one that does not fit now is a refusal like
 * another.
 */
static uint32_t
offered(const struct auth_serve *s)
{
	if (s->listener->protocol != CONF_SFTP)
		return AUTH_PASSWORD | AUTH_CERTIFICATE;
	return factor_methods(s->conf, FACTOR_PASSWORD | FACTOR_KEY | FACTOR_CODE);
}

enum auth_step
auth_serve_message(struct auth_serve *s, uint16_t type, struct buf *b)
{
	static const struct {
		uint16_t type;
		uint32_t method; /* must be one that the listener offers */
		enum auth_step (*handle)(struct auth_serve *s, struct buf *b);
	} table[] = {
		{ AUTH_MSG_PASSWORD, AUTH_PASSWORD, on_password },
		{ AUTH_MSG_INTERACTIVE, AUTH_INTERACTIVE, on_interactive },
		{ AUTH_MSG_KEY, AUTH_PUBLICKEY, on_key },
		{ AUTH_MSG_CERTIFICATE, AUTH_CERTIFICATE, on_certificate },
		{ AUTH_MSG_CERTIFIED, AUTH_CERTIFICATE, on_certified },
	};

	if (type == AUTH_MSG_CANCEL) /* the prompt it cancels was already answered with a refusal */
		return buf_done(b) < 0 ? AUTH_STEP_END : AUTH_STEP_GO_ON;
	for (size_t i = 0; i < COUNT_OF(table); i++)
		if (table[i].type == type && (offered(s) & table[i].method) && !s->decided &&
		    s->tries_left > 0)
			return table[i].handle(s, b);
	log_error("bad-message", "from=wire type=%u", type);
	return AUTH_STEP_END;
}

int
auth_serve_open_session(struct auth_serve *s)
{
	int err;

	if (!s->pam)
		return 0;
	err = pam_login_open(s->pam, &s->reason);
	if (err == 0 && account_take_groups(&s->account) < 0) {
		s->reason = "a module of PAM gave him root's group";
		err = -EACCES;
	}
	return err;
}
