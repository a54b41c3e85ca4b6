/* SPDX-License-Identifier: ISC */
/* net.h - addresses and networks as an administrator writes them. No name is ever resolved. */
#ifndef BASE_NET_H
#define BASE_NET_H

#include <stdbool.h>
#include <sys/socket.h>

#include "server/base/mem.h"

/* Is it an IPv4 or IPv6 address, or one with /bits behind it? */
bool net_is_network(const char *network);

/* Is the address (text, without a port) in the network, or the same address? */
bool net_has(const char *network, const char *addr);

/* An address and a port, as 192.0.2.1:6379 or [2001:db8::1]:6379. Returns 0 or -EINVAL. */
int net_endpoint(const char *text, struct sockaddr_storage *ret_addr,
		 socklen_t *ret_len) MUST_CHECK;

#endif
