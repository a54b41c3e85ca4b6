/* SPDX-License-Identifier: ISC */
/*
 * sftp_words.h - a command line in words, as a shell would see it that knows quotes and nothing
 * else.
 */
#ifndef PROTOCOLS_SFTP_SFTP_WORDS_H
#define PROTOCOLS_SFTP_SFTP_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/mem.h"

/*
 * Cuts line into at most max words, in place: blanks part them; '...', "..." and \ hide what they
 * hide in sh(1), and a ~ that is the whole word or stands before a slash becomes a dot, since
 * paths begin at home. Returns 0 and their number; -EINVAL: a quote is open, or there is something
 * unquoted that would mean more to a shell ($ ` ; & | < > ( ) * ? [ and line ends, # and other ~
 * where a word begins); -E2BIG: more words. patterns: * ? [ stand for themselves, as where no file
 * fits a shell's pattern.
 */
int sftp_words(char *line, bool patterns, char **words, size_t max, size_t *ret_count) MUST_CHECK;

#endif
