/* SPDX-License-Identifier: ISC */
/*
 * resolve.h - the only way to a descriptor in this program.
 *
 * Every path is first tried as if no symbolic link stood in it: the kernel says ELOOP if one does.
 * Only then the links are replaced by what they stand for (resolve_links), inside the share, and
 * the path without links is tried. So what a rule was asked about is what is opened, and whoever
 * swaps a directory for a link in between gains an error.
 */
#ifndef SERVER_VFS_RESOLVE_H
#define SERVER_VFS_RESOLVE_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/mem.h"

/*
 * Opens path below dir ("" is dir itself), with flags of open(2); O_CLOEXEC is added. Nothing
 * outside dir, no symbolic link and no magic link is passed; with O_PATH|O_NOFOLLOW the last
 * component may be a link and is opened itself. Returns 0 or -errno: -ELOOP (a link is in the way),
 * -EBUSY (a lease).
 */
int resolve_at(int dir, const char *path, int flags, uint32_t mode, int *ret_fd) MUST_CHECK;

/*
 * A directory that the administrator's configuration names, O_PATH: links in its path are his.
 * Never for anything that a client or a user can choose.
 */
int resolve_host_dir(const char *path, int *ret_fd) MUST_CHECK;

/* The real "/", O_PATH: where the walk to a share's root begins. */
int resolve_slash(int *ret_fd) MUST_CHECK;

/*
 * Writes into room the path that path stands for when its links are followed below root; with last,
 * also that of the last component. What does not exist is left as it is.
 * Returns 0, -ENOENT, -ENOTDIR, -ELOOP (too many), -ENAMETOOLONG, -EXDEV (a link leads out: it is
 * absolute or climbs above root), -errno.
 */
int resolve_links(int root, const char *path, int last, char *room, size_t size) MUST_CHECK;

#endif
