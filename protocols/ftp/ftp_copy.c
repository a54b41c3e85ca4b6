/* SPDX-License-Identifier: ISC */
/*
 * ftp_copy.c - copies on the server: SITE CPFR + CPTO, and COMB, which puts files together. Worker
 * copies, a part at a time, so that NOOP, STAT and ABOR are answered meanwhile. The target is an
 * upload like any other: it appears when it is whole.
 */
#include "protocols/ftp/ftp_copy.h"

#include <errno.h>
#include <string.h>

#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"
#include "protocols/ftp/ftp_verb.h"
#include "server/vfs/path.h"

/* One question to worker: some hundred milliseconds on a slow disk. */
#define PART (16u << 20)

static void copy_next(struct ftp *f);
static void check_next(struct ftp *f);
static void open_target(struct ftp *f);

static void
commit_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	f->job.ending = false;
	if (ftp_job_answered(f, reply))
		ftp_job_over(f, 250, "Copied.");
}

/* The next name of the list, cleaned, in f->path2. False: there is none, or the job is over. */
static bool
take_name(struct ftp *f)
{
	struct ftp_job *j = &f->job;
	int err;

	if (j->taken == j->count)
		return false;
	err = path_join(f->cwd, j->name, f->path2, VFS_PATH_MAX);
	j->name += strlen(j->name) + 1;
	j->taken++;
	if (err < 0)
		ftp_job_fail(f, ftp_reply_code(err), ftp_reply_words(err));
	return err == 0;
}

static void
copy_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	struct ftp_job *j = &f->job;

	if (reply->err == 0) {
		j->at += reply->bytes;
		j->written += reply->bytes;
	}
	if (!ftp_job_answered(f, reply))
		return;
	if (reply->bytes == 0)
		ftp_job_fail(f, 451, "The file became shorter while it was copied.");
	else
		copy_next(f);
}

static void
source_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	struct ftp_job *j = &f->job;

	if (reply->err == 0) {
		j->has_from = true;
		j->from = reply->ticket;
		j->at = 0;
		j->end = reply->attr.size;
	}
	if (!ftp_job_answered(f, reply))
		return;
	if (j->has_to)
		copy_next(f);
	else
		open_target(f);
}

/* Asks for the next source. False: there is none, or the job is over. */
static bool
open_source(struct ftp *f)
{
	if (!take_name(f))
		return false;
	ftp_job_asked(f, vfs_open(f->s->vfs, f->path2, VFS_OPEN_READ | VFS_OPEN_STREAM,
				  VFS_MODE_DEFAULT, 0, source_answer, f));
	return true;
}

/* Goes on with the open source, or with the next one, or publishes the target. */
static void
copy_next(struct ftp *f)
{
	struct ftp_job *j = &f->job;
	uint64_t left = j->end - j->at;
	int err;

	if (j->has_from && left > 0) {
		err = vfs_copy(f->s->vfs, j->from, j->at, left < PART ? left : PART, j->to,
			       j->to_first + j->written, copy_answer, f);
		ftp_job_asked(f, err);
		return;
	}
	ftp_job_release(f);
	if (!open_source(f) && j->kind != FTP_JOB_NONE && j->taken == j->count) {
		j->has_to = false;
		j->ending = true;
		ftp_job_asked(f, vfs_commit(f->s->vfs, j->to, j->written, commit_answer, f));
	}
}

static void
begin_answer(void *ctx, struct vfs_reply *reply)
{
	if (ftp_job_answered(ctx, reply))
		copy_next(ctx);
}

static void
target_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	struct ftp_job *j = &f->job;
	const bool begin = reply->needs_begin;

	if (reply->err == 0) {
		j->has_to = true;
		j->to = reply->ticket;
		j->to_first = reply->offset;
	}
	if (!ftp_job_answered(f, reply))
		return;
	if (begin)
		ftp_job_asked(f, vfs_begin(f->s->vfs, j->to, begin_answer, f));
	else
		copy_next(f);
}

static void
open_target(struct ftp *f)
{
	struct ftp_job *j = &f->job;
	uint32_t flags = VFS_OPEN_WRITE | VFS_OPEN_CREATE | VFS_OPEN_STREAM;

	flags |= j->append ? VFS_OPEN_APPEND : VFS_OPEN_TRUNC;
	ftp_job_asked(f,
		      vfs_open(f->s->vfs, f->path, flags, VFS_MODE_DEFAULT, 0, target_answer, f));
}

