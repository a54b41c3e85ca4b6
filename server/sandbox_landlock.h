/* SPDX-License-Identifier: ISC */
/*
 * sandbox_landlock.h - the second wall around paths: what the kernel's Landlock lets a process
 * reach, whatever its system calls say. Best effort by the kernel's age; seccomp and openat2 are
 * the floor.
 */
#ifndef SERVER_SANDBOX_LANDLOCK_H
#define SERVER_SANDBOX_LANDLOCK_H

#include <stdbool.h>

struct landlock {
	int ruleset; /* -1: this kernel has no Landlock */
	int abi;
};

/*
 * Starts a rule set that allows nothing: no path, no signal or abstract socket to the outside, and
 * without net no TCP port either. Dies when the kernel has Landlock and refuses.
 */
void landlock_begin(struct landlock *l, bool net);

/*
 * What lies below the directory root (O_PATH) may be read, and, with write, changed. Never
 * executed.
 */
void landlock_allow(struct landlock *l, int root, bool write);

/* From now on; cannot be taken back. no_new_privs must be set. Returns the ABI, 0 for none. */
int landlock_enter(struct landlock *l);

#endif
