/* SPDX-License-Identifier: ISC */
/*
 * place.h - a virtual path, found: which share, where in it, what may be done there. The steps from
 * a question to a descriptor, in the order in which every operation takes them:
 *
 *	place_find      clean the path, find the share, look at every name in it, collect the rights
 *	place_look ...  ask the kernel; when a link was in the way, the place moves to where it leads,
 *	                and names and rights are looked at again
 */
#ifndef SERVER_VFS_PLACE_H
#define SERVER_VFS_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "conf/conf.h"
#include "server/vfs/share.h"
#include "server/vfs/vfs.h"

struct world;

struct place {
	struct share
	    *share;	   /* NULL: a directory that is there because shares are mounted below it */
	const char *inner; /* where in the share, without a '/' in front; "" is its root */
	uint32_t rights;   /* enum conf_right */
	const struct conf_place *rule; /* where those rights are written */
	bool is_mount;		       /* a share is mounted here: now, not only before a link */
	bool is_above_mount;	       /* a share is mounted below it, likewise */
	struct stat dir;	       /* of the directory that place_parent() opened last */
	char path[VFS_PATH_MAX];       /* virtual and clean, as the client means it */
	char room[VFS_PATH_MAX];       /* inner, when a link has moved it */
};

enum place_wish {
	PLACE_OLD, /* something that is there */
	PLACE_NEW, /* a name that shall come to be: hidden and odd names are refused in words */
};

/* Fills path with the clean form of what the client sent, or with that itself when it has none. */
int place_clean(const char *path, struct place *ret_place) MUST_CHECK;

/* Returns 0, -ENOENT, -EACCES, -EINVAL (a new name with control characters), -ENAMETOOLONG. */
int place_find(struct world *w, const char *path, enum place_wish wish,
	       struct place *ret_place) MUST_CHECK;

/*
 * Opens it with O_PATH; follow: a link as the last component is followed. Only for a place with a
 * share. Links in the way move the place (see above).
 */
int place_look(struct world *w, struct place *p, bool follow, int *ret_fd,
	       struct stat *ret_st) MUST_CHECK;

/*
 * Says that a place stays as it is since shares are mounted at it or below, and returns err: for
 * good, so it is not EBUSY, which asks the client to try again.
 */
int place_is_held(struct world *w, const struct place *p, int err) MUST_CHECK;

/* Opens its directory with O_PATH; *ret_name is the last component. -EACCES for a share's root. */
int place_parent(struct world *w, struct place *p, int *ret_dir, const char **ret_name) MUST_CHECK;

/*
 * Moves the place to where its last component, a link, leads. What is missing there stays missing.
 */
int place_follow(struct world *w, struct place *p) MUST_CHECK;

/*
 * Opens a regular file in two steps, so that nothing else is ever touched. flags: O_RDONLY,
 * O_WRONLY, O_RDWR, O_APPEND.
 */
int place_file(struct world *w, struct place *p, int flags, int *ret_fd,
	       struct stat *ret_st) MUST_CHECK;

/* The same for a name below a directory that place_parent gave; st is what fstatat said of it. */
int place_file_at(struct world *w, const struct place *p, int dir, const char *name, int flags,
		  const struct stat *st, int *ret_fd) MUST_CHECK;

/* Opens a directory for reading. */
int place_dir(struct world *w, struct place *p, int *ret_fd) MUST_CHECK;

#endif
