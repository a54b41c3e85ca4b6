/* SPDX-License-Identifier: ISC */
/*
 * upload.h - writing: a name appears, or its content is replaced, by one rename at the clean end,
 * and what broke leaves what was there (design.md, "Uploads are atomic by default").
 */
#ifndef SERVER_VFS_UPLOAD_H
#define SERVER_VFS_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "server/vfs/file.h"
#include "server/vfs/place.h"

struct world;

/*
 * Opens for writing at the place. f->flags are the client's; f->fd, dir, kind and so on are made.
 * mode, offset: as vfs_open(). The place moves with links and with UNIQUE.
 */
int upload_open(struct world *w, struct place *p, uint32_t mode, uint64_t offset,
		struct file *f) MUST_CHECK;

/* Does what was put off until the first byte. */
int upload_begin(struct world *w, struct file *f) MUST_CHECK;

/* The clean end. Whatever it returns, the upload is over; ret_st is how the file is now. */
int upload_commit(struct world *w, struct file *f, uint64_t bytes, struct stat *ret_st) MUST_CHECK;

/* It broke. */
void upload_abort(struct world *w, struct file *f, uint64_t bytes, const char *reason);

/* Takes the write lock of the file behind fd. 0 also when this session holds it. -EBUSY with words.
 */
int upload_lock(struct world *w, int fd, const struct stat *st) MUST_CHECK;

/* The upload of this session to this place that is not published yet, or NULL. */
struct file *upload_find(struct world *w, const struct place *p);

/* If there is one: how it is now. */
bool upload_stat_open(struct world *w, const struct place *p, struct stat *ret_st);

/* If there is one: publishes it, because its path is about to be used. */
int upload_settle(struct world *w, const struct place *p) MUST_CHECK;

/* If there is one: changes it. *ret_err is what came of that. */
bool upload_set_open(struct world *w, const struct place *p, const struct vfs_change *change,
		     int *ret_err);

/* A part that this user may go on with, shown as the file. 0 or -ENOENT. */
int upload_stat_kept(struct world *w, struct place *p, struct stat *ret_st) MUST_CHECK;

/* A directory of the share was renamed: uploads into it keep their place. */
void upload_moved(struct world *w, struct share *share, const char *from, const char *to);

#endif
