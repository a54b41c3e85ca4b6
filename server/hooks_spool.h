/* SPDX-License-Identifier: ISC */
/*
 * hooks_spool.h - the directory of events. The files in it are the queue: what waits there survives
 * us, and several processes of ours (a reload leaves the last one to its sessions) share it.
 *
 *	1795812335123456-PID-N-upload.json    waits, for hooks.program or for somebody else
 *	1795812335123456-PID-N-upload.failed  hooks.program did not end well
 *	.status                               counters, one "name value" a line
 *	.lock                                 held by the one process that runs programs
 */
#ifndef SERVER_HOOKS_SPOOL_H
#define SERVER_HOOKS_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/mem.h"
#include "server/hook.h"

#define SPOOL_NAME_MAX 96
#define SPOOL_BATCH 256

enum spool_counter { SPOOL_EVENTS, SPOOL_DONE, SPOOL_FAILED, SPOOL_LOST, SPOOL_COUNTERS };

struct spool {
	int dir;
	int lock;	    /* of .lock; -1: somebody else has it, or nobody wanted it yet */
	uint32_t max;	    /* files */
	uint32_t files;	    /* about so many are there */
	uint64_t looked_ms; /* when that was true */
	uint64_t counters[SPOOL_COUNTERS];	 /* since they were last written down */
	char batch[SPOOL_BATCH][SPOOL_NAME_MAX]; /* the oldest names, sorted */
	size_t batch_next, batch_count;
};

/* As the process that runs. Returns 0 or -errno. */
int spool_open(struct spool *s, const char *path, uint32_t max) MUST_CHECK;

/* Puts a file with these bytes. Returns 0, -ENOSPC (there are max), -errno. */
int spool_put(struct spool *s, enum hook_kind kind, uint64_t time_us, const char *text,
	      size_t len) MUST_CHECK;

/* Are we the one who runs programs? Tries to become it. */
bool spool_is_ours(struct spool *s);
/* Somebody else may become it. */
void spool_leave(struct spool *s);

/* The oldest file that waits; false when there is none. */
bool spool_next(struct spool *s, char ret_name[SPOOL_NAME_MAX]);

/* Opens it for reading. Returns 0 or -errno. */
int spool_file(struct spool *s, const char *name, int *ret_fd) MUST_CHECK;

/* It is dealt with: it goes, or stays under another name. */
void spool_end(struct spool *s, const char *name, bool good);

/* Adds the counters to those in .status. Returns 0 or -errno; ret_lost is the sum of lost ones. */
int spool_count(struct spool *s, uint64_t *ret_lost) MUST_CHECK;

#endif
