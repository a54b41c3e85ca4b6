/* SPDX-License-Identifier: ISC */
/*
 * ftp_deep.h - LIST -R: the directories that a listing has met and not listed yet. All paths are
 * below the first directory, where the listing began. Memory is bounded; the depth is not.
 */
#ifndef PROTOCOLS_FTP_FTP_DEEP_H
#define PROTOCOLS_FTP_FTP_DEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "server/vfs/vfs.h"

/* As many directories as that wait at one time: some thousands. */
#define FTP_DEEP_BYTES ((size_t)256 * 1024)

struct ftp_deep {
	char first[VFS_PATH_MAX]; /* the first directory itself, clean */
	char now[VFS_PATH_MAX];	  /* which one is listed; "" at first */
	size_t len;		  /* of waiting */
	char waiting[FTP_DEEP_BYTES];
};

/* Begins anew, in *deep, which is made when it is NULL and is the caller's to free. */
void ftp_deep_begin(struct ftp_deep **deep, const char *first);

/* The directory name, met in the one that is listed now, waits. Returns 0 or -ENOSPC. */
int ftp_deep_add(struct ftp_deep *d, const char *name) MUST_CHECK;

/* Does none wait? */
bool ftp_deep_is_done(const struct ftp_deep *d);

/*
 * The one that was met last is listed now. Its path goes to room. Returns 0, or -ENAMETOOLONG for
 * one that no command could name.
 */
int ftp_deep_next(struct ftp_deep *d, char *room, size_t size) MUST_CHECK;

#endif
