/* SPDX-License-Identifier: ISC */
/* source.c - addresses of clients. */
#include "server/source.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

void
source_unmap(struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)addr;
	struct sockaddr_in four = { .sin_family = AF_INET };

	if (addr->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return;
	four.sin_port = six->sin6_port;
	memcpy(&four.sin_addr, six->sin6_addr.s6_addr + 12, sizeof(four.sin_addr));
	memset(addr, 0, sizeof(*addr));
	memcpy(addr, &four, sizeof(four));
}

void
source_text(const struct sockaddr_storage *addr, char room[SESSION_ADDR_MAX])
{
	const void *at = addr->ss_family == AF_INET6
			     ? (const void *)&((const struct sockaddr_in6 *)addr)->sin6_addr
			     : (const void *)&((const struct sockaddr_in *)addr)->sin_addr;

	if (!inet_ntop(addr->ss_family, at, room, SESSION_ADDR_MAX))
		memcpy(room, "?", sizeof("?"));
}

struct source
source_of(const struct sockaddr_storage *addr)
{
	struct source s = { { 0 } };

	if (addr->ss_family == AF_INET6) {
		memcpy(s.key, ((const struct sockaddr_in6 *)addr)->sin6_addr.s6_addr, 8);
		s.key[15] = 6; /* no IPv4 address looks like this */
	} else {
		memcpy(s.key, &((const struct sockaddr_in *)addr)->sin_addr, 4);
		s.key[15] = 4;
	}
	return s;
}

struct source
source_network(const struct source *source)
{
	struct source s = { { 0 } };
	bool six = source->key[15] == 6;

	memcpy(s.key, source->key, six ? 6 : 3);
	s.key[14] = 1; /* no address looks like this */
	s.key[15] = source->key[15];
	return s;
}

bool
source_parse(const char *text, struct source *ret_source)
{
	struct sockaddr_storage addr = { 0 };
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&addr;
	struct sockaddr_in *four = (struct sockaddr_in *)&addr;
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char host[INET6_ADDRSTRLEN];

	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(AF_INET, host, &four->sin_addr) == 1)
		addr.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1)
		addr.ss_family = AF_INET6;
	else
		return false;
	source_unmap(&addr);
	*ret_source = source_of(&addr);
	if (slash && strcmp(slash, addr.ss_family == AF_INET6 ? "/48" : "/24") == 0)
		*ret_source = source_network(ret_source);
	else if (slash && !(addr.ss_family == AF_INET6 && strcmp(slash, "/64") == 0))
		return false;
	return true;
}

void
source_print(const struct source *source, char room[SOURCE_TEXT_MAX])
{
	uint8_t bytes[16] = { 0 };
	bool six = source->key[15] == 6, network = source->key[14] == 1;
	const char *behind = !network ? (six ? "/64" : "") : six ? "/48" : "/24";

	memcpy(bytes, source->key, six ? 8 : 4);
	if (!inet_ntop(six ? AF_INET6 : AF_INET, bytes, room, SOURCE_TEXT_MAX - 4))
		room[0] = '\0';
	memcpy(room + strlen(room), behind, strlen(behind) + 1);
}

bool
source_equal(const struct source *a, const struct source *b)
{
	return memcmp(a->key, b->key, sizeof(a->key)) == 0;
}
