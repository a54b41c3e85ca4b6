/* SPDX-License-Identifier: ISC */
/* reload.h - the listener gets a new configuration, or becomes a new image of itself. */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/listener_in.h"

/* renewed_ms: clock_ms() at which we became this image, 0 for a normal start. */
void reload_init(uint64_t renewed_ms);

/*
 * Begins to read l->conf's file again. The outcome is logged; l changes only when all of it is
 * good.
 */
void reload_start(struct listener *l);

/* Begins to read the files of the certificates again. False: something else is being tried. */
bool reload_certificates(struct listener *l);

/* Begins to become the program that is installed now. Sessions stay. */
void reload_renew(const struct listener *l);

/* A process of ours died in a way that an attacker may have caused: renew soon, but not often. */
void reload_crashed(void);

/*
 * clock_ms() at which reload_turn() has something to do: a new image after a crash, a trial that
 * hangs.
 */
uint64_t reload_deadline(void);
void reload_turn(const struct listener *l);

/* A child has ended: was it one of ours? May change l, or not return. */
bool reload_reaped(struct listener *l, pid_t pid, int status);

#endif
