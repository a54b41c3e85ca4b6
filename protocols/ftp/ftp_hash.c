/* SPDX-License-Identifier: ISC */
/*
 * ftp_hash.c - checksums of files: HASH with OPTS HASH and RANG (draft-bryan-ftpext-hash), and the
 * older XCRC XMD5 XSHA XSHA1 XSHA256 XSHA512. The file is read a few MiB in each turn of the loop,
 * so that NOOP, STAT and ABOR are answered meanwhile.
 */
#include "protocols/ftp/ftp_hash.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "protocols/common/digest.h"
#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"
#include "protocols/ftp/ftp_verb.h"
#include "server/base/fd.h"
#include "server/vfs/path.h"

/* Pieces in one turn: 2 MiB, some milliseconds. */
#define ROUNDS 8

static void
say(struct ftp *f)
{
	struct ftp_job *j = &f->job;
	char room[160];
	struct text t;

	text_init(&t, room, sizeof(room));
	if (!j->brief)
		text_printf(&t, "%s %" PRIu64 "-%" PRIu64 " ", digest_name(j->digest_kind),
			    j->first, j->end > j->first ? j->end - 1 : j->first);
	digest_put(j->digest, &t);
	ftp_job_release(f);
	if (j->brief) {
		ftp_job_over(f, 250, room);
		return;
	}
	/* The name is as long as a name may be, so it does not pass through the job's words. */
	ftp_job_drop(f);
	ftp_reply(f, 213, "%s %s", room, f->path);
	f->active_ms = clock_ms();
}

void
ftp_hash_pump(struct ftp *f)
{
	struct ftp_job *j = &f->job;

	for (int i = 0; i < ROUNDS && j->at < j->end; i++) {
		uint64_t left = j->end - j->at;
		ssize_t n = pread(j->fd, f->piece, left < FTP_PIECE ? (size_t)left : FTP_PIECE,
				  (off_t)j->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			ftp_job_fail(f, n < 0 ? ftp_reply_code(-errno) : 451,
				     n < 0 ? ftp_reply_words(-errno)
					   : "The file became shorter while it was read.");
			return;
		}
		digest_add(j->digest, f->piece, (size_t)n);
		j->at += (uint64_t)n;
	}
	if (j->at == j->end)
		say(f);
}

static void
open_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	struct ftp_job *j = &f->job;

	if (reply->err == 0) {
		j->has_from = true;
		j->from = reply->ticket;
		j->fd = fd_give(reply->fd);
	}
	if (!ftp_job_answered(f, reply))
		return;
	if (j->end > reply->attr.size)
		j->end = reply->attr.size;
	if (j->at > reply->attr.size) {
		ftp_job_fail(f, 554, ftp_reply_words(-ERANGE));
		return;
	}
	j->reading = true;
}

/* The bytes from first to before end of f->path. */
static void
hash(struct ftp *f, enum digest_kind kind, bool brief, uint64_t first, uint64_t end)
{
	struct ftp_job *j = &f->job;

	ftp_job_start(f, FTP_JOB_HASH);
	j->digest_kind = (int)kind;
	j->brief = brief;
	j->first = j->at = first;
	j->end = end < first ? first : end;
	j->digest = digest_new(kind);
	if (!j->digest)
		ftp_job_fail(f, 504, "This server has no such checksum.");
	else
		ftp_job_asked(f, vfs_open(f->s->vfs, f->path, VFS_OPEN_READ | VFS_OPEN_STREAM,
					  VFS_MODE_DEFAULT, 0, open_answer, f));
}

void
ftp_hash(struct ftp *f, char *arg)
{
	uint64_t first = f->has_range ? f->range_first : f->restart;
	uint64_t end = f->has_range ? f->range_last + 1 : UINT64_MAX;

	(void)arg;
	f->has_range = false;
	f->restart = 0;
	hash(f, (enum digest_kind)f->digest_kind, false, first, end);
}

/*
 * path, or "path" [first [end]]: blanks belong to a name that has no quotes. end is the first byte
 * that does not count.
 */
static void
x_hash(struct ftp *f, char *arg, enum digest_kind kind)
{
	uint64_t range[2] = { 0, UINT64_MAX };
	char *close = *arg == '"' ? strrchr(arg + 1, '"') : NULL;
	int err = 0;

	if (close) {
		char *at = close + 1;

		*close = '\0';
		arg++;
		for (size_t i = 0; i < COUNT_OF(range) && *at == ' ' && err == 0; i++) {
			size_t len = strcspn(++at, " ");
			char *next = at + len;
			const bool last = *next == '\0';

			*next = '\0';
			err = num_u64(at, INT64_MAX, &range[i]);
			at = next;
			if (!last)
				*at = ' ';
		}
		if (err < 0 || *at != '\0') {
			ftp_reply(f, 501, "Syntax: X... \"path\" [first [end]]");
			return;
		}
	}
	if (ftp_take_path(f, arg))
		hash(f, kind, true, range[0], range[1]);
}

void
ftp_xcrc(struct ftp *f, char *arg)
{
	x_hash(f, arg, DIGEST_CRC32);
}

void
ftp_xmd5(struct ftp *f, char *arg)
{
	x_hash(f, arg, DIGEST_MD5);
}

void
ftp_xsha1(struct ftp *f, char *arg)
{
	x_hash(f, arg, DIGEST_SHA1);
}

void
ftp_xsha256(struct ftp *f, char *arg)
{
	x_hash(f, arg, DIGEST_SHA256);
}

void
ftp_xsha512(struct ftp *f, char *arg)
{
	x_hash(f, arg, DIGEST_SHA512);
}

void
ftp_hash_names(const struct ftp *f, struct text *t)
{
	for (int i = 0; i < DIGEST_KINDS; i++)
		text_printf(t, "%s%s%s", i > 0 ? ";" : "", digest_name((enum digest_kind)i),
			    i == f->digest_kind ? "*" : "");
}

void
ftp_hash_opts(struct ftp *f, const char *arg)
{
	enum digest_kind kind;

	if (*arg && digest_find(arg, &kind) < 0) {
		ftp_reply(f, 501, "FEAT lists the checksums that HASH knows.");
		return;
	}
	if (*arg)
		f->digest_kind = (int)kind;
	ftp_reply(f, 200, "%s", digest_name((enum digest_kind)f->digest_kind));
}