/*
 * All sources are files, and none is the target: what is there may be replaced. The first source
 * is opened before it, since beginning may empty it.
 */
static void
start(struct ftp *f)
{
	struct ftp_job *j = &f->job;

	j->name = j->names;
	j->taken = 0;
	if (j->append && !take_name(f)) /* the target itself */
		return;
	if (!open_source(f) && j->kind != FTP_JOB_NONE)
		open_target(f);
}

static void
check_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	struct ftp_job *j = &f->job;
	const struct vfs_attr *a = &reply->attr;

	if (!ftp_job_answered(f, reply))
		return;
	if (a->type != VFS_FILE) {
		ftp_job_fail(f, 550, "Only files can be copied.");
		return;
	}
	if (j->has_target && a->dev == j->dev && a->ino == j->ino) {
		if (j->taken > 1 || j->kind != FTP_JOB_COMBINE) {
			ftp_job_fail(f, 553, "A source is the target itself.");
			return;
		}
		j->append = true;
	}
	check_next(f);
}

static void
check_next(struct ftp *f)
{
	if (take_name(f))
		ftp_job_asked(f, vfs_stat(f->s->vfs, f->path2, 0, check_answer, f));
	else if (f->job.kind != FTP_JOB_NONE)
		start(f);
}

static void
exists_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	struct ftp_job *j = &f->job;

	j->has_target = reply->err == 0;
	j->dev = reply->attr.dev;
	j->ino = reply->attr.ino;
	if (reply->err == -ENOENT)
		reply->err = 0;
	if (ftp_job_answered(f, reply))
		check_next(f);
}

/* To f->path; names: count of them, each with its 0. */
static void
copy(struct ftp *f, enum ftp_job_kind kind, const char *names, unsigned int count)
{
	struct ftp_job *j = &f->job;

	ftp_job_start(f, kind);
	j->names = j->name = names;
	j->count = count;
	ftp_job_asked(f, vfs_stat(f->s->vfs, f->path, 0, exists_answer, f));
}

static void
from_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	ftp_answered(f);
	if (reply->err == 0 && reply->attr.type != VFS_FILE)
		reply->err = reply->attr.type == VFS_DIR ? -EISDIR : -EINVAL;
	if (reply->err < 0) {
		ftp_reply_error(f, reply->err, reply->why);
		return;
	}
	f->has_copy_from = true;
	ftp_reply(f, 350, "And where to?");
}

void
ftp_copy_from(struct ftp *f)
{
	ignore_result(text_copy(f->from, VFS_PATH_MAX, f->path)); /* both have the same size */
	ftp_asked(f, vfs_stat(f->s->vfs, f->path, 0, from_answer, f));
}

void
ftp_copy_to(struct ftp *f)
{
	copy(f, FTP_JOB_COPY, f->from, 1);
}

/* The next word, or "words in quotes", ended by a 0. NULL: there is none, or no closing quote. */
static char *
cut_name(char **at)
{
	char *name = *at + strspn(*at, " "), *end;

	if (*name == '"') {
		end = strchr(++name, '"');
		if (!end || (end[1] != ' ' && end[1] != '\0'))
			return NULL;
		*end++ = '\0';
	} else {
		end = name + strcspn(name, " ");
	}
	if (*end != '\0')
		*end++ = '\0';
	*at = end;
	return *name ? name : NULL;
}

void
ftp_comb(struct ftp *f, char *arg)
{
	char *to = f->scratch, *name, *target = cut_name(&arg);
	unsigned int count = 0;

	while (target && arg[strspn(arg, " ")] != '\0') {
		size_t len;

		name = cut_name(&arg);
		if (!name) {
			count = 0;
			break;
		}
		len = strlen(name) + 1;
		memcpy(to, name, len); /* scratch is as long as a line */
		to += len;
		count++;
	}
	if (!target || count == 0) {
		ftp_reply(f, 501, "Syntax: COMB \"target\" \"source\" [\"source\" ...]");
		return;
	}
	if (ftp_take_path(f, target))
		copy(f, FTP_JOB_COMBINE, f->scratch, count);
}
