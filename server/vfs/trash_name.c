/* SPDX-License-Identifier: ISC */
/*
 * trash_name.c - names in the trash. Arithmetic only; the C library's own calendar would read the
 * machine's time zone, which nobody here can.
 */
#include "server/vfs/trash_name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/base/text.h"

#define DAY_S 86400u
#define STAMP_LEN 19 /* YYYYMMDD-HHMMSS-mmm */
#define SLOT_LEN 3   /* vNN */
#define HASH_LEN 16

/* Days since 1970 as a date, counted in years that begin in March and in eras of 400 of them. */
static void
date_of(uint64_t days, unsigned int *ret_year, unsigned int *ret_month, unsigned int *ret_day)
{
	uint64_t z = days + 719468, era = z / 146097, doe = z % 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*ret_day = (unsigned int)(doy - (153 * mp + 2) / 5 + 1);
	*ret_month = (unsigned int)(mp < 10 ? mp + 3 : mp - 9);
	*ret_year = (unsigned int)(yoe + era * 400 + (*ret_month <= 2));
}

static uint64_t
days_of(uint64_t year, uint64_t month, uint64_t day)
{
	uint64_t y = year - (month <= 2), era = y / 400, yoe = y % 400;
	uint64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int
put_head(unsigned int version, uint64_t at_ms, char *room, size_t size)
{
	uint64_t s = at_ms / 1000, in_day = s % DAY_S;
	unsigned int year, month, day;

	if (version > 0)
		return snprintf(room, size, "v%02u", version % 100);
	date_of(s / DAY_S, &year, &month, &day);
	return snprintf(room, size, "%04u%02u%02u-%02u%02u%02u-%03u", year % 10000, month, day,
			(unsigned int)(in_day / 3600), (unsigned int)(in_day / 60 % 60),
			(unsigned int)(in_day % 60), (unsigned int)(at_ms % 1000));
}

void
trash_name_put(unsigned int version, uint64_t at_ms, const char *name, char room[TRASH_NAME_MAX])
{
	size_t head = (size_t)put_head(version, at_ms, room, TRASH_NAME_MAX), len = strlen(name);
	size_t fits = TRASH_NAME_MAX - 1 - head - 1;

	if (len <= fits) {
		(void)snprintf(room + head, TRASH_NAME_MAX - head, "~%s", name);
		return;
	}
	len = fits - 1 - HASH_LEN;
	/* Some filesystems take UTF-8 only, so no character may be cut in two. */
	while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80)
		len--;
	(void)snprintf(room + head, TRASH_NAME_MAX - head, "+%016" PRIx64 "~%.*s", text_hash(name),
		       (int)len, name);
}

/* So many decimal digits, or -1. */
static int
digits(const char *s, int count)
{
	int n = 0;

	for (int i = 0; i < count; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		n = 10 * n + (s[i] - '0');
	}
	return n;
}

/* Returns the length of the stamp or of the slot, 0 for neither. */
static size_t
get_head(const char *hidden, struct trash_label *l)
{
	int year, month, day, h, m, s, ms, version;

	if (hidden[0] == 'v') {
		version = digits(hidden + 1, 2);
		l->version = version > 0 ? (unsigned int)version : 0;
		return version > 0 ? SLOT_LEN : 0;
	}
	if (strnlen(hidden, STAMP_LEN) < STAMP_LEN || hidden[8] != '-' || hidden[15] != '-')
		return 0;
	year = digits(hidden, 4);
	month = digits(hidden + 4, 2);
	day = digits(hidden + 6, 2);
	h = digits(hidden + 9, 2);
	m = digits(hidden + 11, 2);
	s = digits(hidden + 13, 2);
	ms = digits(hidden + 16, 3);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || h < 0 || h > 23 ||
	    m < 0 || m > 59 || s < 0 || s > 60 || ms < 0)
		return 0;
	l->version = 0;
	l->at_ms = (days_of((uint64_t)year, (uint64_t)month, (uint64_t)day) * DAY_S +
		    (uint64_t)(h * 3600 + m * 60 + s)) *
		       1000 +
		   (uint64_t)ms;
	return STAMP_LEN;
}

bool
trash_name_get(const char *hidden, struct trash_label *ret_label)
{
	struct trash_label l = { .version = 0 };
	size_t head = get_head(hidden, &l);
	const char *rest = hidden + head;

	if (head == 0)
		return false;
	if (*rest == '+') {
		if (strnlen(rest, HASH_LEN + 2) < HASH_LEN + 2)
			return false;
		rest += 1 + HASH_LEN;
		l.is_cut = true;
	}
	if (rest[0] != '~' || rest[1] == '\0')
		return false;
	l.name = rest + 1;
	*ret_label = l;
	return true;
}

/* Is the component at s TRASH_DIR? */
static bool
is_trash(const char *s, size_t len)
{
	return len == strlen(TRASH_DIR) && memcmp(s, TRASH_DIR, len) == 0;
}

bool
trash_name_is_inside(const char *inner)
{
	while (*inner) {
		size_t len = (size_t)(strchrnul(inner, '/') - inner);

		if (is_trash(inner, len))
			return true;
		inner += len;
		while (*inner == '/')
			inner++;
	}
	return false;
}

int
trash_name_origin(const char *inner, char *room, size_t size)
{
	bool wrapped = false; /* the component before was TRASH_DIR */
	char name[TRASH_NAME_MAX];
	struct text t;

	text_init(&t, room, size);
	while (*inner) {
		size_t len = (size_t)(strchrnul(inner, '/') - inner);
		struct trash_label l = { .name = name };

		if (is_trash(inner, len)) {
			wrapped = true;
		} else if (len >= sizeof(name)) {
			return -ENAMETOOLONG;
		} else {
			memcpy(name, inner, len);
			name[len] = '\0';
			if (wrapped)
				(void)trash_name_get(name, &l); /* a stranger keeps its name */
			if (l.is_cut)
				return -ENAMETOOLONG;
			if (t.len > 0)
				text_putc(&t, '/');
			text_puts(&t, l.name);
			wrapped = false;
		}
		inner += len;
		while (*inner == '/')
			inner++;
	}
	return t.cut ? -ENAMETOOLONG : 0;
}
