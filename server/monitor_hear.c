/* SPDX-License-Identifier: ISC */
/*
 * monitor_hear.c - what wire and worker tell monitor: one message at a time, to whom it belongs.
 * Distrusts: both, and wire for contents too; what is not of its shape, or comes at a wrong time,
 * ends the session.
 */
#include "server/monitor_in.h"

#include <errno.h>
#include <sys/socket.h>

#include "auth/auth_msg.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/monitor_hook.h"
#include "server/sandbox_filter.h"

static enum auth_step
on_log(struct mon *mon, struct buf *b)
{
	static char event[64], fields[LOG_RECORD_MAX];
	uint8_t level = buf_get_u8(b);

	buf_get_cstring(b, event, sizeof(event));
	buf_get_cstring(b, fields, sizeof(fields));
	if (buf_done(b) < 0 || level > LOG_LEVEL_DEBUG)
		return AUTH_STEP_END;
	if (rate_allows(&mon->records, 1) == 0) {
		mon->records_dropped++;
		return AUTH_STEP_GO_ON;
	}
	rate_take(&mon->records, 1);
	/* wire may be the client's by now; log_form.c sees to it that its fields stay its own. */
	for (char *p = event; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-'))
			*p = '?';
	log_record((enum log_level)level, "wire", event, fields);
	return AUTH_STEP_GO_ON;
}

/* A process of ours wanted what its filter forbids; the kernel is ending it already. */
static enum auth_step
on_violation(struct mon *mon, struct buf *b, const char *process)
{
	uint32_t call = buf_get_u32(b);

	if (buf_done(b) == 0)
		log_error("sandbox-violation", "process=%s call=%s number=%u", process,
			  filter_call_name(call), call);
	mon->crashed = true;
	return AUTH_STEP_END;
}

static enum auth_step
on_client(struct mon *mon, struct buf *b)
{
	buf_get_cstring(b, mon->client, sizeof(mon->client));
	if (buf_done(b) < 0)
		return AUTH_STEP_END;
	monitor_stamp_records(mon);
	return AUTH_STEP_GO_ON;
}

/* Once a session. These are wire's words, for a table that the administrator reads. */
static enum auth_step
on_unbound(struct mon *mon, struct buf *b)
{
	uint8_t room[512];
	char fingerprint[33];
	uint8_t refused = buf_get_u8(b);
	struct buf out;

	buf_get_cstring(b, fingerprint, sizeof(fingerprint));
	if (buf_done(b) < 0 || !mon->working || mon->unbound)
		return AUTH_STEP_END;
	mon->unbound = true;
	ipc_begin(&out, room, sizeof(room), LISTEN_MSG_UNBOUND, 0);
	buf_put_u8(&out, refused);
	buf_put_cstring(&out, mon->client);
	buf_put_cstring(&out, fingerprint);
	ignore_result(
	    ipc_send_now(mon->m->listener_sock, &out, -1)); /* it is a table, and no more */
	return AUTH_STEP_GO_ON;
}

static enum auth_step
on_end(struct mon *mon, struct buf *b)
{
	if (!mon->end_said) /* the first reason is the cause of the others */
		mon->end = (enum session_end)buf_get_u8(b);
	mon->end_said = true;
	return AUTH_STEP_END;
}

enum auth_step
monitor_hear_wire(struct mon *mon, bool answers)
{
	static uint8_t room[AUTH_MSG_MAX];
	enum auth_step step;
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err;

	err = ipc_recv(mon->wire_sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);
	if (err == -EAGAIN)
		return AUTH_STEP_GO_ON;
	if (err < 0)
		return AUTH_STEP_END;
	switch (type) {
	case AUTH_MSG_LOG:
		return on_log(mon, &b);
	case AUTH_MSG_CLIENT:
		return on_client(mon, &b);
	case AUTH_MSG_END:
		return on_end(mon, &b);
	case AUTH_MSG_UNBOUND:
		return on_unbound(mon, &b);
	case FILTER_MSG_VIOLATION:
		return on_violation(mon, &b, "wire");
	default:
		if (!answers) {
			mem_wipe(room, b.end);
			return AUTH_STEP_GO_ON;
		}
		step = auth_serve_message(mon->auth, type, &b);
		mem_wipe(room, b.end);
		return step == AUTH_STEP_LOGGED_IN ? monitor_log_in(mon) : step;
	}
}

/* The worker speaks to us of events, when it breaks its own filter, and by its end. */
enum auth_step
monitor_hear_worker(struct mon *mon)
{
	struct buf b;
	int type = monitor_hook_hear(mon, &b);

	if (type == FILTER_MSG_VIOLATION)
		return on_violation(mon, &b, "worker");
	if (type < 0 && type != -EAGAIN) /* its end is told by its pidfd */
		fd_close(&mon->worker_sock);
	return AUTH_STEP_GO_ON;
}
