/* SPDX-License-Identifier: ISC */
/*
 * ftp_job.c - commands that last and need no data connection: checksums and copies. While one runs
 * the urgent commands are served, as in a transfer. Invariants: every ticket ends in one commit or
 * abort, every job in one reply.
 */
#include "protocols/ftp/ftp_job.h"

#include <string.h>

#include "protocols/common/digest.h"
#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"
#include "server/base/fd.h"

void
ftp_job_init(struct ftp_job *j)
{
	memset(j, 0, sizeof(*j));
	j->fd = -1;
}

void
ftp_job_start(struct ftp *f, enum ftp_job_kind kind)
{
	ftp_job_init(&f->job);
	f->job.kind = kind;
	ftp_xfer_make_room(f);
}

void
ftp_job_asked(struct ftp *f, int err)
{
	if (err < 0)
		ftp_job_fail(f, ftp_reply_code(err), ftp_reply_words(err));
	else
		f->job.asked = true;
}

void
ftp_job_drop(struct ftp *f)
{
	struct ftp_job *j = &f->job;

	fd_close(&j->fd);
	digest_free(j->digest);
	/*
	 * A question that cannot be asked broke already: worker forgets tickets with the session.
	 */
	if (j->has_from)
		ignore_result(vfs_abort(f->s->vfs, j->from, 0, "aborted", NULL, NULL));
	if (j->has_to)
		ignore_result(vfs_abort(f->s->vfs, j->to, j->written, "aborted", NULL, NULL));
	ftp_job_init(j);
}

void
ftp_job_release(struct ftp *f)
{
	struct ftp_job *j = &f->job;

	fd_close(&j->fd);
	if (j->has_from)
		ignore_result(vfs_commit(f->s->vfs, j->from, j->at, NULL, NULL));
	j->has_from = false;
}

void
ftp_job_over(struct ftp *f, int code, const char *words)
{
	const bool abor = f->job.abor;
	char room[sizeof(f->job.why)];

	ignore_result(text_copy(room, sizeof(room), words)); /* words may be the job's own */
	ftp_job_drop(f);
	f->active_ms = clock_ms();
	ftp_reply(f, code, "%s", room);
	if (abor)
		ftp_reply(f, 226, "ABOR is done.");
}

void
ftp_job_fail(struct ftp *f, int code, const char *words)
{
	struct ftp_job *j = &f->job;

	if (j->failing)
		return;
	j->failing = true;
	j->code = code;
	ignore_result(text_copy(j->why, sizeof(j->why), words)); /* cut words are words */
	if (!j->asked)
		ftp_job_over(f, code, j->why);
}

bool
ftp_job_answered(struct ftp *f, struct vfs_reply *reply)
{
	struct ftp_job *j = &f->job;

	j->asked = false;
	if (j->failing)
		ftp_job_over(f, j->code, j->why);
	else if (reply->err < 0)
		ftp_job_fail(f, ftp_reply_code(reply->err),
			     *reply->why ? reply->why : ftp_reply_words(reply->err));
	else
		return true;
	return false;
}

void
ftp_job_abort(struct ftp *f)
{
	f->job.abor = true;
	if (!f->job.ending) /* else it is done, and says so first */
		ftp_job_fail(f, 426, "Aborted.");
}
