/* SPDX-License-Identifier: ISC */
/* session.c - login and the names of ends; see session.h for the states. */
#include "server/session.h"

#include <string.h>

#include "auth/auth_msg.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/text.h"

void
session_login(struct session *s, struct auth_verdict *verdict)
{
	s->ask = ask_new(fd_give(&verdict->worker_fd));
	s->vfs = vfs_new(s->ask);
	pace_init(&s->up, s->vfs, true, s->conf->limits.rate_up);
	pace_init(&s->down, s->vfs, false, s->conf->limits.rate_down);
	/* Both fit: the sender's fields are no larger than ours. */
	ignore_result(text_copy(s->user, sizeof(s->user), verdict->user));
	ignore_result(text_copy(s->start_dir, sizeof(s->start_dir), verdict->start_dir));
	s->binding_preferred = verdict->preferred;
	s->logged_in = true;
}

const char *
session_end_name(enum session_end end)
{
	static const char *const names[] = {
		[SESSION_QUIT] = "quit",
		[SESSION_LOST] = "connection-lost",
		[SESSION_IDLE] = "idle",
		[SESSION_LOGIN_TIME] = "login-time",
		[SESSION_TRIES] = "too-many-tries",
		[SESSION_PROTOCOL] = "protocol-error",
		[SESSION_MONITOR_GONE] = "monitor-gone",
		[SESSION_WORKER_GONE] = "worker-gone",
		[SESSION_SHUTDOWN] = "shutdown",
		[SESSION_STALLED] = "stalled",
	};

	return end < COUNT_OF(names) ? names[end] : "unknown";
}

void
session_client(struct session *s, const char *name)
{
	uint8_t room[512];
	char cut[128];
	struct text t;
	struct buf b;

	text_init(&t, cut, sizeof(cut));
	text_printable(&t, name);
	ipc_begin(&b, room, sizeof(room), AUTH_MSG_CLIENT, 0);
	buf_put_cstring(&b, cut);
	/* Only for the log: a monitor that is gone shows itself elsewhere. */
	ignore_result(ipc_send_now(auth_fd(s->auth), &b, -1));
}
