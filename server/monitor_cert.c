/* SPDX-License-Identifier: ISC */
/*
 * monitor_cert.c - has the client's certificate looked at, in a child that has given everything up:
 * certificates are long, and parsing what a stranger made of one is no work for root.
 * Distrusts: the handshake that wire shows. The child's answer is bounded and checked as well.
 */
#include "server/monitor_in.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocols/tls/tls_proof.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/text.h"
#include "server/process.h"

/* Chains are short, and so are signatures. */
#define CHECK_MS 5000
#define ANSWER_MAX 8192u

NORETURN static void
look(const struct mon *mon, int sock, const struct tls_proof *proof)
{
	static uint8_t room[ANSWER_MAX];
	struct auth_certificate c = { 0 };
	const char *reason = "";
	struct buf b;
	int err;

	process_name("monitor", "coffer-check", "%s", "");
	process_keep(&sock, 1, true);
	sandbox_checker(mon->m->conf, &mon->m->servers->ids);
	err = tls_proof_check(mon->m->servers->tls, proof, &c, &reason);
	ipc_begin(&b, room, sizeof(room), 0, 0);
	buf_put_u32(&b, (uint32_t)-err);
	buf_put_cstring(&b, err ? reason : "");
	buf_put_cstring(&b, c.fingerprint);
	buf_put_u32(&b, (uint32_t)c.count);
	for (size_t i = 0; i < c.count; i++) {
		buf_put_u8(&b, (uint8_t)c.names[i].kind);
		buf_put_cstring(&b, c.names[i].text);
	}
	_exit(ipc_send(sock, &b, -1) < 0);
}

static int
take_answer(int sock, struct auth_certificate *ret, char *reason, size_t size)
{
	static uint8_t room[ANSWER_MAX];
	struct pollfd wait = { .fd = sock, .events = POLLIN };
	struct buf b;
	uint16_t type;
	uint32_t id, err;

	ignore_result(text_copy(reason, size, "it could not be looked at"));
	if (poll(&wait, 1, CHECK_MS) <= 0 ||
	    ipc_recv(sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL) < 0)
		return -EIO;
	memset(ret, 0, sizeof(*ret));
	err = buf_get_u32(&b);
	buf_get_cstring(&b, reason, size);
	buf_get_cstring(&b, ret->fingerprint, sizeof(ret->fingerprint));
	ret->count = buf_get_u32(&b);
	if (ret->count > AUTH_CERTIFICATE_NAMES)
		return -EBADMSG;
	for (size_t i = 0; i < ret->count; i++) {
		ret->names[i].kind = (enum auth_certificate_kind)buf_get_u8(&b);
		buf_get_cstring(&b, ret->names[i].text, sizeof(ret->names[i].text));
		if (ret->names[i].kind > AUTH_CERTIFICATE_DNS)
			return -EBADMSG;
	}
	return buf_done(&b) < 0 ? -EBADMSG : err ? -EACCES : 0;
}

int
monitor_certificate(void *ctx, const uint8_t *handshake, size_t len, struct auth_certificate *ret,
		    char *ret_reason, size_t reason_size)
{
	const struct mon *mon = ctx;
	const struct tls_proof proof = { .signed_bytes = mon->sign.tls,
					 .signed_len = mon->sign.tls_len,
					 .messages = handshake,
					 .len = len };
	FD_OWN int ours = -1, theirs = -1;
	int ends[2], err;
	pid_t pid;

	if (!mon->m->servers->tls || ipc_pair(ends) < 0)
		return -EIO;
	ours = ends[0];
	theirs = ends[1];
	pid = fork();
	if (pid < 0)
		return -EAGAIN;
	if (pid == 0)
		look(mon, theirs, &proof);
	fd_close(&theirs);
	err = take_answer(ours, ret, ret_reason, reason_size);
	kill(pid, SIGKILL); /* it has said what it had to say */
	while (waitpid(pid, NULL, 0) < 0)
		if (errno != EINTR)
			break;
	return err;
}
