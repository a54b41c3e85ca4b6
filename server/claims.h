/* SPDX-License-Identifier: ISC */
/* claims.h - the listener's ear for its monitors (listen_msg.h). */
#ifndef SERVER_CLAIMS_H
#define SERVER_CLAIMS_H

#include "server/listener_in.h"

/* Takes one message off c's socket and answers it. Never blocks. */
void claims_hear(const struct listener *l, struct conn *c);

#endif
