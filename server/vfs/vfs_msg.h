/* SPDX-License-Identifier: ISC */
/*
 * vfs_msg.h - the questions of vfs.h on the socket between wire and worker. Fields stand in the
 * order of the comment; strings are u32 length and bytes (buf.h). An answer repeats type and id,
 * then u32 errno, string why, and when errno is 0 the fields behind the arrow.
 */
#ifndef SERVER_VFS_VFS_MSG_H
#define SERVER_VFS_VFS_MSG_H

enum vfs_msg {
	VFS_MSG_STAT = 0x200, /* string path, u32 flags -> attr */
	VFS_MSG_SETATTR,      /* string path, u32 flags, change -> */
	VFS_MSG_OPEN,	      /* string path, u32 flags, u32 mode, u64 offset
				 -> u32 ticket, u64 offset, u8 needs_begin, attr, string text,
				 u64 limit, u32 lane_up, u32 lane_down; descriptor */
	VFS_MSG_BEGIN,	      /* u32 ticket -> */
	VFS_MSG_COMMIT,	      /* u32 ticket, u64 bytes -> attr */
	VFS_MSG_ABORT,	      /* u32 ticket, u64 bytes, string reason -> */
	VFS_MSG_FSTAT,	      /* u32 ticket -> attr */
	VFS_MSG_FSETATTR,     /* u32 ticket, change -> */
	VFS_MSG_FSYNC,	      /* u32 ticket -> */
	VFS_MSG_COPY,	  /* u32 from, u64 offset, u64 length, u32 to, u64 offset -> u64 bytes */
	VFS_MSG_OPENDIR,  /* string path, u32 flags
				 -> u32 ticket, u8 last, entries to the end of the message */
	VFS_MSG_READDIR,  /* u32 ticket -> u8 last, entries to the end of the message */
	VFS_MSG_CLOSEDIR, /* u32 ticket -> */
	VFS_MSG_MKDIR,	  /* string path, u32 mode -> */
	VFS_MSG_RMDIR,	  /* string path -> */
	VFS_MSG_UNLINK,	  /* string path -> */
	VFS_MSG_RENAME,	  /* string from, string to, u32 flags -> */
	VFS_MSG_LINK,	  /* string from, string to -> */
	VFS_MSG_SYMLINK,  /* string target, string path -> */
	VFS_MSG_READLINK, /* string path -> string target */
	VFS_MSG_STATVFS,  /* string path -> u64 x 11, in the order of struct vfs_space */
	VFS_MSG_GROW,	  /* u32 ticket, u64 size -> u64 limit */
	VFS_MSG_PACE,	  /* u32 ticket, u8 up -> u64 bytes, u64 wait_ms */
	VFS_MSG_END,
};

/*
 * attr:   u8 type, u32 mode, u32 nlink, u32 uid, u32 gid, u64 size, u64 dev, u64 ino, u64 mtime,
 *         u64 atime, u32 mtime_ns, string owner, string group, u32 rights
 * change: u32 set, u64 size, u32 mode, u64 mtime, u64 atime, u32 mtime_ns, u32 uid, u32 gid
 * entry:  string name, attr, and behind those of links: string target
 */

#endif
