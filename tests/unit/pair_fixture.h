/* SPDX-License-Identifier: ISC */
/* pair_fixture.h - two ends of a socket of messages, for a test. */
#ifndef TESTS_UNIT_PAIR_FIXTURE_H
#define TESTS_UNIT_PAIR_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/base/buf.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"

static int ends[2];

static inline int
make_pair(void **state)
{
	(void)state;
	return ipc_pair(ends);
}

static inline int
close_pair(void **state)
{
	(void)state;
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	return 0;
}

#define PAIR(f) cmocka_unit_test_setup_teardown(f, make_pair, close_pair)

#endif
