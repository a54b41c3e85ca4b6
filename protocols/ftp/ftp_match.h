/* SPDX-License-Identifier: ISC */
/* ftp_match.h - shell patterns for LIST and NLST. */
#ifndef PROTOCOLS_FTP_FTP_MATCH_H
#define PROTOCOLS_FTP_FTP_MATCH_H

#include <stdbool.h>

/* Does the string have a character that means more than itself? */
bool ftp_match_is_pattern(const char *s);

/*
 * Does the name match: * ? [a-z] [!a-z], bytes, nothing else? The time is bounded by the length of
 * the pattern times that of the name, whatever they are: there are no braces and there is no
 * recursion.
 */
bool ftp_match(const char *pattern, const char *name);

#endif
