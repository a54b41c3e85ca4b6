/* SPDX-License-Identifier: ISC */
/*
 * trash_name.h - what the names in a directory .coffer-trash say, which is all that is known of
 * what lies there:
 *
 *	20261127-204535-123~NAME    was called NAME until that moment (UTC, with milliseconds)
 *	v01~NAME                    one of the last contents of NAME, when a share counts them
 *
 * A name that would become too long is cut, and a hash of the whole stands between: "v01+HASH~NAM".
 */
#ifndef SERVER_VFS_TRASH_NAME_H
#define SERVER_VFS_TRASH_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/mem.h"

/* The directory itself, beside what is in it. */
#define TRASH_DIR ".coffer-trash"
#define TRASH_NAME_MAX 256
/* Versions of one file; no share can want more. */
#define TRASH_VERSIONS_MAX 99

struct trash_label {
	unsigned int version; /* 1 to TRASH_VERSIONS_MAX, or 0: it has a moment */
	uint64_t at_ms;	      /* that moment, since 1970 */
	bool is_cut;
	const char *name; /* points into what was read */
};

/* version 0: a moment. name is one component. */
void trash_name_put(unsigned int version, uint64_t at_ms, const char *name,
		    char room[TRASH_NAME_MAX]);

/* False: it is not a name of ours. */
bool trash_name_get(const char *hidden, struct trash_label *ret_label);

/* Is the path inside a share (without a '/' in front) a TRASH_DIR, or in one? */
bool trash_name_is_inside(const char *inner);

/*
 * Where it was before: "a/.coffer-trash/20261127-204535-123~b" is "a/b", and the directory itself
 * is "a". Returns 0, or -ENAMETOOLONG when a name in it was cut, so that nobody can tell.
 */
int trash_name_origin(const char *inner, char *room, size_t size) MUST_CHECK;

#endif
