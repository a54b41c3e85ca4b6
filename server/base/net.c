/* SPDX-License-Identifier: ISC */
/* net.c - addresses and networks as text. Bits behind the prefix mean nothing. */
#include "server/base/net.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "server/base/text.h"

/* Takes a network apart. Returns its family, or 0. */
static int
parse(const char *network, uint8_t at[16], uint64_t *ret_bits)
{
	const char *slash = strchr(network, '/');
	size_t len = slash ? (size_t)(slash - network) : strlen(network);
	int family = strchr(network, ':') ? AF_INET6 : AF_INET;
	char host[64];

	*ret_bits = family == AF_INET6 ? 128 : 32;
	if (len >= sizeof(host) || (slash && num_u64(slash + 1, *ret_bits, ret_bits) < 0))
		return 0;
	memcpy(host, network, len);
	host[len] = '\0';
	return inet_pton(family, host, at) == 1 ? family : 0;
}

bool
net_is_network(const char *network)
{
	uint8_t at[16];
	uint64_t bits;

	return parse(network, at, &bits) != 0;
}

bool
net_has(const char *network, const char *addr)
{
	uint8_t a[16], n[16];
	uint64_t bits;
	int family = parse(network, n, &bits);

	if (!family || inet_pton(family, addr, a) != 1 || memcmp(a, n, bits / 8) != 0)
		return false;
	if (bits % 8 == 0)
		return true;
	return ((a[bits / 8] ^ n[bits / 8]) & (uint8_t)(0xff00u >> (bits % 8))) == 0;
}
