/* SPDX-License-Identifier: ISC */
/*
 * serve_talk.c - the conversation of PAM, and prompts of our own, with a client that may not be
 * there. Distrusts: what modules ask (bounded, one password to one prompt) and what wire answers.
 */
#include "auth/serve_in.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "auth/auth_msg.h"
#include "server/base/clock.h"
#include "server/base/text.h"

/* Nobody types longer than this, and PAM must not be kept waiting for ever. */
#define ANSWER_MS 120000

/* FTP, and SSH's password method: the password answers the first echo-off prompt, and no other. */
int
serve_talk_password(void *ctx, const char *info, const struct pam_prompt *prompts, size_t count,
		    char **answers)
{
	struct auth_serve *s = ctx;

	(void)info; /* there is nobody to show it to */
	for (size_t i = 0; i < count; i++) {
		if (prompts[i].echo || !s->password) {
			s->talk_reason = "PAM asked for more than a password";
			return -EINVAL;
		}
		answers[i] = mem_dup(s->password);
		s->password = NULL;
	}
	return 0;
}

static int
ask_wire(struct auth_serve *s, const struct pam_prompt *prompts, size_t count)
{
	struct buf b;

	ipc_begin(&b, s->room, sizeof(s->room), AUTH_MSG_ASK, 0);
	buf_put_cstring(&b, "");
	buf_put_cstring(&b, s->shown);
	buf_put_u32(&b, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		if (strlen(prompts[i].text) >= AUTH_PROMPT_TEXT_MAX)
			return -EMSGSIZE;
		buf_put_u8(&b, prompts[i].echo);
		buf_put_cstring(&b, prompts[i].text);
	}
	s->shown[0] = '\0';
	return ipc_send(s->sock, &b, -1);
}

static int
take_answers(struct buf *b, size_t count, char **answers)
{
	char room[AUTH_PASSWORD_MAX];

	if (buf_get_u32(b) != count)
		return -EBADMSG;
	for (size_t i = 0; i < count; i++)
		answers[i] = mem_dup(buf_get_cstring(b, room, sizeof(room)));
	mem_wipe(room, sizeof(room));
	return buf_done(b);
}

/* Waits for ANSWERS or CANCEL; log records may come between. */
static int
wait_for_answers(struct auth_serve *s, size_t count, char **answers)
{
	uint64_t deadline = clock_after(ANSWER_MS);

	for (;;) {
		struct pollfd wire = { .fd = s->sock, .events = POLLIN };
		struct buf b;
		uint16_t type;
		uint32_t id;
		int err;

		if (poll(&wire, 1, clock_poll(deadline)) < 0 && errno != EINTR)
			return -errno;
		if (clock_ms() >= deadline)
			return -ETIMEDOUT;
		err =
		    ipc_recv(s->sock, MSG_DONTWAIT, s->room, sizeof(s->room), &b, &type, &id, NULL);
		if (err == -EAGAIN)
			continue;
		if (err < 0)
			return err;
		if (type == AUTH_MSG_LOG || type == AUTH_MSG_CLIENT)
			continue; /* manners, not worth an interruption */
		err = type == AUTH_MSG_ANSWERS ? take_answers(&b, count, answers) : -ECANCELED;
		mem_wipe(s->room, sizeof(s->room));
		return err;
	}
}

int
serve_talk_client(void *ctx, const char *info, const struct pam_prompt *prompts, size_t count,
		  char **answers)
{
	struct auth_serve *s = ctx;
	struct text t;
	int err;

	if (*info) {
		size_t len = strlen(s->shown);

		text_init(&t, s->shown + len, sizeof(s->shown) - len);
		text_printf(&t, "%s%s", len ? "\n" : "", info);
	}
	if (count == 0)
		return 0; /* shown with the next prompt */
	err = ask_wire(s, prompts, count);
	if (err == 0)
		err = wait_for_answers(s, count, answers);
	if (err < 0)
		s->talk_reason = "the conversation was broken off";
	return err;
}

int
serve_ask(struct auth_serve *s, const char *prompt, char *room, size_t size)
{
	const struct pam_prompt one = { .echo = false, .text = prompt };
	char *answer = NULL;
	int err = serve_talk_client(s, "", &one, 1, &answer);

	if (err == 0)
		err = text_copy(room, size, answer);
	if (answer)
		mem_wipe(answer, strlen(answer));
	free(answer);
	return err;
}
