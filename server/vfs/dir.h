/* SPDX-License-Identifier: ISC */
/*
 * dir.h - listings, in batches, in constant memory. Directory descriptors never leave this process.
 */
#ifndef SERVER_VFS_DIR_H
#define SERVER_VFS_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/vfs/share.h"

struct world;

struct dir {
	bool is_open;
	uint16_t generation;
	struct share *share; /* NULL: it only leads to shares */
	int fd;		     /* -1 for such */
	char *path;	     /* virtual; inner stands behind it in the same memory */
	const char *inner;
	uint32_t rights;
	bool has_mounts; /* some names in it are mounts */
	bool has_rules;	 /* some names in it have rights of their own */
	bool is_trash;	 /* names in it are those of trash_name.h */
	bool has_dots;	 /* "." and ".." are wanted, and have not been put yet */
	size_t next_mount;
	uint8_t *room; /* what getdents64 gave */
	size_t pos, end;
	bool at_end;
};

/* Put ticket, last and entries. flags: VFS_DOTS. */
int dir_open(struct world *w, const char *path, uint32_t flags, struct buf *out) MUST_CHECK;
/* Puts last and entries. */
int dir_read(struct world *w, uint32_t ticket, struct buf *out) MUST_CHECK;
int dir_close(struct world *w, uint32_t ticket) MUST_CHECK;
void dir_close_all(struct world *w);

#endif
