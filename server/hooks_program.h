/* SPDX-License-Identifier: ISC */
/* hooks_program.h - the administrator's program, run for one event at a time. */
#ifndef SERVER_HOOKS_PROGRAM_H
#define SERVER_HOOKS_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/base/mem.h"

struct program {
	pid_t pid;
	int pidfd; /* -1: none runs */
	uint64_t deadline_ms;
	bool killed;
};

/*
 * Runs path with input as its standard input, kind as its only argument, and an environment of its
 * own; in a process group, without a shell, with nothing of ours open. Returns 0 or -errno.
 */
int program_start(struct program *p, const char *path, int input, const char *kind,
		  uint64_t time_ms) MUST_CHECK;

/* Its time is over: it and what it has started are killed. */
void program_kill(struct program *p);

/* It has ended. Returns whether well; else why has words, which stay until the next call. */
bool program_ended(struct program *p, const char **ret_why);

#endif
