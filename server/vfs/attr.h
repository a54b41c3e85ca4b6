/* SPDX-License-Identifier: ISC */
/* attr.h - attributes: what is shown of a thing, and what may be changed about it. */
#ifndef SERVER_VFS_ATTR_H
#define SERVER_VFS_ATTR_H

#include <stdint.h>
#include <sys/stat.h>

#include "server/base/buf.h"
#include "server/vfs/place.h"
#include "server/vfs/vfs.h"

struct world;

/* Bytes that attr_put may take. */
#define ATTR_BYTES_MAX 160

/* Rights that nobody has to a directory where a share is mounted, or that leads to one. */
#define ATTR_NOT_OF_MOUNTS ((uint32_t)(RIGHT_RENAME | RIGHT_RMDIR))

/* Puts the attributes as vfs_msg.h says. share may be NULL (a virtual directory). */
void attr_put(struct world *w, struct buf *out, const struct share *share, const struct stat *st,
	      uint32_t rights);

/*
 * The attributes of a directory that only leads to shares. Its number is made of its path, so that
 * nobody takes two for the same (RFC 3659, section 7.5.2).
 */
void attr_put_virtual(struct world *w, struct buf *out, const char *path);

/*
 * The mode of a new thing: what the client asked for (VFS_MODE_DEFAULT: nothing) within dir-mode or
 * file-mode. Where it asks for nothing, or has no say: dir-mode itself, and file-mode without the
 * right to execute.
 */
uint32_t attr_dir_mode(const struct place *p, uint32_t asked);
uint32_t attr_file_mode(const struct place *p, uint32_t asked);

/*
 * Gives a new file or directory to the share's group, where there is one. 0 or -errno with words.
 */
int attr_force_group(struct world *w, const struct share *share, int fd) MUST_CHECK;

/*
 * Where neither listing nor reading nor renaming is allowed, only directories (so that one can go
 * there) and what this session wrote are to be seen; the rest is not there. fd is what st was taken
 * of.
 */
bool attr_is_visible(struct world *w, const struct place *p, int fd, const struct stat *st);

/* flags: VFS_NOFOLLOW, VFS_ENTER. Puts attributes. */
int attr_stat(struct world *w, const char *path, uint32_t flags, struct buf *out) MUST_CHECK;
int attr_set(struct world *w, const char *path, uint32_t flags,
	     const struct vfs_change *change) MUST_CHECK;

/*
 * The same for an open file. granted: enum vfs_set, what needs no right of its own. *ret_mode: its
 * mode was set, and not passed over.
 */
int attr_set_fd(struct world *w, const struct place *p, int fd, const struct vfs_change *change,
		uint32_t granted, bool *ret_mode) MUST_CHECK;

/*
 * Writes the records of those wishes, enum vfs_set, which came to err. has_mode as in attr_set_fd.
 * Owners never change: only a wish that was refused is one.
 */
void attr_record(struct world *w, const struct place *p, uint32_t wishes, bool has_mode, int err);

/* The times that are wished for, as utimensat(2) takes them. */
void attr_times(const struct vfs_change *change, struct timespec ret_times[2]);

#endif
