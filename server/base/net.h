/* SPDX-License-Identifier: ISC */
/* net.h - addresses and networks as an administrator writes them. No name is ever resolved. */
#ifndef BASE_NET_H
#define BASE_NET_H

#include <stdbool.h>

/* Is it an IPv4 or IPv6 address, or one with /bits behind it? */
bool net_is_network(const char *network);

/* Is the address (text, without a port) in the network, or the same address? */
bool net_has(const char *network, const char *addr);

#endif
