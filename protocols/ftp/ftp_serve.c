/* SPDX-License-Identifier: ISC */
/*
 * ftp_serve.c - which line is served next. Commands are answered in the order in which they came:
 * one that asked somebody holds back those behind it, and one that lasts is overtaken by urgent
 * ones only. Must not: know a command.
 */
#include "protocols/ftp/ftp_serve.h"

#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"
#include "protocols/ftp/ftp_verb.h"

bool
ftp_serve_may(const struct ftp *f)
{
	return !f->over && !f->leaving && !f->waiting && f->control != FTP_HANDSHAKE &&
	       ftp_reply_has_room(f);
}

bool
ftp_serve_is_busy(const struct ftp *f)
{
	return f->x.stage != FTP_IDLE || f->job.kind != FTP_JOB_NONE;
}

/* So long may worker take before a client that asks whether we are here is answered first. */
#define PATIENCE_MS 1000u

uint64_t
ftp_serve_deadline(const struct ftp *f)
{
	uint64_t end = f->x.begun_ms + PATIENCE_MS;

	return f->x.stage == FTP_OPENING && clock_ms() < end ? end : CLOCK_NEVER;
}

/* A transfer is a command that lasts; only urgent ones overtake it. */
static bool
must_wait(const struct ftp *f, enum ftp_line_kind kind, const char *line)
{
	if (!ftp_serve_is_busy(f))
		return false;
	/*
	 * Its first reply comes before those of the lines behind it, unless worker hangs; and so do
	 * both of an ABOR.
	 */
	if (ftp_serve_deadline(f) != CLOCK_NEVER || f->x.abor || f->job.abor)
		return true;
	/*
	 * At its end the result comes first: nobody who sends QUIT now expects the 221 before it.
	 */
	if (f->x.stage > FTP_MOVING && ftp_verb_is_quit(line))
		return true;
	return kind != FTP_LINE_COMMAND || f->x.list.to_control || !ftp_verb_is_urgent(line);
}

static void
serve_line(struct ftp *f, enum ftp_line_kind kind, char *line)
{
	switch (kind) {
	case FTP_LINE_COMMAND:
		f->active_ms = clock_ms();
		ftp_verb_serve(f, line);
		break;
	case FTP_LINE_NUL:
		ftp_reply(f, 501, "A command has no 0 bytes.");
		break;
	case FTP_LINE_LONG:
		ftp_reply(f, 500, "The line is too long.");
		break;
	case FTP_LINE_FLOOD:
		ftp_reply(f, 421, "That line has no end; goodbye.");
		ftp_end(f, SESSION_PROTOCOL);
		return;
	default:
		break;
	}
	ftp_line_done(&f->in);
}

bool
ftp_serve_lines(struct ftp *f)
{
	while (ftp_serve_may(f)) {
		char *line = NULL;
		enum ftp_line_kind kind = ftp_line_next(&f->in, &line);

		if (kind == FTP_LINE_NONE || must_wait(f, kind, line)) {
			if (f->eof)
				ftp_end(f, SESSION_LOST);
			break;
		}
		serve_line(f, kind, line);
	}
	return ftp_reply_has_room(f);
}
