/* SPDX-License-Identifier: ISC */
/* hours.c - "Mon-Fri 08:00-18:00" to a set of days and two minutes of the day. Pure. */
#include "server/base/hours.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "server/base/mem.h"

#define DAY_MINUTES (24u * 60)

struct hours {
	uint8_t days;	       /* bit 0: Sunday, as tm_wday */
	unsigned int from, to; /* minutes of the day; to is not in it, and may be before from */
};

/* Takes the name of a day off *at. Returns -1 when there is none. */
static int
take_day(const char **at)
{
	static const char names[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (strncasecmp(*at, names[i], 3) != 0 || isalpha((unsigned char)(*at)[3]))
			continue;
		*at += 3;
		return (int)i;
	}
	return -1;
}

/* "Mon", "Mon-Fri", "Fri-Mon", and several of them with commas. */
static bool
take_days(const char **at, uint8_t *ret_days)
{
	uint8_t days = 0;

	do {
		int first = take_day(at), last = first;

		if (first < 0)
			return false;
		if (**at == '-') {
			++*at;
			last = take_day(at);
		}
		if (last < 0)
			return false;
		for (int day = first;; day = (day + 1) % 7) {
			days |= (uint8_t)(1u << day);
			if (day == last)
				break;
		}
	} while (**at == ',' && ++*at);
	*ret_days = days;
	return true;
}

/* HH:MM up to 24:00. */
static bool
take_time(const char **at, unsigned int *ret_minute)
{
	const char *p = *at;
	unsigned int minute;

	for (int i = 0; i < 5; i++)
		if (i == 2 ? p[i] != ':' : !isdigit((unsigned char)p[i]))
			return false;
	minute = ((unsigned int)(p[0] - '0') * 10 + (unsigned int)(p[1] - '0')) * 60 +
		 (unsigned int)(p[3] - '0') * 10 + (unsigned int)(p[4] - '0');
	if (p[3] > '5' || minute > DAY_MINUTES)
		return false;
	*at += 5;
	*ret_minute = minute;
	return true;
}

static bool
parse(const char *at, struct hours *ret)
{
	struct hours h = { .days = 0x7f, .to = DAY_MINUTES };

	if (!isdigit((unsigned char)*at)) {
		if (!take_days(&at, &h.days))
			return false;
		if (*at == '\0') {
			*ret = h;
			return true;
		}
		if (*at++ != ' ')
			return false;
	}
	if (!take_time(&at, &h.from) || *at++ != '-' || !take_time(&at, &h.to) || *at != '\0' ||
	    h.from == h.to || h.from == DAY_MINUTES)
		return false;
	*ret = h;
	return true;
}

bool
hours_ok(const char *text)
{
	struct hours h;

	return parse(text, &h);
}

bool
hours_have(const char *text, const struct tm *local)
{
	unsigned int minute = (unsigned int)(local->tm_hour * 60 + local->tm_min);
	unsigned int today = 1u << local->tm_wday, yesterday = 1u << ((local->tm_wday + 6) % 7);
	struct hours h;

	if (!parse(text, &h))
		return false;
	if (h.from < h.to)
		return (h.days & today) && minute >= h.from && minute < h.to;
	return ((h.days & today) && minute >= h.from) || ((h.days & yesterday) && minute < h.to);
}
