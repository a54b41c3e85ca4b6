/* SPDX-License-Identifier: ISC */
/* ftp_list.h - a transfer that is a listing: LIST NLST MLSD, and STAT with a path. */
#ifndef PROTOCOLS_FTP_FTP_LIST_H
#define PROTOCOLS_FTP_FTP_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "server/vfs/vfs.h"

struct ftp;

enum ftp_format { FTP_LONG, FTP_NAMES, FTP_FACTS };

struct ftp_list {
	enum ftp_format format;
	bool to_control;       /* STAT path: lines go out as a reply */
	int code;	       /* of that reply: 212 a directory's, 213 a file's */
	bool last;	       /* worker has no more entries */
	bool deep;	       /* LIST -R: what is in ftp->deep follows */
	int64_t now;	       /* seconds since 1970, for the dates */
	char *prefix;	       /* NLST dir: in front of each name; in ftp->scratch */
	char *pattern;	       /* or NULL; in ftp->path2 */
	struct vfs_attr alone; /* of what is no directory */
};

/* STAT with a path: its lines are a reply. */
void ftp_list_stat(struct ftp *f, const char *arg);
/* FTP_MOVING of a list: sends what is there, asks for more. */
void ftp_list_pump(struct ftp *f);

#endif
