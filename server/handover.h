/* SPDX-License-Identifier: ISC */
/*
 * handover.h - the listener becomes a fresh image of itself: after a crash, so that nobody can
 * guess at one address layout twice, or with a new binary. The pid, the sockets and the children
 * stay.
 */
#ifndef SERVER_HANDOVER_H
#define SERVER_HANDOVER_H

#include "server/conns.h"
#include "server/doors.h"

/* Of what is handed over: another image must know it to take over (--takes-over). */
#define HANDOVER_VERSION 5u

struct handover {
	struct doors doors; /* descriptors only */
	uint64_t last_ms;   /* clock_ms() of this hand-over */
};

/* Remembers the path of the running program, before anything changes. 0 or -errno. */
int handover_init(void) MUST_CHECK;

/*
 * Executes the program again with -c conf_file. Returns only when that failed: -errno, and
 * everything is as it was.
 */
int handover_exec(const char *conf_file, const struct doors *doors, const struct conns *conns);

/*
 * In a child: executes the program with -t -c conf_file --takes-over HANDOVER_VERSION, to see
 * whether a new image would stand, and would understand us. It gets the doors too, but no session.
 * What it says goes to our log. Does not return.
 */
NORETURN void handover_try(const char *conf_file, const struct doors *doors);

/* In the new image: reads what the old one left in fd, and closes it. 0 or -EBADMSG. */
int handover_resume(int fd, struct conns *conns, struct handover *ret) MUST_CHECK;

#endif
