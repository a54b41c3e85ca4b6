/* SPDX-License-Identifier: ISC */
/*
 * claims.c - what monitors ask of the listener, which alone knows all connections: one more
 * session, the price of a wrong login, a one-time code. Monitors are ours; what cannot be read
 * closes their socket.
 */
#include "server/claims.h"

#include <errno.h>
#include <sys/socket.h>

#include "auth/auth.h"
#include "server/admit.h"
#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/text.h"
#include "server/cluster.h"
#include "server/listen_msg.h"
#include "server/unbound.h"

/* What PAM may take to close a session that is over. */
#define CLOSE_MS 10000

static void
answer_claim(const struct listener *l, struct conn *c, uint32_t id, struct buf *question)
{
	uint8_t room[512], key[TLS_SHARED_KEY] = { 0 };
	char user[ACCOUNT_NAME_MAX];
	const char *limit;
	uint32_t most;
	struct buf b;

	buf_get_cstring(question, user, sizeof(user));
	most = buf_get_u32(question);
	limit = buf_done(question) < 0 ? "bad-message" : admit_session(l, c, user, most);
	if (!limit && tls_shared_key(l->secret, user, c->addr, key) < 0)
		limit = "no key for its tickets";
	ipc_begin(&b, room, sizeof(room), LISTEN_MSG_GRANTED, id);
	buf_put_u8(&b, limit == NULL);
	buf_put_cstring(&b, limit);
	buf_put_bytes(&b, key, sizeof(key));
	if (ipc_send_now(c->sock, &b, -1) < 0)
		return; /* it is going */
	if (!limit) {
		c->logged_in = true;
		c->kill_ms = admit_login_deadline(l); /* modules of PAM may hang there, too */
		ignore_result(text_copy(c->user, sizeof(c->user), user)); /* same size */
		cluster_tell_session(c);
	}
}

/* The login came to nothing after all. */
static void
release(const struct listener *l, struct conn *c)
{
	if (!c->logged_in)
		return;
	cluster_tell_end(c);
	c->logged_in = false;
	c->user[0] = '\0';
	c->kill_ms = admit_login_deadline(l);
}

static void
serves(struct conn *c)
{
	c->working = true;
	c->kill_ms = CLOCK_NEVER;
}

/* A wrong login costs its source something, and the name's next refusal comes later. */
static void
answer_failed(const struct listener *l, struct conn *c, uint32_t id, struct buf *question)
{
	char user[AUTH_NAME_MAX];
	uint8_t room[64];
	uint64_t delay = 0, digest;
	struct buf b;

	buf_get_cstring(question, user, sizeof(user));
	digest = penalty_digest(user);
	if (buf_done(question) == 0) {
		c->failed = true;
		admit_punish(l, c, PENALTY_FAILURE);
		if (l->conf->penalties.enabled) {
			delay = penalty_name(digest, clock_ms());
			cluster_tell_name(digest);
		}
	}
	ipc_begin(&b, room, sizeof(room), LISTEN_MSG_DELAY, id);
	buf_put_u32(&b, (uint32_t)delay);
	ignore_result(ipc_send_now(c->sock, &b, -1)); /* it is going, then */
}

static void
answer_code(struct conn *c, uint32_t id, struct buf *question)
{
	char user[ACCOUNT_NAME_MAX];
	uint8_t room[128];
	uint64_t step, digest;
	struct buf b;
	bool yes;

	buf_get_cstring(question, user, sizeof(user));
	step = buf_get_u64(question);
	digest = penalty_digest(user);
	yes = buf_done(question) == 0 && penalty_code(digest, step, clock_ms());
	if (yes || step == PENALTY_WRONG_CODE)
		cluster_tell_code(digest, step);
	ipc_begin(&b, room, sizeof(room), LISTEN_MSG_GRANTED, id);
	buf_put_u8(&b, yes);
	buf_put_cstring(&b, yes ? "" : "the code was used already, or too many were wrong");
	ignore_result(ipc_send_now(c->sock, &b, -1));
}

static void
note_unbound(const struct conn *c, struct buf *b)
{
	char client[128], fingerprint[33];
	bool refused = buf_get_u8(b) == 1;

	buf_get_cstring(b, client, sizeof(client));
	buf_get_cstring(b, fingerprint, sizeof(fingerprint));
	if (buf_done(b) == 0)
		unbound_note(c, refused, client, fingerprint);
}

void
claims_hear(const struct listener *l, struct conn *c)
{
	uint8_t room[512];
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err;

	err = ipc_recv(c->sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);
	if (err == 0 && type == LISTEN_MSG_CLAIM)
		answer_claim(l, c, id, &b);
	else if (err == 0 && type == LISTEN_MSG_FAILED)
		answer_failed(l, c, id, &b);
	else if (err == 0 && type == LISTEN_MSG_RELEASE && buf_done(&b) == 0)
		release(l, c);
	else if (err == 0 && type == LISTEN_MSG_WORKING && buf_done(&b) == 0)
		serves(c);
	else if (err == 0 && type == LISTEN_MSG_CLOSING && buf_done(&b) == 0)
		c->kill_ms = clock_after(CLOSE_MS);
	else if (err == 0 && type == LISTEN_MSG_CODE)
		answer_code(c, id, &b);
	else if (err == 0 && type == LISTEN_MSG_UNBOUND)
		note_unbound(c, &b);
	else if (err != -EAGAIN)
		fd_close(&c->sock); /* its exit status follows */
}
