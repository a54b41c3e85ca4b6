/* SPDX-License-Identifier: ISC */
/*
 * lsline.c - formats directory entries for people and for the clients that parse what was meant for
 * people. Owns: the columns. Must not: look anything up.
 *
 * Large directories are made of these lines, so nothing here goes through printf.
 */
#include "protocols/common/lsline.h"

#include "protocols/common/utc.h"

#include <string.h>

/* Half a year, as ls(1) counts it: half of 365.2425 days. */
#define RECENT_SECONDS 15778476

/* Digits of v, right-justified in a column of at least width. */
static void
put_number(struct text *t, uint64_t v, size_t width)
{
	char room[24];
	size_t at = sizeof(room);

	do {
		room[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	while (sizeof(room) - at < width && at > 0)
		room[--at] = ' ';
	text_putn(t, room + at, sizeof(room) - at);
}

/*
 * An owner is one word, whatever the directory service calls him: a blank would move the columns.
 */
static void
put_owner(struct text *t, const char *name)
{
	char room[VFS_OWNER_MAX + 8];
	size_t len = 0;

	for (; name[len] != '\0' && len < VFS_OWNER_MAX - 1; len++) {
		unsigned char c = (unsigned char)name[len];

		room[len] = c == ' ' ? '_' : (c < 0x20 || c == 0x7f) ? '?' : (char)c;
	}
	if (len == 0)
		room[len++] = '?';
	while (len < 8)
		room[len++] = ' ';
	text_putn(t, room, len);
}

static void
put_mode(struct text *t, const struct vfs_attr *attr)
{
	static const char bits[] = "rwxrwxrwx";
	static const char types[] = {
		[VFS_FILE] = '-', [VFS_DIR] = 'd', [VFS_LINK] = 'l', [VFS_OTHER] = 'p'
	};
	char room[11];
	unsigned int type = (unsigned int)attr->type;
	size_t i;

	room[0] = type < sizeof(types) && types[type] != '\0' ? types[type] : 'p';
	for (i = 0; i < 9; i++)
		room[i + 1] = (attr->mode & (0400u >> i)) != 0 ? bits[i] : '-';
	room[10] = ' ';
	text_putn(t, room, sizeof(room));
}

/* " Nov 23 19:41 " or " Nov 23  2025 ". */
static void
put_date(struct text *t, int64_t mtime, int64_t now)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct utc utc;
	char room[15];

	utc_from_seconds(mtime, &utc);
	room[0] = ' ';
	memcpy(room + 1, months + 3 * (utc.month - 1), 3);
	room[4] = ' ';
	room[5] = utc.day >= 10 ? (char)('0' + utc.day / 10) : ' ';
	room[6] = (char)('0' + utc.day % 10);
	room[7] = ' ';
	if (mtime <= now && mtime > now - RECENT_SECONDS) {
		room[8] = (char)('0' + utc.hour / 10);
		room[9] = (char)('0' + utc.hour % 10);
		room[10] = ':';
		room[11] = (char)('0' + utc.minute / 10);
		room[12] = (char)('0' + utc.minute % 10);
	} else {
		room[8] = ' ';
		room[9] = (char)('0' + utc.year / 1000);
		room[10] = (char)('0' + utc.year / 100 % 10);
		room[11] = (char)('0' + utc.year / 10 % 10);
		room[12] = (char)('0' + utc.year % 10);
	}
	room[13] = ' ';
	text_putn(t, room, 14);
}

void
lsline_put(struct text *t, const char *name, const struct vfs_attr *attr, int64_t now)
{
	put_mode(t, attr);
	put_number(t, attr->nlink, 3);
	text_putc(t, ' ');
	put_owner(t, attr->owner);
	text_putc(t, ' ');
	put_owner(t, attr->group);
	text_putc(t, ' ');
	put_number(t, attr->size, 10);
	put_date(t, attr->mtime, now);
	text_printable(t, name);
}
