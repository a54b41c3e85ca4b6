/* SPDX-License-Identifier: ISC */
/*
 * ftp_line.c - lines out of a stranger's bytes. Owns: the room in which they wait. Must not: know
 * what a command is. A line that was too long is never looked at, so that nothing can hide behind
 * its beginning.
 */
#include "protocols/ftp/ftp_line.h"

#include <string.h>

#include "server/base/mem.h"

#define IAC 0xffu
#define IAC_WILL 251u
#define IAC_FIRST 240u

void
ftp_line_init(struct ftp_line *l)
{
	l->len = l->taken = l->dropped = l->shown = 0;
}

char *
ftp_line_space(struct ftp_line *l, size_t *ret_size)
{
	*ret_size = sizeof(l->room) - l->len;
	return l->room + l->len;
}

void
ftp_line_received(struct ftp_line *l, size_t len)
{
	l->len += len;
}

/* Bytes of telnet commands at the beginning of a line. Inside of a line 255 is a byte of a name. */
static size_t
telnet_len(const char *line, size_t len)
{
	size_t at = 0;

	while (at < len && (unsigned char)line[at] == IAC) {
		unsigned int next = at + 1 < len ? (unsigned char)line[at + 1] : 0;

		if (next == IAC || next < IAC_FIRST)
			at += 1;
		else
			at += next >= IAC_WILL ? 3 : 2;
	}
	return at < len ? at : len;
}

/* The room is full and there is no end: forget these bytes, and remember that they were. */
static enum ftp_line_kind
drop(struct ftp_line *l)
{
	l->dropped += l->len;
	mem_wipe(l->room, l->len);
	l->len = 0;
	return l->dropped >= FTP_LINE_ENDLESS ? FTP_LINE_FLOOD : FTP_LINE_NONE;
}

/* What the line of len bytes is; its telnet commands and its end are cut off. */
static enum ftp_line_kind
look_at(struct ftp_line *l, size_t len)
{
	if (l->dropped > 0)
		return FTP_LINE_LONG;
	if (len > 0 && l->room[len - 1] == '\r')
		len--;
	l->room[len] = '\0';
	l->shown = telnet_len(l->room, len);
	if (l->shown == len)
		return FTP_LINE_EMPTY;
	return memchr(l->room, '\0', len) ? FTP_LINE_NUL : FTP_LINE_COMMAND;
}

enum ftp_line_kind
ftp_line_next(struct ftp_line *l, char **ret_line)
{
	if (l->taken == 0) {
		char *end = l->len > 0 ? memchr(l->room, '\n', l->len) : NULL;

		if (!end) {
			if (l->dropped > 0 || l->len == sizeof(l->room))
				return drop(l);
			return FTP_LINE_NONE;
		}
		l->taken = (size_t)(end - l->room) + 1;
		l->kind = look_at(l, l->taken - 1);
	}
	*ret_line = l->room + l->shown;
	return l->kind;
}

void
ftp_line_done(struct ftp_line *l)
{
	size_t left = l->len - l->taken;

	mem_wipe(l->room, l->taken);
	memmove(l->room, l->room + l->taken, left);
	l->len = left;
	l->taken = l->dropped = l->shown = 0;
}

size_t
ftp_line_left(const struct ftp_line *l)
{
	return l->len - l->taken;
}

void
ftp_line_wipe(struct ftp_line *l)
{
	mem_wipe(l->room, sizeof(l->room));
	ftp_line_init(l);
}
