/* SPDX-License-Identifier: ISC */
/* net.c - addresses and networks as text. Bits behind the prefix mean nothing. */
#include "server/base/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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
	if (inet_pton(family, host, at) != 1)
		return 0;
	/* Clients are never seen under such an address, so a rule with it would be none. */
	return family == AF_INET6 && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)at)
		   ? 0
		   : family;
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

int
net_endpoint(const char *text, struct sockaddr_storage *ret_addr, socklen_t *ret_len)
{
	const char *colon = strrchr(text, ':');
	bool six = *text == '[' && colon > text && colon[-1] == ']';
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	size_t len = colon ? (size_t)(colon - text) - (six ? 2 : 0) : 0;
	char host[64];
	uint64_t port;

	if (len == 0 || len >= sizeof(host) || num_u64(colon + 1, 65535, &port) < 0 || port == 0)
		return -EINVAL;
	memcpy(host, text + six, len);
	host[len] = '\0';
	memset(ret_addr, 0, sizeof(*ret_addr));
	in6.sin6_port = in4.sin_port = htons((uint16_t)port);
	if (six && inet_pton(AF_INET6, host, &in6.sin6_addr) == 1) {
		memcpy(ret_addr, &in6, sizeof(in6));
		*ret_len = sizeof(in6);
	} else if (!six && inet_pton(AF_INET, host, &in4.sin_addr) == 1) {
		memcpy(ret_addr, &in4, sizeof(in4));
		*ret_len = sizeof(in4);
	} else {
		return -EINVAL;
	}
	return 0;
}
