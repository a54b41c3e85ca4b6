/* SPDX-License-Identifier: ISC */
/* process.c - names and inherited descriptors. */
#include "server/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <bsd/unistd.h>

#include "server/base/fail.h"
#include "server/base/log.h"

#define KEEP_MAX 48 /* every door, and what else is handed over */

static int log_descriptor = STDERR_FILENO;

void
process_titles(int argc, char *argv[], char *envp[])
{
	setproctitle_init(argc, argv, envp);
}

void
process_name(const char *word, const char *title, const char *fmt, ...)
{
	char about[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(about, sizeof(about), fmt, args);
	va_end(args);
	log_process(word);
	setproctitle("-%s%s%s", title, about[0] ? ": " : "", about);
	prctl(PR_SET_NAME, title, 0, 0, 0);
}

static int
compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void
process_keep(const int *fds, size_t count, bool log)
{
	int keep[KEEP_MAX];
	unsigned int next = STDERR_FILENO + 1;

	if (count + 1 > KEEP_MAX)
		bug("%zu descriptors to keep", count);
#ifdef COFFER_SANITIZED /* their reports go there */
	log = true;
#endif
	for (size_t i = 0; i < count; i++)
		keep[i] = fds[i];
	if (log)
		keep[count++] = log_descriptor;
	else if (dup2(STDIN_FILENO, STDERR_FILENO) < 0)
		die("dup2: %s", strerror(errno));
	qsort(keep, count, sizeof(*keep), compare_fds);
	for (size_t i = 0; i < count; i++) {
		unsigned int fd = (unsigned int)keep[i];

		if (keep[i] < 0 || fd < next)
			continue;
		if (fd > next && close_range(next, fd - 1, 0) < 0)
			die("close_range: %s", strerror(errno));
		next = fd + 1;
	}
	if (close_range(next, ~0u, 0) < 0)
		die("close_range: %s", strerror(errno));
}

void
process_log_fd(int fd)
{
	log_descriptor = fd;
}

void
process_complain_to_log(void)
{
	if (log_descriptor != STDERR_FILENO && dup2(log_descriptor, STDERR_FILENO) < 0)
		die("dup2: %s", strerror(errno));
}

void
process_stdio(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		die("cannot open /dev/null: %s", strerror(errno));
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fd != log_descriptor && dup2(null, fd) < 0)
			die("dup2: %s", strerror(errno));
	if (null > STDERR_FILENO)
		close(null);
}
