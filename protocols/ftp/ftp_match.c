/* SPDX-License-Identifier: ISC */
/* ftp_match.c - patterns without backtracking: only the last star is ever tried again. */
#include "protocols/ftp/ftp_match.h"

#include <stddef.h>
#include <string.h>

bool
ftp_match_is_pattern(const char *s)
{
	return strpbrk(s, "*?[") != NULL;
}

/* A set begins at p. Returns what is behind it, or NULL when it has no end and is no set. */
static const char *
set_has(const char *p, unsigned char c, bool *ret_has)
{
	bool negated, found = false;
	const char *first;

	p++;
	negated = *p == '!' || *p == '^';
	p += negated;
	for (first = p; *p && (*p != ']' || p == first); p++) {
		unsigned char low = (unsigned char)*p, high = low;

		if (p[1] == '-' && p[2] && p[2] != ']') {
			high = (unsigned char)p[2];
			p += 2;
		}
		found = found || (low <= c && c <= high);
	}
	if (*p != ']')
		return NULL;
	*ret_has = found != negated;
	return p + 1;
}

/*
 * Does the first element of pattern, which is no star, stand for c? Returns what is behind it, or
 * NULL.
 */
static const char *
one_matches(const char *pattern, char c)
{
	bool has = false;
	const char *behind;

	if (*pattern == '[' && (behind = set_has(pattern, (unsigned char)c, &has)) != NULL)
		return has ? behind : NULL;
	return *pattern == c || *pattern == '?' ? pattern + 1 : NULL;
}

bool
ftp_match(const char *pattern, const char *name)
{
	const char *behind_star = NULL, *star_name = NULL;

	while (*name) {
		const char *next = NULL;

		if (*pattern == '*') {
			behind_star = ++pattern;
			star_name = name;
			continue;
		}
		if (*pattern)
			next = one_matches(pattern, *name);
		if (next) {
			pattern = next;
			name++;
		} else if (behind_star) {
			pattern = behind_star;
			name = ++star_name;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
