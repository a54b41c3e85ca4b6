/* SPDX-License-Identifier: ISC */
/*
 * hours.h - times of the week as an administrator writes them: days, a time of day, or both.
 *
 *	Mon-Fri 08:00-18:00	Sat,Sun		22:00-06:00	Fri 22:00-02:00
 *
 * A time that passes midnight belongs to the day on which it begins.
 */
#ifndef BASE_HOURS_H
#define BASE_HOURS_H

#include <stdbool.h>
#include <time.h>

/* Is it written like that? */
bool hours_ok(const char *text);

/* Is the moment in it? false for text that is not hours_ok(). */
bool hours_have(const char *text, const struct tm *local);

#endif
