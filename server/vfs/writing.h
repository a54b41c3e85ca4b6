/* SPDX-License-Identifier: ISC */
/*
 * writing.h - what this session is writing and has not published yet. It sees that under its name,
 * nobody else does; and before the name is used for something else, it is published.
 */
#ifndef SERVER_VFS_WRITING_H
#define SERVER_VFS_WRITING_H

#include <stdbool.h>
#include <sys/stat.h>

#include "server/vfs/file.h"
#include "server/vfs/place.h"
#include "server/vfs/vfs.h"

struct world;

/*
 * Takes the write lock of the file behind fd. 0 also when this session holds it. -EBUSY with words.
 */
int writing_lock(struct world *w, int fd, const struct stat *st) MUST_CHECK;
/* The first of this session's handles that write the file in place, or NULL. */
const struct file *writing_in_place(const struct world *w, const struct stat *st);

/* -EBUSY with its words. */
int writing_busy(struct world *w);

/*
 * Whether to try what met -EBUSY once more, after a moment. Clients with several connections, such
 * as sshfs with max_conns, end a writer on one of them and begin the next on another without
 * waiting between; so who finds a file busy is told so only after half a second, in which people
 * who meet each other's uploads lose nothing. err begins as -EBUSY, *waited_ms as 0.
 */
bool writing_try(struct world *w, int err, unsigned *waited_ms);

/* The upload of this session to this place, or NULL. */
struct file *writing_find(struct world *w, const struct place *p);

/*
 * The same for a question that uses the name: NULL also when the name does not lead there any more,
 * because its directory was closed to the user since the upload began.
 */
struct file *writing_by_name(struct world *w, struct place *p);

/* If there is one: how it is now. */
bool writing_stat(struct world *w, struct place *p, struct stat *ret_st);

/* If there is one: publishes it, because its path is about to be used. */
int writing_settle(struct world *w, const struct place *p) MUST_CHECK;

/* If there is one: changes it. *ret_err is what came of that; *ret_mode as in file_change. */
bool writing_set(struct world *w, struct place *p, const struct vfs_change *change, bool *ret_mode,
		 int *ret_err);

/* A part that this user may go on with, shown as the file. 0 or -ENOENT. */
int writing_stat_kept(struct world *w, struct place *p, struct stat *ret_st) MUST_CHECK;

/* Removes it: what is shown by a name can be deleted by it. 0 or -ENOENT. */
int writing_drop_kept(struct world *w, struct place *p) MUST_CHECK;

/* A directory of the share was renamed: uploads into it keep their place. */
void writing_moved(struct world *w, struct share *share, const char *from, const char *to);

#endif
