/* SPDX-License-Identifier: ISC */
/*
 * filter_cost.c - nanoseconds that wire's filters add to one system call: a call that does next to
 * nothing, many times.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/base/mem.h"
#include "server/sandbox_filter.h"

#define CALLS 3000000

static double
cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double
nanoseconds(int fd)
{
	double begin = cpu();

	for (int i = 0; i < CALLS; i++)
		ignore_result((int)write(fd, "", 1));
	return (cpu() - begin) * 1e9 / CALLS;
}

int
main(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	double without, with;

	filter_prepare();
	without = nanoseconds(fd);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	filter_enter(FILTER_NEVER, 0, -1);
	filter_enter(FILTER_WIRE, 0, -1);
	with = nanoseconds(fd);
	printf("%.1f\n", with - without);
	return 0;
}
