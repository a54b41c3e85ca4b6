/* SPDX-License-Identifier: ISC */
/*
 * resolve.h - ftps.external: names and interfaces become addresses, in a child, because a name
 * server may keep one waiting; and again now and then, because they change.
 */
#ifndef SERVER_RESOLVE_H
#define SERVER_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/conf.h"

/*
 * Addresses of this configuration are wanted now: at the start and behind a reload. What old (may
 * be NULL) knew of the same names is known until then.
 */
void resolve_start(struct conf *conf, const struct conf *old);

/* For the listener's loop: what to poll (-1: nothing), and when to call resolve_turn. */
int resolve_fd(void);
uint64_t resolve_deadline(void);
/* Takes what the child found into conf, or starts the next child. conf is that of resolve_start. */
void resolve_turn(struct conf *conf);
/* Was it our child that ended? */
bool resolve_reaped(pid_t pid);

#endif
