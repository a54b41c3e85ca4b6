/* SPDX-License-Identifier: ISC */
/*
 * sign_serve.c - relays signatures, in monitor.
 * Distrusts: wire. It gets one signature before the login, since one handshake needs one; after it,
 * as many as rekeys of a fast transfer and handshakes of data connections may need; more have to
 * wait, since a quick client that resumes nothing has done no wrong.
 */
#include "server/sign_serve.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "server/base/clock.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/sign_msg.h"

#define BEFORE_LOGIN 1
#define AFTER_LOGIN_PER_SECOND 256

void
sign_serve_init(struct sign_serve *s, int wire, int signer, enum sign_purpose purpose)
{
	memset(s, 0, sizeof(*s));
	s->wire = wire;
	s->signer = signer;
	s->purpose = purpose;
	rate_init(&s->after_login, AFTER_LOGIN_PER_SECOND);
}

static bool
within_quota(struct sign_serve *s)
{
	if (!s->logged_in)
		return s->before_login++ < BEFORE_LOGIN;
	while (rate_allows(&s->after_login, 1) == 0)
		if (poll(NULL, 0, (int)rate_wait_ms(&s->after_login)) < 0 && errno != EINTR)
			return false;
	rate_take(&s->after_login, 1);
	return true;
}

/* Is the request well-formed, of our protocol and of a shape? Leaves the cursor where it was. */
static bool
is_right(struct sign_serve *s, struct buf *b)
{
	struct buf copy = *b;
	char digest[32];
	const uint8_t *tbs;
	uint8_t purpose = buf_get_u8(&copy);
	uint32_t key;
	size_t len;

	key = buf_get_u32(&copy);
	buf_get_cstring(&copy, digest, sizeof(digest));
	buf_get_u8(&copy);
	tbs = buf_get_string(&copy, &len);
	if (buf_done(&copy) < 0 || purpose != s->purpose || !sign_shape_ok(s->purpose, tbs, len))
		return false;
	if (s->purpose == SIGN_SSH && s->session_id_len == 0) {
		memcpy(s->session_id, tbs, len);
		s->session_id_len = len;
		s->session_key = key;
	}
	if (s->purpose == SIGN_TLS && s->tls_len == 0 && len <= sizeof(s->tls)) {
		memcpy(s->tls, tbs, len);
		s->tls_len = len;
	}
	return true;
}

static int
refuse(struct sign_serve *s)
{
	uint8_t room[64];
	struct buf b;

	ipc_begin(&b, room, sizeof(room), SIGN_MSG_ANSWER, 0);
	buf_put_u32(&b, EACCES);
	buf_put_string(&b, NULL, 0);
	return ipc_send(s->wire, &b, -1);
}

/* The bytes of a whole message, as they came. */
static int
pass_on(int from, int to, uint8_t *room, size_t len)
{
	struct pollfd wait = { .fd = from, .events = POLLIN };
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err;

	buf_init(&b, room, len);
	b.end = len;
	err = ipc_send(to, &b, -1);
	if (err < 0)
		return err;
	wait.fd = to;
	if (poll(&wait, 1, IPC_SEND_MS) <= 0)
		return -ETIMEDOUT;
	err = ipc_recv(to, MSG_DONTWAIT, room, SIGN_MSG_MAX, &b, &type, &id, NULL);
	if (err < 0)
		return err;
	return type == SIGN_MSG_ANSWER ? ipc_send(from, &b, -1) : -EBADMSG;
}

int
sign_serve_message(struct sign_serve *s)
{
	static uint8_t room[SIGN_MSG_MAX];
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err;

	err = ipc_recv(s->wire, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);
	if (err == -EAGAIN)
		return 0;
	if (err < 0)
		return err;
	if (type != SIGN_MSG_REQUEST || !is_right(s, &b)) {
		log_error("bad-message", "from=wire type=%u what=sign", type);
		return -EBADMSG;
	}
	if (!within_quota(s)) {
		log_warn("sign-quota", "logged_in=%s", s->logged_in ? "yes" : "no");
		return refuse(s);
	}
	return pass_on(s->wire, s->signer, room, b.end);
}
