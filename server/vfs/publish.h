/* SPDX-License-Identifier: ISC */
/* publish.h - the ends of an upload; upload.h says what the room sees of them. */
#ifndef SERVER_VFS_PUBLISH_H
#define SERVER_VFS_PUBLISH_H

#include "server/vfs/file.h"

struct world;

/* Gives the part its name: from now on f is written in place. Returns 0 or -errno (it stays a
 * part). */
int publish_now(struct world *w, struct file *f) MUST_CHECK;

#endif
