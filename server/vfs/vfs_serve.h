/* SPDX-License-Identifier: ISC */
/*
 * vfs_serve.h - the answering side of vfs.h: worker's. It distrusts every byte of a question.
 */
#ifndef SERVER_VFS_VFS_SERVE_H
#define SERVER_VFS_VFS_SERVE_H

#include "auth/account.h"
#include "conf/conf.h"
#include "server/base/buf.h"

struct vfs_serve;

/*
 * Opens the roots of the shares that the account gets. The process must already be the user: roots
 * are opened with his rights, component by component, without following symlinks. A share whose
 * root cannot be opened is left out and logged with the reason. conf and account must outlive it.
 * Returns 0, or -ENOENT when not one share is left.
 */
int vfs_serve_new(const struct conf *conf, const struct account *account,
		  struct vfs_serve **ret_serve) MUST_CHECK;

/*
 * The same in two steps, for a process that is about to become the user: prepare opens the files
 * behind quotas, which in system mode are root's; start does all the rest, as the user. When start
 * fails, vfs_serve_free is still the caller's.
 */
int vfs_serve_prepare(const struct conf *conf, const struct account *account,
		      struct vfs_serve **ret_serve) MUST_CHECK;
int vfs_serve_start(struct vfs_serve *s) MUST_CHECK;

/* What has happened to files, for hooks. */
enum vfs_event_kind { VFS_EVENT_UPLOAD, VFS_EVENT_DELETE, VFS_EVENT_RENAME };

struct vfs_event {
	enum vfs_event_kind kind;
	const char *share;	  /* its name */
	const char *path, *to;	  /* virtual; to: rename only, else "" */
	const char *root, *inner; /* the share's directory on this machine, and where in it (now) */
	uint64_t bytes;		  /* upload: of the file */
	bool directory;
};
typedef void vfs_event_fn(void *ctx, const struct vfs_event *e);

/* Has fn called for each of them from now on, after it has happened. */
void vfs_serve_events(struct vfs_serve *s, vfs_event_fn *fn, void *ctx);

/*
 * Calls each with the root of every share (O_PATH, stays ours) and whether anything in it may be
 * changed: for the sandbox.
 */
typedef void vfs_root_fn(void *ctx, int root, bool write);
void vfs_serve_roots(const struct vfs_serve *s, vfs_root_fn *each, void *ctx);

/*
 * Answers one question of wire on sock. b stands behind the head of the message. Returns 0, or
 * -EBADMSG when the message is not one of ours (the session ends), or -errno of the sending.
 */
int vfs_serve_message(struct vfs_serve *s, int sock, uint16_t type, uint32_t id,
		      struct buf *b) MUST_CHECK;

/*
 * The same, but the answer may wait for others: for as long as questions wait, they leave together.
 * Who has no further question must flush, and before he sends anything else on sock.
 */
int vfs_serve_queue(struct vfs_serve *s, int sock, uint16_t type, uint32_t id,
		    struct buf *b) MUST_CHECK;
int vfs_serve_flush(struct vfs_serve *s, int sock) MUST_CHECK;

/* The session ended: open uploads are treated as interrupted (logged, kept or dropped). */
void vfs_serve_free(struct vfs_serve *s);

#endif
