/* SPDX-License-Identifier: ISC */
/*
 * vfs.h - all that a front end sees of files. Questions go to the worker of the session, which
 * decides rights, names and quotas and opens things as the user; answers come through ask_pump() in
 * the order of the questions. Paths are virtual, absolute, and need not be clean ("/a/../b" is
 * "/b", and nothing is above "/"). They are bytes without a 0, at most VFS_PATH_MAX - 1 of them.
 *
 * Every function returns 0 when the question is on its way, -ENAMETOOLONG (the path is longer than
 * VFS_PATH_MAX - 1), or what ask_send() returns. Its answer is given to fn with reply->err 0 or
 * -errno and reply->why, words for the client that name the right or limit that stands in the way
 * ("" when the errno says it all).
 *
 * An upload:
 *
 *	vfs_open(CREATE|WRITE|...)	-> ticket, fd, offset
 *	[vfs_begin(ticket)]		   when the reply said needs_begin, before the first byte
 *	pwrite(fd, ...)			   by the caller, who then closes his fd
 *	vfs_commit(ticket, bytes)	-> only now is it there, and only now may success be said
 *	or vfs_abort(ticket, bytes)	-> it broke; what was there before is unharmed
 *
 * A download:
 *
 *	vfs_open(READ)			-> ticket, fd
 *	pread(fd, ...)
 *	vfs_commit or vfs_abort		   for the log
 *
 * errno that front ends meet: ENOENT EACCES EPERM EEXIST ENOTDIR EISDIR ENOTEMPTY ELOOP
 * ENAMETOOLONG EXDEV (another share) EROFS ENOSPC EDQUOT EFBIG EIO EBUSY (another writer) EINVAL
 * EBADF (no such ticket) ESTALE (an interrupted upload was rolled back: start from the beginning)
 * ERANGE (resume beyond the end) EPIPE (the worker is gone).
 */
#ifndef SERVER_VFS_VFS_H
#define SERVER_VFS_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/ask.h"
#include "server/base/buf.h"
#include "server/base/ipc.h"

#define VFS_PATH_MAX IPC_PATH_MAX
#define VFS_NAME_MAX 256    /* NAME_MAX with its 0 */
#define VFS_OWNER_MAX 33    /* a user or group name with its 0 */
#define VFS_TARGET_MAX 1024 /* what a link says, as listings show it, with its 0 */

enum vfs_type { VFS_FILE = 1, VFS_DIR, VFS_LINK, VFS_OTHER };

struct vfs_attr {
	enum vfs_type type;
	uint32_t mode; /* 0777 bits */
	uint32_t nlink;
	uint32_t uid, gid;
	uint64_t size;
	uint64_t dev, ino;
	int64_t mtime, atime; /* seconds since 1970 */
	uint32_t mtime_ns;
	char owner[VFS_OWNER_MAX], group[VFS_OWNER_MAX]; /* names, or decimal numbers */
	uint32_t rights; /* enum conf_right: what this user may do with it (MLSD perm=) */
};

/* One line of a directory. */
struct vfs_entry {
	char name[VFS_NAME_MAX];
	struct vfs_attr attr;
	char target[VFS_TARGET_MAX]; /* of a link that stays inside; else empty, or when too long */
};

/* What vfs_setattr changes: bits of set. */
enum vfs_set {
	VFS_SET_SIZE = 1,
	VFS_SET_MODE = 2,
	VFS_SET_TIMES = 4,
	VFS_SET_OWNER = 8,
	VFS_SET_GROUP = 16
};

struct vfs_change {
	uint32_t set; /* enum vfs_set */
	uint64_t size;
	uint32_t mode;
	int64_t mtime, atime; /* what is VFS_TIME_KEEP stays as it is */
	uint32_t mtime_ns;
	uint32_t uid, gid;
};
#define VFS_TIME_KEEP INT64_MIN

enum vfs_open_flag {
	VFS_OPEN_READ = 1 << 0,
	VFS_OPEN_WRITE = 1 << 1,
	VFS_OPEN_CREATE = 1 << 2,
	VFS_OPEN_EXCL = 1 << 3,	  /* with CREATE: it must not exist */
	VFS_OPEN_TRUNC = 1 << 4,  /* the old content is replaced */
	VFS_OPEN_APPEND = 1 << 5, /* reply->offset is where the file ends */
	VFS_OPEN_RESUME =
	    1 << 6, /* FTP's REST n + STOR: content is cut to offset and goes on from there */
	VFS_OPEN_UNIQUE =
	    1 << 7, /* FTP's STOU: path is a wish, reply->text the name that was taken */
	/*
	 * The front end writes from front to end and says how it ended (FTP); without it the handle
	 * may be written anywhere and a clean CLOSE is the end (SFTP).
	 */
	VFS_OPEN_STREAM = 1 << 8,
};

enum vfs_flag {
	VFS_NOFOLLOW = 1, /* the last component is not followed when it is a symlink (lstat) */
	VFS_REPLACE = 2,  /* rename: an existing file may be replaced */
	VFS_ENTER = 4,	  /* stat: -EACCES for a directory in which the user cannot look names up */
	VFS_DOTS = 8,	  /* opendir: "." and ".." come first */
};

struct vfs_space { /* statvfs(3), with quotas of the share taken into account */
	uint64_t block_size, fragment_size, blocks, blocks_free, blocks_avail;
	uint64_t files, files_free, files_avail;
	uint64_t fsid, flags, name_max;
};

