/* SPDX-License-Identifier: ISC */
/* arrive.h - connections that come to the listener's doors. */
#ifndef SERVER_ARRIVE_H
#define SERVER_ARRIVE_H

#include "server/listener_in.h"

/*
 * Takes some connections off a door that is readable. May set l->pause_until_ms: nothing is to be
 * had now.
 */
void arrive_accept(struct listener *l, const struct door *door);

/*
 * The same for those of load balancers, which the gate gives back with the addresses of their PROXY
 * headers.
 */
void arrive_hear_gate(struct listener *l);

#endif
