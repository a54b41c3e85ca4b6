/* SPDX-License-Identifier: ISC */
/*
 * unbound.h - clients whose data connections did not resume the session of their control
 * connection: the listener remembers the last of them, for cofferctl unbound. What a client says of
 * itself is not true because it is written here.
 */
#ifndef SERVER_UNBOUND_H
#define SERVER_UNBOUND_H

#include <stdbool.h>

#include "server/base/text.h"
#include "server/conns.h"

/* Once a session. client and ja3 are a stranger's words. */
void unbound_note(const struct conn *c, bool refused, const char *client, const char *ja3);

/* A line each: how often, user, address, whether refused, TLS fingerprint, client. */
void unbound_print(struct text *t);

#endif
