/* SPDX-License-Identifier: ISC */
/*
 * wire.c - the mouth. Enters its sandbox, runs one front end, says how it ended, and is gone.
 * It owns three sockets: the client's, and two to monitor (logins and signatures). Its log records
 * go to monitor, which stamps them; it writes no log of its own.
 */
#include "server/wire.h"

#include <unistd.h>

#include "auth/auth_msg.h"
#include "protocols/ftp/ftp.h"
#include "protocols/sftp/sftp.h"
#include "server/base/ipc.h"
#include "server/base/text.h"

static void
log_through_monitor(void *ctx, enum log_level level, const char *event, const char *fields)
{
	const struct session *s = ctx;
	uint8_t room[LOG_RECORD_MAX];
	struct buf b;

	ipc_begin(&b, room, sizeof(room), AUTH_MSG_LOG, 0);
	buf_put_u8(&b, (uint8_t)level);
	buf_put_cstring(&b, event);
	buf_put_cstring(&b, fields);
	/* A monitor that is busy misses a record rather than that the client waits. */
	ignore_result(ipc_send_now(auth_fd(s->auth), &b, -1));
}

static void
say_end(const struct session *s, enum session_end end)
{
	uint8_t room[16];
	struct buf b;

	ipc_begin(&b, room, sizeof(room), AUTH_MSG_END, 0);
	buf_put_u8(&b, (uint8_t)end);
	ignore_result(ipc_send_now(auth_fd(s->auth), &b, -1));
}

void
wire_run(struct session *s, const struct wire_servers *servers, int sign_sock)
{
	enum session_end end;

	log_process("wire");
	log_to(log_through_monitor, s);
	sign_use(sign_sock);
	sandbox_wire(s->conf, &servers->ids, auth_fd(s->auth));
	if (s->listener->protocol == CONF_SFTP)
		end = sftp_run(s, servers->ssh);
	else
		end = ftp_run(s, servers->tls);
	say_end(s, end);
	_exit(0);
}
