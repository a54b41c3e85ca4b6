/* SPDX-License-Identifier: ISC */
/* vfs_take.h - the answers of vfs.h: from the bytes of vfs_msg.h to a reply. */
#ifndef SERVER_VFS_VFS_TAKE_H
#define SERVER_VFS_VFS_TAKE_H

#include "server/vfs/vfs.h"

/*
 * Puts the fields of the answer to a question of that type into reply. reply->text then stands in
 * text, and reply->entries is b, for vfs_entry_get(). Returns 0 or -EBADMSG.
 */
int vfs_take(uint16_t type, struct buf *b, char text[VFS_PATH_MAX],
	     struct vfs_reply *reply) MUST_CHECK;

#endif
