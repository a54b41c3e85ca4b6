/* SPDX-License-Identifier: ISC */
/*
 * ftp_fact.c - facts of files as RFC 3659 says them, and the times in them. The commands that ask
 * for one are ftp_stamp.c. Pure: no state, no questions.
 */
#include "protocols/ftp/ftp_fact.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "conf/conf.h"
#include "protocols/common/utc.h"

#define TIME_DIGITS 14

enum {
	FACT_TYPE,
	FACT_SIZE,
	FACT_MODIFY,
	FACT_PERM,
	FACT_UNIQUE,
	FACT_MODE,
	FACT_OWNER,
	FACT_GROUP
};

static const char *const names[] = {
	[FACT_TYPE] = "type",	     [FACT_SIZE] = "size",	  [FACT_MODIFY] = "modify",
	[FACT_PERM] = "perm",	     [FACT_UNIQUE] = "unique",	  [FACT_MODE] = "UNIX.mode",
	[FACT_OWNER] = "UNIX.owner", [FACT_GROUP] = "UNIX.group",
};
_Static_assert((1u << COUNT_OF(names)) - 1 == FTP_FACTS_ALL, "a bit for each fact");

void
ftp_fact_names(struct text *t, uint32_t facts, const char *mark, bool others)
{
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		bool on = (facts & (1u << i)) != 0;

		if (!on && !others)
			continue;
		text_puts(t, names[i]);
		if (on)
			text_puts(t, mark);
		text_putc(t, ';');
	}
}

uint32_t
ftp_fact_parse(const char *list)
{
	uint32_t facts = 0;

	while (*list) {
		size_t len = strcspn(list, ";");

		for (size_t i = 0; i < COUNT_OF(names); i++)
			if (strlen(names[i]) == len && strncasecmp(list, names[i], len) == 0)
				facts |= 1u << i;
		list += len;
		if (*list)
			list++;
	}
	return facts;
}

/* Listings of large directories are made of these, so numbers are written by hand. */
static void
put_number(struct text *t, uint64_t v, unsigned int base)
{
	char room[24];
	size_t at = sizeof(room);

	do {
		room[--at] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v != 0);
	text_putn(t, room + at, sizeof(room) - at);
}

void
ftp_fact_put_time(struct text *t, int64_t seconds)
{
	struct utc utc;
	unsigned int parts[6];
	char room[TIME_DIGITS];
	size_t at = 0;

	utc_from_seconds(seconds, &utc);
	parts[0] = utc.year / 100;
	parts[1] = utc.year % 100 * 100 + utc.month;
	parts[2] = utc.day;
	parts[3] = utc.hour;
	parts[4] = utc.minute;
	parts[5] = utc.second;
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		if (i == 1) {
			room[at++] = (char)('0' + parts[1] / 1000);
			room[at++] = (char)('0' + parts[1] / 100 % 10);
		}
		room[at++] = (char)('0' + parts[i] / 10 % 10);
		room[at++] = (char)('0' + parts[i] % 10);
	}
	text_putn(t, room, at);
}

/* RFC 3659, section 7.5.5: what this user may do with it. */
static void
put_perm(struct text *t, const struct vfs_attr *attr)
{
	static const struct {
		uint32_t right;
		char file, dir;
	} letters[] = {
		{ RIGHT_APPEND, 'a', 0 },   { RIGHT_CREATE, 0, 'c' },	 { RIGHT_LIST, 0, 'l' },
		{ RIGHT_READ, 'r', 0 },	    { RIGHT_OVERWRITE, 'w', 0 }, { RIGHT_MKDIR, 0, 'm' },
		{ RIGHT_RENAME, 'f', 'f' }, { RIGHT_DELETE, 'd', 'p' },	 { RIGHT_RMDIR, 0, 'd' },
	};
	const bool is_dir = attr->type == VFS_DIR;
	/* Of sockets, devices and pipes nothing is read or written. */
	const uint32_t rights =
	    attr->type == VFS_OTHER ? attr->rights & (RIGHT_RENAME | RIGHT_DELETE) : attr->rights;

	if (is_dir)
		text_putc(t, 'e');
	for (size_t i = 0; i < COUNT_OF(letters); i++) {
		char c = is_dir ? letters[i].dir : letters[i].file;

		if ((rights & letters[i].right) && c)
			text_putc(t, c);
	}
}

/* An owner in a fact: what would end the fact is replaced. */
static void
put_word(struct text *t, const char *word)
{
	for (; *word; word++) {
		unsigned char c = (unsigned char)*word;

		text_putc(t, c <= 0x20 || c == 0x7f || c == ';' || c == '=' ? '_' : (char)c);
	}
}

static void
put_mode(struct text *t, uint32_t mode)
{
	char room[4] = { '0', (char)('0' + (mode >> 6 & 7)), (char)('0' + (mode >> 3 & 7)),
			 (char)('0' + (mode & 7)) };

	text_putn(t, room, sizeof(room));
}

static void
put_value(struct text *t, const struct vfs_attr *attr, size_t fact)
{
	static const char *const types[] = { [0] = "OS.unix=other",
					     [VFS_FILE] = "file",
					     [VFS_DIR] = "dir",
					     [VFS_LINK] = "OS.unix=symlink",
					     [VFS_OTHER] = "OS.unix=other" };
	unsigned int type = (unsigned int)attr->type;

	switch (fact) {
	case FACT_TYPE:
		text_puts(t, types[type < COUNT_OF(types) ? type : 0]);
		break;
	case FACT_SIZE:
		put_number(t, attr->size, 10);
		break;
	case FACT_MODIFY:
		ftp_fact_put_time(t, attr->mtime);
		break;
	case FACT_PERM:
		put_perm(t, attr);
		break;
	case FACT_UNIQUE:
		put_number(t, attr->dev, 16);
		text_putc(t, 'g');
		put_number(t, attr->ino, 16);
		break;
	case FACT_MODE:
		put_mode(t, attr->mode);
		break;
	case FACT_OWNER:
		put_word(t, attr->owner);
		break;
	case FACT_GROUP:
		put_word(t, attr->group);
		break;
	default:
		break;
	}
}

void
ftp_fact_put(struct text *t, const struct vfs_attr *attr, uint32_t facts)
{
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (!(facts & (1u << i)) || (i == FACT_SIZE && attr->type == VFS_DIR))
			continue;
		text_puts(t, names[i]);
		text_putc(t, '=');
		put_value(t, attr, i);
		text_putc(t, ';');
	}
	text_putc(t, ' ');
}

static unsigned int
digits(const char *s, size_t count)
{
	unsigned int v = 0;

	while (count-- > 0)
		v = v * 10 + (unsigned int)(*s++ - '0');
	return v;
}

int
ftp_fact_time(const char *s, int64_t *ret_seconds)
{
	struct utc utc;

	if (strspn(s, "0123456789") != TIME_DIGITS)
		return -EINVAL;
	/* RFC 3659, section 2.3: a fraction may follow. It is not kept. */
	if (s[TIME_DIGITS] == '.') {
		if (s[TIME_DIGITS + 1 + strspn(s + TIME_DIGITS + 1, "0123456789")] != '\0')
			return -EINVAL;
	} else if (s[TIME_DIGITS] != '\0') {
		return -EINVAL;
	}
	utc.year = digits(s, 4);
	utc.month = digits(s + 4, 2);
	utc.day = digits(s + 6, 2);
	utc.hour = digits(s + 8, 2);
	utc.minute = digits(s + 10, 2);
	utc.second = digits(s + 12, 2);
	return utc_to_seconds(&utc, ret_seconds);
}
