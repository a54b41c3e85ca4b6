/* SPDX-License-Identifier: ISC */
/* admit.h - who may come, by limits and penalties. The table of connections is the memory. */
#ifndef SERVER_ADMIT_H
#define SERVER_ADMIT_H

#include <stdbool.h>

#include "server/listener_in.h"
#include "server/penalty.h"

/* Is the administrator sure of this address? Then nothing is held against it. */
bool admit_exempt(const struct listener *l, const char *addr);

/* May this address open one more connection? NULL, or the limit that says no. */
const char *admit_connection(const struct listener *l, const struct source *source,
			     const char *addr);

/*
 * May this connection become a session of user, who may have most? NULL, or the limit that says no.
 */
const char *admit_session(const struct listener *l, const struct conn *c, const char *user,
			  uint32_t most);

/* When a login that begins now, or its last step, must be through; CLOCK_NEVER: no limit is set. */
uint64_t admit_login_deadline(const struct listener *l);

/* What was done from a source costs it, here and, by its network, its neighbours. */
void admit_penalty(const struct listener *l, const struct source *source, enum penalty what);

/* The same for a client of ours; the other nodes are told. */
void admit_punish(const struct listener *l, const struct conn *c, enum penalty what);

/* The same for the way in which its monitor ended: status as of waitpid(2). */
void admit_ended(const struct listener *l, const struct conn *c, int status);

#endif
