/* SPDX-License-Identifier: ISC */
/*
 * scan.h - counts what lies below a root, by owner: what quotas are about. Regular files count with
 * their size, once however many names they have; directories and links count as files without
 * bytes. The root itself and marks do not count.
 */
#ifndef SERVER_VFS_SCAN_H
#define SERVER_VFS_SCAN_H

#include <stdint.h>
#include <sys/types.h>

#include "server/base/mem.h"

struct scan_owner {
	uid_t uid;
	uint64_t bytes, files;
};

struct scan {
	struct scan_owner *owners;
	size_t owner_count;
	uint64_t unread; /* directories that could not be read */
	uint64_t locked; /* parts that somebody is writing; they are counted with what they have */
};

/* Walks. root: O_PATH or readable. Returns 0 or -errno; scan_clear in both cases. */
int scan_tree(int root, struct scan *ret_scan) MUST_CHECK;

/* What uid has; nothing when it was not met. */
struct scan_owner scan_of(const struct scan *s, uid_t uid);
void scan_clear(struct scan *s);

#endif
