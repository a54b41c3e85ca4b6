/* SPDX-License-Identifier: ISC */
/* process.h - what every process of ours does at its start: its name, and what it inherited. */
#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/mem.h"

/* Before anything else in main(): makes room for titles. */
void process_titles(int argc, char *argv[], char *envp[]);

/*
 * Names this process in its log records (word) and for ps and top (title, at most 15 bytes, and
 * what fmt adds, such as a user and an address).
 */
void process_name(const char *word, const char *title, const char *fmt, ...) PRINTF_LIKE(3, 4);

/*
 * Closes every descriptor but the given ones (in any order; -1 is none), 0 to 2, and, with log
 * true, the one that log records go to. Without log, 2 becomes what 0 is, so that nothing of ours
 * can be written to.
 */
void process_keep(const int *fds, size_t count, bool log);

/* Which descriptor log records go to, for those below and process_keep(). */
void process_log_fd(int fd);

/* Makes 2 what log records go to: for another program whose complaints belong there. */
void process_complain_to_log(void);

/* Opens /dev/null on 0 and 1, and on 2 unless the log goes there. */
void process_stdio(void);

#endif
