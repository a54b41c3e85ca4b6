/* SPDX-License-Identifier: ISC */
/*
 * admin.h - what the listener answers to an administrator (control.h). One line of words:
 *
 *	ban ADDRESS MILLISECONDS | unban ADDRESS | bans | who | kick USER|PID|ADDRESS | unbound
 *
 * An answer that begins with "error: " is one.
 */
#ifndef SERVER_ADMIN_H
#define SERVER_ADMIN_H

#include "server/base/text.h"
#include "server/conns.h"

struct admin {
	struct conns *conns;
	const char *state_dir; /* bans are written there at once */
};

/* A control_fn; ctx is a struct admin. */
void admin_answer(void *ctx, char *question, struct text *answer);

#endif
