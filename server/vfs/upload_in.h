/* SPDX-License-Identifier: ISC */
/* upload_in.h - what upload.c, upload_new.c and upload_old.c share: one open for writing. */
#ifndef SERVER_VFS_UPLOAD_IN_H
#define SERVER_VFS_UPLOAD_IN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "server/vfs/file.h"
#include "server/vfs/place.h"

struct world;

/* What an open for writing comes to, while it is found out. */
struct opening {
	struct place *p;
	struct file *f;
	const char *name; /* in f->dir */
	uint32_t mode;
	uint64_t offset;
	bool exists;
	struct stat st; /* when it exists */
};

/* Does the share want uploads in place? */
bool opening_is_direct(const struct opening *o);
/* Does the content that is there stay, so that writing goes on in it? */
bool opening_goes_on(const struct opening *o);
/* O_WRONLY or O_RDWR. */
int opening_access(const struct opening *o);
/* O_APPEND, where the handle means the end whatever offset is given; else 0. */
int opening_append(const struct opening *o);

/* Puts room aside, and makes the part, locked. */
int opening_make_part(struct world *w, struct opening *o, uint32_t mode) MUST_CHECK;

/* Nothing has the name yet. */
int opening_new(struct world *w, struct opening *o) MUST_CHECK;
/* Something has it. */
int opening_old(struct world *w, struct opening *o) MUST_CHECK;

#endif
