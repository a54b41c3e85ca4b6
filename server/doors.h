/* SPDX-License-Identifier: ISC */
/* doors.h - the listening sockets, one for each listener of the configuration. */
#ifndef SERVER_DOORS_H
#define SERVER_DOORS_H

#include <stddef.h>

#include "conf/conf.h"

#define DOORS_MAX CONF_LISTENERS_MAX

struct door {
	int fd;
	const struct conf_listener *listener;
};

struct doors {
	struct door at[DOORS_MAX];
	size_t count;
};

/*
 * Opens what the configuration wants. Sockets of old (may be NULL) with the same address are taken
 * over, as are those of the service manager; old is closed as far as it was not. On an error
 * nothing of old has changed. Returns 0 or -errno, after a log record that names the listener. With
 * all false, a listener that cannot be opened has that record and is left out.
 */
int doors_open(const struct conf *conf, struct doors *old, bool all,
	       struct doors *ret_doors) MUST_CHECK;

void doors_close(struct doors *d);

#endif
