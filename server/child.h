/* SPDX-License-Identifier: ISC */
/* child.h - a process that monitor started, from its first to its last moment. */
#ifndef SERVER_CHILD_H
#define SERVER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int pidfd;   /* readable when it has ended; -1: there is none */
	bool killed; /* by us */
};

/* Right after the fork. Ends us when the kernel gives no descriptor for it. */
void child_started(struct child *c, pid_t pid);

/*
 * It has ended, or will at once: takes its status off, and logs a bad one under its name. Was it a
 * crash? A death by a signal is none if we killed it.
 */
bool child_ended(struct child *c, const char *name);

/* Kills it. child_finish() takes its status off. */
void child_kill(struct child *c);

/*
 * Gives it ms to end by itself, then kills it. Was it a crash? One that hangs in a call that not
 * even a kill ends is left behind after a while, with a word in the log.
 */
bool child_finish(struct child *c, const char *name, uint64_t ms);

#endif
