/* SPDX-License-Identifier: ISC */
/*
 * utc.c - days and dates in the proleptic Gregorian calendar. Owns: that arithmetic. Must not: know
 * a time zone, or ask the C library for one.
 *
 * Years are counted from March, so that the leap day is the last day of a year and every month
 * begins at (153 * m + 2) / 5; 146097 days are 400 years, after which everything repeats.
 */
#include "protocols/common/utc.h"

#include <errno.h>

#define DAY_SECONDS 86400
#define ERA_DAYS 146097
/* Days from 0000-03-01 to 1970-01-01. */
#define EPOCH_DAYS 719468
/* 0000-01-01 00:00:00 and 9999-12-31 23:59:59. */
#define FIRST_SECOND INT64_C(-62167219200)
#define LAST_SECOND INT64_C(253402300799)

void
utc_from_seconds(int64_t seconds, struct utc *ret_utc)
{
	int64_t days, rest, era;
	unsigned int day_of_era, year_of_era, day_of_year, month;

	if (seconds < FIRST_SECOND)
		seconds = FIRST_SECOND;
	if (seconds > LAST_SECOND)
		seconds = LAST_SECOND;
	days = seconds / DAY_SECONDS;
	rest = seconds % DAY_SECONDS;
	if (rest < 0) {
		rest += DAY_SECONDS;
		days--;
	}
	days += EPOCH_DAYS;
	era = (days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS;
	day_of_era = (unsigned int)(days - era * ERA_DAYS);
	year_of_era =
	    (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * day_of_year + 2) / 153;

	ret_utc->day = day_of_year - (153 * month + 2) / 5 + 1;
	ret_utc->month = month < 10 ? month + 3 : month - 9;
	ret_utc->year = (unsigned int)((int64_t)year_of_era + era * 400 + (month >= 10));
	ret_utc->hour = (unsigned int)(rest / 3600);
	ret_utc->minute = (unsigned int)(rest / 60 % 60);
	ret_utc->second = (unsigned int)(rest % 60);
}

static unsigned int
days_of_month(unsigned int year, unsigned int month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

int
utc_to_seconds(const struct utc *utc, int64_t *ret_seconds)
{
	unsigned int month;
	int64_t year, era, day_of_year, day_of_era, days;

	if (utc->year > 9999 || utc->month < 1 || utc->month > 12 || utc->day < 1 ||
	    utc->day > days_of_month(utc->year, utc->month))
		return -EINVAL;
	/* A leap second (RFC 3659, section 2.3) is the first second of the next minute. */
	if (utc->hour > 23 || utc->minute > 59 || utc->second > 60)
		return -EINVAL;
	year = (int64_t)utc->year - (utc->month <= 2);
	era = (year >= 0 ? year : year - 399) / 400;
	month = utc->month > 2 ? utc->month - 3 : utc->month + 9;
	day_of_year = (153 * month + 2) / 5 + utc->day - 1;
	year -= era * 400;
	day_of_era = year * 365 + year / 4 - year / 100 + day_of_year;
	days = era * ERA_DAYS + day_of_era - EPOCH_DAYS;
	*ret_seconds = days * DAY_SECONDS + (int64_t)utc->hour * 3600 + (int64_t)utc->minute * 60 +
		       utc->second;
	return 0;
}
