/* SPDX-License-Identifier: ISC */
/*
 * ftp_name.c - names: PWD CWD CDUP MKD RMD DELE RNFR RNTO AVBL. Each asks worker and says what it
 * said. Must not: decide what a path may be.
 */
#include "protocols/ftp/ftp_verb.h"

#include <errno.h>
#include <string.h>

#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"
#include "server/vfs/path.h"

/* A vfs_fn that says 250, or why not. */
static void
say_done(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	ftp_answered(f);
	if (reply->err < 0)
		ftp_reply_error(f, reply->err, reply->why);
	else
		ftp_reply(f, 250, "Done.");
}

/* 257 "path" words, with quotes doubled (RFC 959, appendix II). */
static void
reply_path(struct ftp *f, const char *path, const char *words)
{
	struct text t;

	text_init(&t, f->path2, VFS_PATH_MAX);
	text_quote(&t, path);
	if (t.cut)
		ftp_reply(f, 257, "%s",
			  words); /* a path of quotes only; nobody can read it anyway */
	else
		ftp_reply(f, 257, "\"%s\" %s", f->path2, words);
}

void
ftp_pwd(struct ftp *f, char *arg)
{
	(void)arg;
	reply_path(f, f->cwd, "is the current directory.");
}

static void
cwd_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	ftp_answered(f);
	if (reply->err == 0 && reply->attr.type != VFS_DIR)
		reply->err = -ENOTDIR;
	if (reply->err < 0) {
		ftp_reply_error(f, reply->err, reply->why);
		return;
	}
	ignore_result(text_copy(f->cwd, VFS_PATH_MAX, f->path)); /* both have the same size */
	ftp_reply(f, 250, "Directory changed.");
}

void
ftp_cwd(struct ftp *f, char *arg)
{
	(void)arg;
	ftp_asked(f, vfs_stat(f->s->vfs, f->path, VFS_ENTER, cwd_answer, f));
}

void
ftp_cdup(struct ftp *f, char *arg)
{
	(void)arg;
	path_dir(f->cwd, f->path, VFS_PATH_MAX);
	ftp_asked(f, vfs_stat(f->s->vfs, f->path, VFS_ENTER, cwd_answer, f));
}

void
ftp_dele(struct ftp *f, char *arg)
{
	(void)arg;
	ftp_asked(f, vfs_unlink(f->s->vfs, f->path, say_done, f));
}

static void
mkd_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	ftp_answered(f);
	if (reply->err < 0)
		ftp_reply_error(f, reply->err, reply->why);
	else
		reply_path(f, f->path, "is made.");
}

void
ftp_mkd(struct ftp *f, char *arg)
{
	(void)arg;
	ftp_asked(f, vfs_mkdir(f->s->vfs, f->path, VFS_MODE_DEFAULT, mkd_answer, f));
}

void
ftp_rmd(struct ftp *f, char *arg)
{
	(void)arg;
	ftp_asked(f, vfs_rmdir(f->s->vfs, f->path, say_done, f));
}

static void
rnfr_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	ftp_answered(f);
	if (reply->err < 0) {
		ftp_reply_error(f, reply->err, reply->why);
		return;
	}
	f->has_from = true;
	ftp_reply(f, 350, "And the new name?");
}

void
ftp_rnfr(struct ftp *f, char *arg)
{
	(void)arg;
	ignore_result(text_copy(f->from, VFS_PATH_MAX, f->path)); /* both have the same size */
	ftp_asked(f, vfs_stat(f->s->vfs, f->path, VFS_NOFOLLOW, rnfr_answer, f));
}

void
ftp_rnto(struct ftp *f, char *arg)
{
	(void)arg;
	ftp_asked(f, vfs_rename(f->s->vfs, f->from, f->path, VFS_REPLACE, say_done, f));
}

static void
avbl_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	uint64_t unit = reply->space.fragment_size, bytes;

	ftp_answered(f);
	if (reply->err < 0) {
		ftp_reply_error(f, reply->err, reply->why);
		return;
	}
	if (unit == 0)
		unit = reply->space.block_size;
	if (__builtin_mul_overflow(reply->space.blocks_avail, unit, &bytes))
		bytes = UINT64_MAX;
	ftp_reply(f, 213, "%" PRIu64, bytes);
}

void
ftp_avbl(struct ftp *f, char *arg)
{
	if (ftp_take_path(f, *arg ? arg : "."))
		ftp_asked(f, vfs_statvfs(f->s->vfs, f->path, avbl_answer, f));
}