struct vfs_reply {
	int err;
	const char *why;
	uint32_t ticket;      /* open, opendir */
	uint64_t offset;      /* open: where writing begins (APPEND, RESUME), else 0 */
	bool needs_begin;     /* open with STREAM: ask vfs_begin before the first byte is written */
	struct vfs_attr attr; /* stat, fstat, open */
	struct vfs_space space;
	/*
	 * open to write, grow: bytes that the file may have for now; UINT64_MAX: no limit. A write
	 * that would end behind it needs vfs_grow first.
	 */
	uint64_t limit;
	/*
	 * open: whether transfers of this file share a rate with other sessions, 0 when not. Two
	 * files of one session with the same number share the same ones.
	 */
	uint32_t lane_up, lane_down;
	uint64_t wait_ms;    /* pace */
	const char *text;    /* readlink: the target; open with UNIQUE: the path that was taken */
	struct buf *entries; /* opendir, readdir: for vfs_entry_get */
	bool last;	     /* opendir, readdir: there is no more behind these */
	uint64_t bytes;	     /* copy: bytes copied; pace: bytes that may be moved */
	int *fd;	     /* open: the descriptor; who keeps it calls fd_give */
};

/* reply and all that it points to is gone when the function returns. */
typedef void vfs_fn(void *ctx, struct vfs_reply *reply);

struct vfs;

/* Asks through a, which stays the caller's. */
struct vfs *vfs_new(struct ask *a);
void vfs_free(struct vfs *v);

int vfs_stat(struct vfs *v, const char *path, uint32_t flags, vfs_fn *fn, void *ctx) MUST_CHECK;
int vfs_setattr(struct vfs *v, const char *path, uint32_t flags, const struct vfs_change *change,
		vfs_fn *fn, void *ctx) MUST_CHECK;
/* mode: permission bits for a new file, or VFS_MODE_DEFAULT. offset: for RESUME. */
#define VFS_MODE_DEFAULT UINT32_MAX
int vfs_open(struct vfs *v, const char *path, uint32_t flags, uint32_t mode, uint64_t offset,
	     vfs_fn *fn, void *ctx) MUST_CHECK;
int vfs_begin(struct vfs *v, uint32_t ticket, vfs_fn *fn, void *ctx) MUST_CHECK;
/*
 * bytes: how many this session moved. After VFS_OPEN_STREAM they must be what stands in the file
 * behind the offset that open gave, else -EIO. fn may be NULL for downloads. The ticket ends here.
 */
int vfs_commit(struct vfs *v, uint32_t ticket, uint64_t bytes, vfs_fn *fn, void *ctx) MUST_CHECK;
/*
 * reason: a word for the log ("connection-lost", "aborted", "stalled", "no-space"). The ticket
 * ends.
 */
int vfs_abort(struct vfs *v, uint32_t ticket, uint64_t bytes, const char *reason, vfs_fn *fn,
	      void *ctx) MUST_CHECK;
/*
 * A write will end at size, which is behind reply->limit: may it? Then there is a new limit, at
 * least size. -EDQUOT, -EFBIG, -ENOSPC with words: nothing may be written there.
 */
int vfs_grow(struct vfs *v, uint32_t ticket, uint64_t size, vfs_fn *fn, void *ctx) MUST_CHECK;
/*
 * How much may be moved of a file that shares a rate: reply->bytes, after reply->wait_ms. 0 bytes:
 * ask again then. Only for pace.h.
 */
int vfs_pace(struct vfs *v, uint32_t ticket, bool up, vfs_fn *fn, void *ctx) MUST_CHECK;
int vfs_fstat(struct vfs *v, uint32_t ticket, vfs_fn *fn, void *ctx) MUST_CHECK;
int vfs_fsetattr(struct vfs *v, uint32_t ticket, const struct vfs_change *change, vfs_fn *fn,
		 void *ctx) MUST_CHECK;
int vfs_fsync(struct vfs *v, uint32_t ticket, vfs_fn *fn, void *ctx) MUST_CHECK;
/* Copies length bytes (0: to the end) between two open tickets; reply->bytes says how many. */
int vfs_copy(struct vfs *v, uint32_t from, uint64_t from_offset, uint64_t length, uint32_t to,
	     uint64_t to_offset, vfs_fn *fn, void *ctx) MUST_CHECK;

/*
 * A directory: opendir's reply has a ticket and the first entries; when not last, readdir for more.
 */
int vfs_opendir(struct vfs *v, const char *path, uint32_t flags, vfs_fn *fn, void *ctx) MUST_CHECK;
int vfs_readdir(struct vfs *v, uint32_t ticket, vfs_fn *fn, void *ctx) MUST_CHECK;
int vfs_closedir(struct vfs *v, uint32_t ticket, vfs_fn *fn, void *ctx) MUST_CHECK;
/* Takes one entry out of reply->entries. False at the end. */
bool vfs_entry_get(struct buf *entries, struct vfs_entry *ret_entry);

int vfs_mkdir(struct vfs *v, const char *path, uint32_t mode, vfs_fn *fn, void *ctx) MUST_CHECK;
int vfs_rmdir(struct vfs *v, const char *path, vfs_fn *fn, void *ctx) MUST_CHECK;
int vfs_unlink(struct vfs *v, const char *path, vfs_fn *fn, void *ctx) MUST_CHECK;
int vfs_rename(struct vfs *v, const char *from, const char *to, uint32_t flags, vfs_fn *fn,
	       void *ctx) MUST_CHECK;
int vfs_link(struct vfs *v, const char *from, const char *to, vfs_fn *fn, void *ctx) MUST_CHECK;
/* target is stored as it is, when it stays inside the share. */
int vfs_symlink(struct vfs *v, const char *target, const char *path, vfs_fn *fn,
		void *ctx) MUST_CHECK;
int vfs_readlink(struct vfs *v, const char *path, vfs_fn *fn, void *ctx) MUST_CHECK;
int vfs_statvfs(struct vfs *v, const char *path, vfs_fn *fn, void *ctx) MUST_CHECK;

#endif
