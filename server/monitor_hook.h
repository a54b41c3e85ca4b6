/* SPDX-License-Identifier: ISC */
/* monitor_hook.h - events on their way from monitor and worker to coffer-hooks (hook.h). */
#ifndef SERVER_MONITOR_HOOK_H
#define SERVER_MONITOR_HOOK_H

#include "server/base/buf.h"
#include "server/monitor_in.h"

/* The user has logged in. */
void monitor_hook_login(const struct mon *mon);

/*
 * Takes what worker has said, so much at a time. Events are passed on; the first message that is
 * none is returned by its type, with ret_b behind its head. Else -EAGAIN, or -errno when worker is
 * gone.
 */
int monitor_hook_hear(const struct mon *mon, struct buf *ret_b);

/* The session is over: what was lost is said. */
void monitor_hook_end(const struct mon *mon);

#endif
