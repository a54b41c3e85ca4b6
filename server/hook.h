/* SPDX-License-Identifier: ISC */
/*
 * hook.h - events that the administrator's programs hear of: what they are, and how they travel.
 *
 *	worker ---> monitor ---> coffer-hooks ---> spool directory ---> program, or somebody's own
 *	(upload,    (who it was,   (hooks.c: an unprivileged user, outside of every session)
 *	 delete,    and logins)
 *	 rename)
 *
 * Nobody ever waits for a hook: a message that finds no room is lost, and the loss is counted and
 * travels with the next one. Names in events are data, all the way.
 */
#ifndef SERVER_HOOK_H
#define SERVER_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/account.h"
#include "conf/conf.h"
#include "server/base/buf.h"
#include "server/base/ipc.h"

/* Bytes of a message with three paths in it. */
#define HOOK_MESSAGE_MAX (3 * IPC_PATH_MAX + 2048)

enum hook_kind { HOOK_LOGIN, HOOK_UPLOAD, HOOK_DELETE, HOOK_RENAME, HOOK_KINDS };

enum hook_msg {
	HOOK_MSG_EVENT = 0xa00, /* u64 lost before it, origin, event */
	HOOK_MSG_LOST,		/* u64 lost */
};

/* What happened. Strings that a kind does not have are "". */
struct hook_event {
	enum hook_kind kind;
	char share[65];
	char path[IPC_PATH_MAX]; /* as the client sees it */
	char to[IPC_PATH_MAX];	 /* rename: the new one */
	char file[IPC_PATH_MAX]; /* where that lies on this machine (rename: now) */
	uint64_t bytes;		 /* upload: of the file */
	bool directory;
};

/* By whom: monitor's word, not worker's. */
struct hook_origin {
	uint64_t time_us; /* since 1970 */
	char session[17], protocol[8], addr[46], user[ACCOUNT_NAME_MAX];
	char method[32]; /* login */
};

/* "login", "upload", ...; the word in hooks.events. */
const char *hook_kind_name(enum hook_kind kind);
/* Does the configuration want such events? */
bool hook_wants(const struct conf *conf, enum hook_kind kind);

/* event: u8 kind, string share, path, to, file, u64 bytes, u8 directory. Bad ones set b->bad. */
void hook_put_event(struct buf *b, const struct hook_event *e);
void hook_get_event(struct buf *b, struct hook_event *ret_e);
/* origin: u64 time, string session, protocol, addr, user, method. */
void hook_put_origin(struct buf *b, const struct hook_origin *o);
void hook_get_origin(struct buf *b, struct hook_origin *ret_o);

#endif
