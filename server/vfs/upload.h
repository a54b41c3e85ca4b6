/* SPDX-License-Identifier: ISC */
/*
 * upload.h - writing: a name appears, or its content is replaced, by one rename at the clean end,
 * and what broke leaves what was there (README.md, "Uploads").
 */
#ifndef SERVER_VFS_UPLOAD_H
#define SERVER_VFS_UPLOAD_H

#include <stdint.h>

#include "server/vfs/file.h"
#include "server/vfs/place.h"

struct world;

/*
 * Opens for writing at the place. f->flags are the client's; f->fd, dir, kind and so on are made.
 * mode, offset: as vfs_open(). The place moves with links and with UNIQUE.
 */
int upload_open(struct world *w, struct place *p, uint32_t mode, uint64_t offset,
		struct file *f) MUST_CHECK;

#endif
