/* SPDX-License-Identifier: ISC */
/*
 * ftp_stat.c - STAT: how the session is, and how far its transfer has come. With a path it is a
 * listing, which is ftp_list.c's.
 */
#include <inttypes.h>
#include <string.h>

#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_list.h"
#include "protocols/ftp/ftp_reply.h"
#include "protocols/ftp/ftp_verb.h"

static void
say_job(struct ftp *f)
{
	const struct ftp_job *j = &f->job;

	if (j->kind != FTP_JOB_HASH)
		ftp_reply_more(f, "Copy: %" PRIu64 " bytes", j->written);
	else if (!j->reading)
		ftp_reply_more(f, "Checksum: waiting for the file");
	else
		ftp_reply_more(f, "Checksum: %" PRIu64 " of %" PRIu64 " bytes", j->at - j->first,
			       j->end - j->first);
}

static void
say_transfer(struct ftp *f)
{
	static const char *const kinds[] = {
		[FTP_GET] = "Download", [FTP_PUT] = "Upload", [FTP_LIST] = "Listing"
	};
	const struct ftp_xfer *x = &f->x;

	if (x->stage == FTP_IDLE)
		ftp_reply_more(f, "No transfer");
	else if (x->stage < FTP_MOVING)
		ftp_reply_more(f, "%s: waiting for the data connection", kinds[x->kind]);
	else
		ftp_reply_more(f, "%s: %" PRIu64 " bytes, %" PRIu64 " bytes a second",
			       kinds[x->kind], x->t.bytes, transfer_speed(&x->t));
}

void
ftp_stat(struct ftp *f, char *arg)
{
	arg += strspn(arg, " ");
	if (*arg) {
		ftp_list_stat(f, arg);
		return;
	}
	ftp_reply_first(f, 211, "Status:");
	ftp_reply_more(f, "Logged in as %s from %s", f->s->user, f->s->peer_addr);
	ftp_reply_more(f, "%s, %s", tls_version(f->tls), tls_cipher(f->tls));
	ftp_reply_more(f, "TYPE %c, MODE S, STRU F, PROT %s", f->ascii ? 'A' : 'I',
		       f->has_prot ? "P" : "not set");
	if (f->job.kind != FTP_JOB_NONE)
		say_job(f);
	else
		say_transfer(f);
	ftp_reply(f, 211, "End");
}
