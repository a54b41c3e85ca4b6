/* SPDX-License-Identifier: ISC */
/* proxy.c - reads PROXY headers. Distrusts them: they come over the network. Owns nothing. */
#include "server/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "server/base/text.h"

static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
				       0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };
#define V2_HEAD 16u
#define V2_VERSION 0x20u
#define V2_LOCAL 0u
#define V2_PROXY 1u
#define V2_TCP4 0x11u
#define V2_TCP6 0x21u
/* "PROXY TCP6 " with two addresses and ports, and CR LF. */
#define V1_MAX 107u

static void
set_four(struct sockaddr_storage *ret, const uint8_t ip[4], uint16_t port)
{
	struct sockaddr_in *a = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof(*ret));
	a->sin_family = AF_INET;
	memcpy(&a->sin_addr, ip, 4);
	a->sin_port = htons(port);
}

static void
set_six(struct sockaddr_storage *ret, const uint8_t ip[16], uint16_t port)
{
	struct sockaddr_in6 *a = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	a->sin6_family = AF_INET6;
	memcpy(&a->sin6_addr, ip, 16);
	a->sin6_port = htons(port);
}

static uint16_t
get_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static int
parse_v2(const uint8_t *at, size_t len, struct proxy *ret)
{
	const uint8_t *body = at + V2_HEAD;
	uint8_t command = at[12] & 0x0f;
	size_t size;

	if ((at[12] & 0xf0) != V2_VERSION || command > V2_PROXY)
		return -EBADMSG;
	size = get_u16(at + 14);
	if (size > PROXY_MAX - V2_HEAD)
		return -EBADMSG;
	if (len < V2_HEAD + size)
		return -EAGAIN;
	ret->len = V2_HEAD + size;
	ret->local = command == V2_LOCAL || at[13] == 0;
	if (ret->local)
		return 0;
	if (at[13] == V2_TCP4 && size >= 12) {
		set_four(&ret->peer, body, get_u16(body + 8));
		set_four(&ret->reached, body + 4, get_u16(body + 10));
		return 0;
	}
	if (at[13] == V2_TCP6 && size >= 36) {
		set_six(&ret->peer, body, get_u16(body + 32));
		set_six(&ret->reached, body + 16, get_u16(body + 34));
		return 0;
	}
	return -EBADMSG;
}

static bool
set_text(struct sockaddr_storage *ret, int family, const char *ip, const char *port)
{
	uint8_t bytes[16];
	uint64_t number;

	if (inet_pton(family, ip, bytes) != 1 || num_u64(port, 65535, &number) < 0)
		return false;
	if (family == AF_INET)
		set_four(ret, bytes, (uint16_t)number);
	else
		set_six(ret, bytes, (uint16_t)number);
	return true;
}

/* Returns the number of fields, which may be more than max; those behind it are not kept. */
static size_t
split(char *line, char *field[], size_t max)
{
	size_t n = 0;

	for (char *at = line; at; n++) {
		char *blank = strchr(at, ' ');

		if (blank)
			*blank++ = '\0';
		if (n < max)
			field[n] = at;
		at = blank;
	}
	return n;
}

/* "PROXY TCP4 192.0.2.1 192.0.2.2 40000 21", with exactly one blank between two fields. */
static int
parse_line(char *line, struct proxy *ret)
{
	char *field[6];
	size_t n = split(line, field, COUNT_OF(field));
	int family;

	if (n >= 2 && strcmp(field[1], "UNKNOWN") == 0) {
		ret->local = true;
		return 0;
	}
	if (n != COUNT_OF(field))
		return -EBADMSG;
	if (strcmp(field[1], "TCP4") == 0)
		family = AF_INET;
	else if (strcmp(field[1], "TCP6") == 0)
		family = AF_INET6;
	else
		return -EBADMSG;
	return set_text(&ret->peer, family, field[2], field[4]) &&
		       set_text(&ret->reached, family, field[3], field[5])
		   ? 0
		   : -EBADMSG;
}

static int
parse_v1(const uint8_t *at, size_t len, struct proxy *ret)
{
	static const char word[] = "PROXY ";
	size_t most = len < V1_MAX ? len : V1_MAX;
	const uint8_t *end = memchr(at, '\n', most);
	char line[V1_MAX + 1];

	if (memcmp(at, word, len < strlen(word) ? len : strlen(word)) != 0)
		return -EBADMSG;
	if (!end)
		return len >= V1_MAX ? -EBADMSG : -EAGAIN;
	ret->len = (size_t)(end - at) + 1;
	if (ret->len < 2 || end[-1] != '\r' || memchr(at, '\0', ret->len))
		return -EBADMSG;
	memcpy(line, at, ret->len - 2);
	line[ret->len - 2] = '\0';
	return parse_line(line, ret);
}

int
proxy_parse(const uint8_t *at, size_t len, struct proxy *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (len == 0)
		return -EAGAIN;
	if (memcmp(at, signature, len < sizeof(signature) ? len : sizeof(signature)) != 0)
		return parse_v1(at, len, ret);
	return len < V2_HEAD ? -EAGAIN : parse_v2(at, len, ret);
}
