/* SPDX-License-Identifier: ISC */
/*
 * ftp_stamp.c - the commands that ask for facts of one file (SIZE MDTM MLST), and those that set
 * them (MFMT, MFF, MDTM with two arguments).
 */
#include "protocols/ftp/ftp_verb.h"

#include <string.h>
#include <strings.h>

#include "protocols/ftp/ftp_fact.h"
#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"

static void
size_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	ftp_answered(f);
	if (reply->err < 0)
		ftp_reply_error(f, reply->err, reply->why);
	else if (reply->attr.type != VFS_FILE)
		ftp_reply(f, 550, "Only files have a size.");
	else
		ftp_reply(f, 213, "%" PRIu64, reply->attr.size);
}

void
ftp_size(struct ftp *f, char *arg)
{
	(void)arg;
	if (f->ascii)
		ftp_reply(f, 550, "Sizes are not computed for TYPE A; send TYPE I first.");
	else
		ftp_asked(f, vfs_stat(f->s->vfs, f->path, 0, size_answer, f));
}

static void
mdtm_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	char room[16];
	struct text t;

	ftp_answered(f);
	if (reply->err < 0) {
		ftp_reply_error(f, reply->err, reply->why);
		return;
	}
	text_init(&t, room, sizeof(room));
	ftp_fact_put_time(&t, reply->attr.mtime);
	ftp_reply(f, 213, "%s", room);
}

/*
 * Cuts "20261123194155 name" in two. False when it does not begin with a time; then it is a name,
 * and nothing was changed.
 */
static bool
cut_time(char *arg, int64_t *ret_seconds, char **ret_path)
{
	char *blank = strchr(arg, ' ');
	bool ok;

	if (!blank || blank[1] == '\0')
		return false;
	*blank = '\0';
	ok = ftp_fact_time(arg, ret_seconds) == 0;
	*blank = ' ';
	*ret_path = blank + 1;
	return ok;
}

static void
mtime_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	ftp_answered(f);
	if (reply->err < 0)
		ftp_reply_error(f, reply->err, reply->why);
	else /* f->path2 is what was set, and on which path */
		ftp_reply(f, 213, "%s", f->path2);
}

static void
set_mtime(struct ftp *f, int64_t seconds, const char *path)
{
	struct vfs_change change = { .set = VFS_SET_TIMES,
				     .mtime = seconds,
				     .atime = VFS_TIME_KEEP };
	struct text t;

	if (!ftp_take_path(f, path))
		return;
	text_init(&t, f->path2, VFS_PATH_MAX);
	text_puts(&t, "Modify=");
	ftp_fact_put_time(&t, seconds);
	text_puts(&t, "; ");
	text_puts(&t, path);
	ftp_asked(f, vfs_setattr(f->s->vfs, f->path, 0, &change, mtime_answer, f));
}

/* There is no such file: so the first word of scratch is the time that the rest shall have. */
static void
mdtm_or_set_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	int64_t seconds;
	char *path;

	if (reply->err == 0 || !cut_time(f->scratch, &seconds, &path)) {
		mdtm_answer(f, reply);
		return;
	}
	ftp_answered(f);
	set_mtime(f, seconds, path);
}

/* By RFC 3659 it only asks, and a name may begin like a time; setting is a habit of clients. */
void
ftp_mdtm(struct ftp *f, char *arg)
{
	int64_t seconds;
	char *path;
	bool may_set = cut_time(arg, &seconds, &path);

	if (!ftp_take_path(f, arg))
		return;
	if (may_set)
		memcpy(f->scratch, arg, strlen(arg) + 1);
	ftp_asked(f,
		  vfs_stat(f->s->vfs, f->path, 0, may_set ? mdtm_or_set_answer : mdtm_answer, f));
}

void
ftp_mfmt(struct ftp *f, char *arg)
{
	int64_t seconds;
	char *path;

	if (cut_time(arg, &seconds, &path))
		set_mtime(f, seconds, path);
	else
		ftp_reply(f, 501, "Syntax: MFMT YYYYMMDDhhmmss path");
}

/* One "fact=value" of MFF. Returns 0, or the code to refuse it with. */
static int
mff_fact(const char *fact, struct vfs_change *change)
{
	int64_t seconds;
	uint32_t mode;

	if (strncasecmp(fact, "modify=", 7) == 0) {
		if (ftp_fact_time(fact + 7, &seconds) < 0)
			return 501;
		change->set |= VFS_SET_TIMES;
		change->mtime = seconds;
		return 0;
	}
	if (strncasecmp(fact, "UNIX.mode=", 10) == 0) {
		if (num_octal(fact + 10, 07777, &mode) < 0)
			return 501;
		change->set |= VFS_SET_MODE;
		change->mode = mode & 0777;
		return 0;
	}
	return 504;
}

void
ftp_mff(struct ftp *f, char *arg)
{
	struct vfs_change change = { .atime = VFS_TIME_KEEP };
	char *path = strchr(arg, ' '), *at = arg;
	struct text t;
	int code = path && path > arg && path[1] ? 0 : 501;

	text_init(&t, f->path2, VFS_PATH_MAX);
	if (code == 0) {
		*path++ = '\0';
		text_puts(&t, arg);
		text_putc(&t, ' ');
		text_puts(&t, path);
	}
	while (code == 0 && *at) {
		size_t len = strcspn(at, ";");
		char *next = at[len] ? at + len + 1 : at + len;

		at[len] = '\0';
		code = mff_fact(at, &change);
		at = next;
	}
	if (code != 0)
		ftp_reply(f, code, "Syntax: MFF Modify=YYYYMMDDhhmmss;UNIX.mode=0644; path");
	else if (ftp_take_path(f, path))
		ftp_asked(f, vfs_setattr(f->s->vfs, f->path, 0, &change, mtime_answer, f));
}

static void
mlst_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	char room[512];
	struct text t;

	ftp_answered(f);
	if (reply->err < 0) {
		ftp_reply_error(f, reply->err, reply->why);
		return;
	}
	text_init(&t, room, sizeof(room));
	ftp_fact_put(&t, &reply->attr, f->facts);
	ftp_reply_first(f, 250, "Facts:");
	ftp_reply_more(f, "%s%s", room, f->path);
	ftp_reply(f, 250, "End");
}

void
ftp_mlst(struct ftp *f, char *arg)
{
	if (ftp_take_path(f, *arg ? arg : "."))
		ftp_asked(f, vfs_stat(f->s->vfs, f->path, 0, mlst_answer, f));
}
