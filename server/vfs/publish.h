/* SPDX-License-Identifier: ISC */
/*
 * publish.h - the beginning and the ends of an upload: a name appears, or its content is replaced,
 * by one rename at the clean end; what broke leaves what was there.
 */
#ifndef SERVER_VFS_PUBLISH_H
#define SERVER_VFS_PUBLISH_H

#include <stdint.h>
#include <sys/stat.h>

#include "server/base/mem.h"
#include "server/vfs/file.h"

struct world;

/* Does an upload that replaces this file need no room of its own? It is the user's, and goes. */
bool publish_counts_once(const struct world *w, const struct share *share,
			 const struct stat *replaced);

/* Does what was put off until the first byte. */
int publish_begin(struct world *w, struct file *f) MUST_CHECK;

/*
 * Gives the part its name: from now on f is written in place. Returns 0 or -errno (it stays a
 * part).
 */
int publish_now(struct world *w, struct file *f) MUST_CHECK;

/* The clean end. Whatever it returns, the upload is over; ret_st is how the file is now. */
int publish_commit(struct world *w, struct file *f, uint64_t bytes, struct stat *ret_st) MUST_CHECK;

/* It broke. reason NULL: so badly that nothing of it may be kept. */
void publish_abort(struct world *w, struct file *f, uint64_t bytes, const char *reason);

#endif
