/* SPDX-License-Identifier: ISC */
/*
 * auth_call.c - the asking side of auth.h, in wire. Secrets that pass through its buffer are wiped
 * as soon as they are sent.
 */
#include "auth/auth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "auth/auth_msg.h"
#include "conf/conf.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"

struct auth {
	int sock;
	uint8_t
	    room[AUTH_PROMPTS_MAX * (AUTH_PROMPT_TEXT_MAX + 8) / 2]; /* one message, either way */
};

struct auth *
auth_new(int sock)
{
	struct auth *a = mem_new(1, sizeof(*a));

	a->sock = sock;
	return a;
}

void
auth_free(struct auth *a)
{
	free(a);
}

int
auth_fd(const struct auth *a)
{
	return a->sock;
}

/* Sends what was put and wipes it: it may be a password. */
static int
send_wiped(struct auth *a, const struct buf *b)
{
	int err = ipc_send(a->sock, b, -1);

	mem_wipe(a->room, b->end);
	return err == 0 || err == -EMSGSIZE ? err : -EPIPE;
}

static void
begin(struct auth *a, struct buf *b, uint16_t type)
{
	ipc_begin(b, a->room, AUTH_MSG_MAX, type, 0);
}

int
auth_send_password(struct auth *a, const char *user, const char *password)
{
	struct buf b;

	if (strlen(user) >= AUTH_NAME_MAX || strlen(password) >= AUTH_PASSWORD_MAX)
		return -EMSGSIZE;
	begin(a, &b, AUTH_MSG_PASSWORD);
	buf_put_cstring(&b, user);
	buf_put_cstring(&b, password);
	return send_wiped(a, &b);
}

int
auth_send_interactive(struct auth *a, const char *user)
{
	struct buf b;

	if (strlen(user) >= AUTH_NAME_MAX)
		return -EMSGSIZE;
	begin(a, &b, AUTH_MSG_INTERACTIVE);
	buf_put_cstring(&b, user);
	return send_wiped(a, &b);
}

int
auth_send_answers(struct auth *a, const char *const *answers, size_t count)
{
	struct buf b;

	if (count > AUTH_PROMPTS_MAX)
		return -EMSGSIZE;
	begin(a, &b, AUTH_MSG_ANSWERS);
	buf_put_u32(&b, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		buf_put_cstring(&b, answers[i]);
	return send_wiped(a, &b);
}

int
auth_send_key(struct auth *a, const char *user, const char *algorithm, const void *blob,
	      size_t blob_len, const void *signature, size_t signature_len, bool verified)
{
	struct buf b;

	if (strlen(user) >= AUTH_NAME_MAX || blob_len > AUTH_KEY_MAX)
		return -EMSGSIZE;
	begin(a, &b, AUTH_MSG_KEY);
	buf_put_cstring(&b, user);
	buf_put_cstring(&b, algorithm);
	buf_put_string(&b, blob, blob_len);
	buf_put_string(&b, signature, signature_len);
	buf_put_u8(&b, verified);
	return send_wiped(a, &b);
}

int
auth_send_certificate(struct auth *a, const void *handshake, size_t len)
{
	struct buf b;

	begin(a, &b, AUTH_MSG_CERTIFICATE);
	buf_put_string(&b, handshake, len);
	return send_wiped(a, &b);
}

int
auth_send_certified(struct auth *a, const char *user)
{
	struct buf b;

	if (strlen(user) >= AUTH_NAME_MAX)
		return -EMSGSIZE;
	begin(a, &b, AUTH_MSG_CERTIFIED);
	buf_put_cstring(&b, user);
	return send_wiped(a, &b);
}

int
auth_send_unbound(struct auth *a, bool refused, const char *fingerprint)
{
	struct buf b;

	begin(a, &b, AUTH_MSG_UNBOUND);
	buf_put_u8(&b, refused);
	buf_put_cstring(&b, fingerprint);
	return send_wiped(a, &b);
}

int
auth_send_cancel(struct auth *a)
{
	struct buf b;

	begin(a, &b, AUTH_MSG_CANCEL);
	return send_wiped(a, &b);
}

static int
take_prompts(struct buf *b, struct auth_verdict *v)
{
	static char text[AUTH_PROMPT_TEXT_MAX];
	uint32_t count;

	v->answer = AUTH_ASK;
	buf_get_cstring(b, v->name, sizeof(v->name));
	buf_get_cstring(b, v->instruction, sizeof(v->instruction));
	count = buf_get_u32(b);
	if (b->bad || count > AUTH_PROMPTS_MAX)
		return -EPIPE;
	for (uint32_t i = 0; i < count; i++) {
		v->prompts[i].echo = buf_get_u8(b) != 0;
		v->prompts[i].text = mem_dup(buf_get_cstring(b, text, sizeof(text)));
		v->prompt_count++;
	}
	return buf_done(b) < 0 ? -EPIPE : 0;
}

int
auth_recv(struct auth *a, struct auth_verdict *ret_verdict)
{
	struct auth_verdict *v = ret_verdict;
	FD_OWN int fd = -1;
	struct buf b;
	const uint8_t *key;
	size_t key_len;
	uint16_t type;
	uint32_t id;
	int err;

	err = ipc_recv(a->sock, MSG_DONTWAIT, a->room, sizeof(a->room), &b, &type, &id, &fd);
	if (err == -EAGAIN)
		return err;
	if (err < 0)
		return -EPIPE;
	memset(v, 0, sizeof(*v));
	v->worker_fd = -1;
	if (type == AUTH_MSG_ASK)
		return take_prompts(&b, v);
	if (type != AUTH_MSG_VERDICT)
		return -EPIPE;
	v->answer = (enum auth_answer)buf_get_u8(&b);
	v->methods = buf_get_u32(&b);
	buf_get_cstring(&b, v->user, sizeof(v->user));
	buf_get_cstring(&b, v->start_dir, sizeof(v->start_dir));
	key = buf_get_string(&b, &key_len);
	v->has_ticket_key = key && key_len == sizeof(v->ticket_key);
	if (v->has_ticket_key)
		memcpy(v->ticket_key, key, key_len);
	v->preferred = buf_get_u8(&b) == CONF_BINDING_PREFERRED;
	if (buf_done(&b) < 0 || v->answer > AUTH_EXPIRED || (v->answer == AUTH_OK) != (fd >= 0))
		return -EPIPE;
	v->worker_fd = fd_give(&fd);
	return 0;
}

void
auth_verdict_clear(struct auth_verdict *v)
{
	for (size_t i = 0; i < v->prompt_count; i++)
		free(v->prompts[i].text);
	v->prompt_count = 0;
}
