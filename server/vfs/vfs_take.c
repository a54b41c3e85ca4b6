/* SPDX-License-Identifier: ISC */
/*
 * vfs_take.c - takes answers apart, in wire. Trusts: worker, but a malformed answer is an error,
 * not a crash.
 */
#include "server/vfs/vfs_take.h"

#include <errno.h>

#include "server/vfs/vfs_msg.h"

/* Bytes of attr with neither owner nor group; no entry is shorter. */
#define ATTR_FIXED 73

static void
get_attr(struct buf *b, struct vfs_attr *ret_attr)
{
	ret_attr->type = (enum vfs_type)buf_get_u8(b);
	ret_attr->mode = buf_get_u32(b);
	ret_attr->nlink = buf_get_u32(b);
	ret_attr->uid = buf_get_u32(b);
	ret_attr->gid = buf_get_u32(b);
	ret_attr->size = buf_get_u64(b);
	ret_attr->dev = buf_get_u64(b);
	ret_attr->ino = buf_get_u64(b);
	ret_attr->mtime = (int64_t)buf_get_u64(b);
	ret_attr->atime = (int64_t)buf_get_u64(b);
	ret_attr->mtime_ns = buf_get_u32(b);
	buf_get_cstring(b, ret_attr->owner, sizeof(ret_attr->owner));
	buf_get_cstring(b, ret_attr->group, sizeof(ret_attr->group));
	ret_attr->rights = buf_get_u32(b);
}

bool
vfs_entry_get(struct buf *entries, struct vfs_entry *ret_entry)
{
	if (buf_left(entries) < ATTR_FIXED)
		return false;
	buf_get_cstring(entries, ret_entry->name, sizeof(ret_entry->name));
	get_attr(entries, &ret_entry->attr);
	ret_entry->target[0] = '\0';
	if (ret_entry->attr.type == VFS_LINK)
		buf_get_cstring(entries, ret_entry->target, sizeof(ret_entry->target));
	return !entries->bad;
}

static void
get_space(struct buf *b, struct vfs_space *ret_space)
{
	uint64_t *const fields[] = {
		&ret_space->block_size,	 &ret_space->fragment_size, &ret_space->blocks,
		&ret_space->blocks_free, &ret_space->blocks_avail,  &ret_space->files,
		&ret_space->files_free,	 &ret_space->files_avail,   &ret_space->fsid,
		&ret_space->flags,	 &ret_space->name_max,
	};

	for (size_t i = 0; i < COUNT_OF(fields); i++)
		*fields[i] = buf_get_u64(b);
}

int
vfs_take(uint16_t type, struct buf *b, char text[VFS_PATH_MAX], struct vfs_reply *reply)
{
	switch (type) {
	case VFS_MSG_STAT:
	case VFS_MSG_FSTAT:
	case VFS_MSG_COMMIT:
		get_attr(b, &reply->attr);
		break;
	case VFS_MSG_OPEN:
		reply->ticket = buf_get_u32(b);
		reply->offset = buf_get_u64(b);
		reply->needs_begin = buf_get_u8(b) != 0;
		get_attr(b, &reply->attr);
		reply->text = buf_get_cstring(b, text, VFS_PATH_MAX);
		reply->limit = buf_get_u64(b);
		reply->lane_up = buf_get_u32(b);
		reply->lane_down = buf_get_u32(b);
		break;
	case VFS_MSG_PACE:
		reply->bytes = buf_get_u64(b);
		reply->wait_ms = buf_get_u64(b);
		break;
	case VFS_MSG_GROW:
		reply->limit = buf_get_u64(b);
		break;
	case VFS_MSG_COPY:
		reply->bytes = buf_get_u64(b);
		break;
	case VFS_MSG_READLINK:
		reply->text = buf_get_cstring(b, text, VFS_PATH_MAX);
		break;
	case VFS_MSG_STATVFS:
		get_space(b, &reply->space);
		break;
	case VFS_MSG_OPENDIR:
		reply->ticket = buf_get_u32(b);
		/* fall through */
	case VFS_MSG_READDIR:
		reply->last = buf_get_u8(b) != 0;
		reply->entries = b;
		return b->bad ? -EBADMSG : 0;
	default:
		break;
	}
	return buf_done(b);
}
