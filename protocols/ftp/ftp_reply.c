/* SPDX-License-Identifier: ISC */
/*
 * ftp_reply.c - what the client hears. Owns: the text that waits to be sent, and the one table from
 * -errno to reply codes. Must not: send.
 *
 * Names and reasons in a reply come from strangers: control bytes become '?', so that nobody can
 * make a line of his own.
 */
#include "protocols/ftp/ftp_reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "protocols/ftp/ftp_in.h"
#include "server/vfs/path.h"

static const struct {
	int err, code;
	const char *words;
} outcomes[] = {
	{ ENOENT, 550, "No such file or directory." },
	{ EACCES, 550, "Permission denied." },
	{ EPERM, 550, "Operation not permitted." },
	{ EEXIST, 550, "File exists." },
	{ ENOTDIR, 550, "Not a directory." },
	{ EISDIR, 550, "Is a directory." },
	{ ENOTEMPTY, 550, "Directory not empty." },
	{ ELOOP, 550, "Symbolic links lead nowhere that is allowed." },
	{ EROFS, 550, "The filesystem is read-only." },
	{ EINVAL, 550, "The server's filesystem does not accept this." },
	{ EOPNOTSUPP, 550, "The server's filesystem cannot do this." },
	{ ENAMETOOLONG, 550, "The name is too long." },
	{ EXDEV, 553, "That lies in another share." },
	{ EBUSY, 450, "Somebody else is writing this file; try again later." },
	{ EAGAIN, 450, "It is busy; try again later." },
	{ ENOSPC, 452, "No space is left on the server." },
	{ EDQUOT, 552, "The quota is used up." },
	{ EFBIG, 552, "The file would be too large." },
	{ EIO, 451, "The server's disk failed." },
	{ ESTALE, 554, "The last upload was interrupted and rolled back; upload from the start." },
	{ ERANGE, 554, "The restart offset lies beyond the end of the file." },
	{ EADDRINUSE, 425, "All passive ports are in use; try again later." },
	{ ECONNREFUSED, 425, "Nobody listens at that port." },
	{ ETIMEDOUT, 425, "No data connection came in time." },
	{ EPIPE, 451, "The server lost its access to the files." },
};

int
ftp_reply_code(int err)
{
	for (size_t i = 0; i < COUNT_OF(outcomes); i++)
		if (outcomes[i].err == -err)
			return outcomes[i].code;
	return 451;
}

const char *
ftp_reply_words(int err)
{
	for (size_t i = 0; i < COUNT_OF(outcomes); i++)
		if (outcomes[i].err == -err)
			return outcomes[i].words;
	return "The server failed; its log knows more.";
}

/* One line stays one line, from start on. */
static void
make_harmless(struct text *t, size_t start)
{
	for (size_t i = start; i < t->len; i++)
		if ((unsigned char)t->at[i] < 0x20 || t->at[i] == 0x7f)
			t->at[i] = '?';
}

static void
put_line(struct ftp *f, const char *head, const char *fmt, va_list args)
{
	struct text *t = &f->out;
	size_t start, room;
	int n;

	text_puts(t, head);
	start = t->len;
	room = t->size - t->len;
	n = vsnprintf(t->at + t->len, room, fmt, args);
	if (n > 0)
		t->len += (size_t)n < room ? (size_t)n : room - 1;
	make_harmless(t, start);
	text_puts(t, "\r\n");
}

void
ftp_reply(struct ftp *f, int code, const char *fmt, ...)
{
	char head[8];
	va_list args;

	snprintf(head, sizeof(head), "%03d ", code);
	va_start(args, fmt);
	put_line(f, head, fmt, args);
	va_end(args);
}

void
ftp_reply_first(struct ftp *f, int code, const char *text)
{
	text_printf(&f->out, "%03d-%s\r\n", code, text);
}

void
ftp_reply_more(struct ftp *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_line(f, " ", fmt, args);
	va_end(args);
}

void
ftp_reply_error(struct ftp *f, int err, const char *why)
{
	ftp_reply(f, ftp_reply_code(err), "%s", *why ? why : ftp_reply_words(err));
}

bool
ftp_take_path(struct ftp *f, const char *path)
{
	int err = path_join(f->cwd, path, f->path, VFS_PATH_MAX);

	if (err < 0)
		ftp_reply_error(f, err, "");
	return err == 0;
}

bool
ftp_reply_has_room(const struct ftp *f)
{
	return f->out.size - f->out.len > FTP_REPLY_ROOM;
}
