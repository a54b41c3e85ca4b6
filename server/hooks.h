/* SPDX-License-Identifier: ISC */
/*
 * hooks.h - coffer-hooks: the process that writes events down and runs the administrator's program.
 */
#ifndef SERVER_HOOKS_H
#define SERVER_HOOKS_H

#include <signal.h>

#include "conf/conf.h"
#include "server/base/mem.h"
#include "server/sandbox.h"

/*
 * A newer one runs the program from now on, as its configuration says. This one still writes down
 * what the sessions of before tell it. Blocked by who starts it.
 */
#define HOOKS_RETIRE SIGUSR1

/*
 * Becomes hooks.user (in system mode), and serves events from sock until nobody holds its other
 * end; never returns. See hook.h for where they come from.
 */
NORETURN void hooks_run(const struct conf *conf, const struct sandbox_ids *ids, int sock);

#endif
