/* SPDX-License-Identifier: ISC */
/*
 * lsline.h - one line as `ls -l` prints it: for FTP's LIST and STAT, and for SFTP's longname.
 * Clients take it apart by its columns, so the columns never change; times are UTC.
 */
#ifndef PROTOCOLS_COMMON_LSLINE_H
#define PROTOCOLS_COMMON_LSLINE_H

#include <stdint.h>

#include "server/base/text.h"
#include "server/vfs/vfs.h"

/* Bytes that a line needs at most, with its 0. */
#define LSLINE_MAX (VFS_NAME_MAX + 2 * VFS_OWNER_MAX + 80)

/*
 * Appends "-rw-r--r--   1 owner    group        4096 Nov 23 19:41 name" to t, without a line end.
 * now is in seconds since 1970: what is older than half a year, or lies in the future, shows its
 * year and not its time. Control bytes of the name become '?'.
 */
void lsline_put(struct text *t, const char *name, const struct vfs_attr *attr, int64_t now);

#endif
