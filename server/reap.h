/* SPDX-License-Identifier: ISC */
/* reap.h - children of the listener that ended: monitors, signer, gate, hooks and the others */
#ifndef SERVER_REAP_H
#define SERVER_REAP_H

#include "server/listener_in.h"

/*
 * Takes all that have ended so far. May change l, or not return: a new configuration or image that
 * one of them has tried comes into force here.
 */
void reap_children(struct listener *l);

/* Signer closed its end: it is dead, which a signal will say, or as good as dead. */
void reap_hung_up_signer(struct listener *l);

/* Starts those of signer, gate and hooks that died, or could not be started, and may try again. */
void reap_start_again(struct listener *l);

#endif
