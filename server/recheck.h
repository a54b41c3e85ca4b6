/* SPDX-License-Identifier: ISC */
/*
 * recheck.h - auth.enforce: now. After a reload, sessions of users who may not come any more are
 * ended.
 */
#ifndef SERVER_RECHECK_H
#define SERVER_RECHECK_H

#include "server/listener_in.h"

/*
 * Begins to look at all sessions with l's new configuration, if it wants that. Connections that are
 * not logged in yet are ended: theirs is the old one.
 */
void recheck_start(struct listener *l);

/* Readable when there is a verdict; -1: nothing is being looked at. */
int recheck_fd(void);

/* Ends the sessions about which the verdict is no. */
void recheck_hear(struct listener *l);

#endif
