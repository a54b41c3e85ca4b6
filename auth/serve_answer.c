/* SPDX-License-Identifier: ISC */
/*
 * serve_answer.c - what wire hears of an attempt to log in, and when. Invariants: no answer to a
 * refusal leaves before the attempt is failure-delay old, whatever its reason; a refusal costs a
 * try, and the last one ends the session.
 */
#include "auth/serve_in.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>

#include "auth/auth_msg.h"
#include "auth/factor.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/text.h"

/* Which methods bring what is still missing; only SSH asks. */
static uint32_t
methods(const struct auth_serve *s)
{
	if (s->listener->protocol != CONF_SFTP)
		return AUTH_PASSWORD;
	return factor_methods(s->conf, serve_missing(s));
}

int
serve_say_ok(struct auth_serve *s, enum auth_answer answer, int worker_fd, const void *key,
	     size_t len)
{
	const struct policy_case c = serve_case(s);
	uint8_t room[512];
	struct buf b;

	ipc_begin(&b, room, sizeof(room), AUTH_MSG_VERDICT, 0);
	buf_put_u8(&b, (uint8_t)answer);
	buf_put_u32(&b, methods(s));
	buf_put_cstring(&b, answer == AUTH_OK ? s->account.name : "");
	buf_put_cstring(&b, answer == AUTH_OK ? "/" : "");
	buf_put_string(&b, key, len);
	buf_put_u8(&b, (uint8_t)policy_binding(&c, &s->account));
	return ipc_send(s->sock, &b, worker_fd);
}

int
serve_say(struct auth_serve *s, enum auth_answer answer, int worker_fd)
{
	return serve_say_ok(s, answer, worker_fd, NULL, 0);
}

void
serve_start_over(struct auth_serve *s)
{
	pam_login_free(s->pam);
	s->pam = NULL;
	account_clear(&s->account);
	s->have = 0;
}

void
serve_begin_attempt(struct auth_serve *s, const char *user, const char *method, uint64_t floor_ms)
{
	uint32_t random = 0;

	/* Without randomness the floor alone still holds. */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = 0;
	/* What one name has proven is worth nothing for another (RFC 4252 section 5). */
	if (s->have == 0 || strcmp(user, s->for_user) != 0)
		serve_start_over(s);
	ignore_result(text_copy(s->for_user, sizeof(s->for_user), user)); /* same size */
	s->shown[0] = '\0';
	s->password = NULL;
	s->expired = false;
	s->talk_reason = NULL;
	s->method = method;
	s->reason = "unknown";
	s->started_ms = clock_ms();
	s->release_ms = s->started_ms + floor_ms + (floor_ms ? random % (floor_ms / 8 + 1) : 0);
}

bool
serve_wait(const struct auth_serve *s)
{
	while (clock_ms() < s->release_ms) {
		struct pollfd wire = { .fd = s->sock, .events = 0 };

		if (poll(&wire, 1, clock_poll(s->release_ms)) < 0 && errno != EINTR)
			return false;
		if (wire.revents)
			return false;
	}
	return true;
}

/*
 * A name that nobody has may be a password typed into the wrong field: only its length is written.
 */
static void
log_failure(const struct auth_serve *s, const char *user, bool known)
{
	struct log_value name, reason;

	if (known)
		log_notice("login-failed", "user=%s method=%s reason=%s tries_left=%u",
			   log_q(&name, user), s->method, log_q(&reason, s->reason), s->tries_left);
	else
		log_notice("login-failed",
			   "user=<unknown> length=%zu method=%s reason=%s tries_left=%u",
			   strlen(user), s->method, log_q(&reason, s->reason), s->tries_left);
}

enum auth_step
serve_refuse(struct auth_serve *s, const char *user, bool is_guess)
{
	bool known = s->account.name[0] != '\0', last;
	enum auth_answer answer;

	if (s->talk_reason)
		s->reason = s->talk_reason;
	/* Known or not: a name that somebody has must not be the one that takes longer. */
	if (is_guess && s->host->failed)
		s->release_ms += s->host->failed(s->host->ctx, user);
	s->tries_left -= s->tries_left > 0;
	last = s->tries_left == 0;
	log_failure(s, user, known);
	if (s->have == 0)
		serve_start_over(s);
	answer = last ? AUTH_LAST : s->expired ? AUTH_EXPIRED : AUTH_NO;
	if (!serve_wait(s) || serve_say(s, answer, -1) < 0)
		return AUTH_STEP_END;
	return last ? AUTH_STEP_END : AUTH_STEP_GO_ON;
}
