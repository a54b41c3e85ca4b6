/* SPDX-License-Identifier: ISC */
/*
 * notify.h - the service manager's protocol: sd_notify(3) and sd_listen_fds(3), without its
 * library.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include "server/base/mem.h"

/*
 * Tells the manager, if there is one, lines such as "READY=1" or "STATUS=...". Errors are ignored.
 */
void notify_send(const char *lines);

/*
 * Number of sockets that were passed to us from descriptor 3 on; they are made CLOEXEC. Call once.
 */
int notify_sockets(void);

#endif
