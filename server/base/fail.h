/* SPDX-License-Identifier: ISC */
/*
 * fail.h - the two ways in which a process of ours stops by itself. Both end one connection and no
 * more, unless the listener itself stops. What a peer or a disk did is neither: it is an error that
 * is returned.
 */
#ifndef BASE_FAIL_H
#define BASE_FAIL_H

#include "server/base/mem.h"

/* This process cannot go on (no memory, its monitor is gone). Logs and exits with status 1. */
NORETURN void die(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* This cannot happen: our own code broke its word. Logs and aborts (a crash, so it is noticed). */
NORETURN void bug(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
