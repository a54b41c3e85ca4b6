/* SPDX-License-Identifier: ISC */
/* sign_call.c - the asking side of sign.h, in wire. Called from inside OpenSSL, so it must wait. */
#include "server/sign.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/base/ipc.h"
#include "server/sign_msg.h"

static int asking = -1;

void
sign_use(int sock)
{
	asking = sock;
}

static int
wait_for_answer(void)
{
	uint64_t deadline = clock_after(IPC_SEND_MS);
	struct pollfd wait = { .fd = asking, .events = POLLIN };

	for (;;) {
		int n = poll(&wait, 1, clock_poll(deadline));

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (clock_ms() >= deadline)
			return -ETIMEDOUT;
	}
}

int
sign_ask(const struct sign_request *request, uint8_t *signature, size_t size, size_t *ret_len)
{
	static uint8_t room[SIGN_MSG_MAX];
	const uint8_t *bytes;
	struct buf b;
	uint16_t type;
	uint32_t id, verdict;
	size_t len;
	int err;

	ipc_begin(&b, room, sizeof(room), SIGN_MSG_REQUEST, 0);
	buf_put_u8(&b, (uint8_t)request->purpose);
	buf_put_u32(&b, request->key);
	buf_put_cstring(&b, request->digest);
	buf_put_u8(&b, (uint8_t)request->padding);
	buf_put_string(&b, request->tbs, request->tbs_len);
	err = ipc_send(asking, &b, -1);
	if (err == 0)
		err = wait_for_answer();
	if (err == 0)
		err = ipc_recv(asking, 0, room, sizeof(room), &b, &type, &id, NULL);
	if (err < 0)
		return err;
	verdict = buf_get_u32(&b);
	bytes = buf_get_string(&b, &len);
	if (type != SIGN_MSG_ANSWER || buf_done(&b) < 0 || verdict > 4095)
		return -EPIPE;
	if (verdict)
		return -(int)verdict;
	if (len > size)
		return -EMSGSIZE;
	memcpy(signature, bytes, len);
	*ret_len = len;
	return 0;
}
