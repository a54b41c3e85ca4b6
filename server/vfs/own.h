/* SPDX-License-Identifier: ISC */
/*
 * own.h - what this very session made: it may finish it (rename, remove, set times) where the
 * rights say no more than "create". What it wrote in the place of a file that somebody else had
 * made may get its times and mode from it, and no more. Remembered by inode and birth time, so that
 * a number that is used again by somebody else's file means nothing. Where the filesystem knows no
 * birth times the owner stands for them: there, of people who share a uid, one may take a file for
 * his own whose number was his.
 */
#ifndef SERVER_VFS_OWN_H
#define SERVER_VFS_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/mem.h"

/* The oldest are forgotten. */
#define OWN_MAX 4096

struct own_key {
	uint64_t ino;
	uint32_t dev_major, dev_minor;
	int64_t born_s;
	uint32_t born_ns;
	uint32_t uid; /* where nobody knows when it was born */
	bool made;    /* not compared */
};

struct own {
	struct own_key *keys; /* a ring, made when the first is added */
	unsigned int next, count;
};

/* name below dir, not followed when it is a link; "" is dir itself. made: the name was free. */
void own_add(struct own *own, int dir, const char *name, bool made);
/* Did the session make it? */
bool own_has(const struct own *own, int dir, const char *name);
/* Did it make it or write it? */
bool own_wrote(const struct own *own, int dir, const char *name);
void own_clear(struct own *own);

#endif
