/* SPDX-License-Identifier: ISC */
/*
 * test_proxy.c - PROXY headers as the specification has them, and as no honest balancer sends them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/proxy.h"

static const char *
text_of(const struct sockaddr_storage *a)
{
	static char room[2][64];
	static int turn;
	char ip[INET6_ADDRSTRLEN];
	const struct sockaddr_in *four = (const struct sockaddr_in *)a;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;
	char *to = room[turn++ % 2];

	if (a->ss_family == AF_INET)
		snprintf(to, 64, "%s/%u", inet_ntop(AF_INET, &four->sin_addr, ip, sizeof(ip)),
			 ntohs(four->sin_port));
	else
		snprintf(to, 64, "%s/%u", inet_ntop(AF_INET6, &six->sin6_addr, ip, sizeof(ip)),
			 ntohs(six->sin6_port));
	return to;
}

/* Every prefix wants more, the whole is read, and what is behind it does not matter. */
static void
expect(const void *header, size_t len, const char *peer, const char *reached)
{
	uint8_t *bytes = malloc(len + 4);
	struct proxy p;

	memcpy(bytes, header, len);
	memcpy(bytes + len, "USER", 4);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(proxy_parse(bytes, i, &p), -EAGAIN);
	for (size_t more = 0; more <= 4; more++) {
		assert_int_equal(proxy_parse(bytes, len + more, &p), 0);
		assert_int_equal(p.len, len);
		assert_int_equal(p.local, peer == NULL);
		if (!peer)
			continue;
		assert_string_equal(text_of(&p.peer), peer);
		assert_string_equal(text_of(&p.reached), reached);
	}
	free(bytes);
}

#define V2(command, family, size) "\r\n\r\n\0\r\nQUIT\n" command family size
#define WHOLE(s) s, sizeof(s) - 1

static void
test_headers_of_the_specification_are_read(void **state)
{
	(void)state;
	expect(WHOLE("PROXY TCP4 192.0.2.1 198.51.100.7 40000 21\r\n"), "192.0.2.1/40000",
	       "198.51.100.7/21");
	expect(WHOLE("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"), "2001:db8::1/1",
	       "2001:db8::2/65535");
	expect(WHOLE("PROXY UNKNOWN\r\n"), NULL, NULL);
	expect(WHOLE("PROXY UNKNOWN ffff::1 whatever 1 2\r\n"), NULL, NULL);
	expect(WHOLE(V2("\x21", "\x11", "\0\x0c") "\xc0\0\2\1\xc6\x33\x64\7\x9c\x40\0\x15"),
	       "192.0.2.1/40000", "198.51.100.7/21");
	/* With an extension behind the addresses. */
	expect(WHOLE(V2("\x21", "\x11", "\0\x10") "\xc0\0\2\1\xc6\x33\x64\7\x9c\x40\0\x15\3\0\1x"),
	       "192.0.2.1/40000", "198.51.100.7/21");
	expect(WHOLE(V2("\x21", "\x21", "\0\x24") "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
						  "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\2\0\1\0\2"),
	       "2001:db8::1/1", "2001:db8::2/2");
	expect(WHOLE(V2("\x20", "\0", "\0\0")), NULL, NULL);
	expect(WHOLE(V2("\x20", "\x11", "\0\x0c") "abcdefghijkl"), NULL, NULL);
	expect(WHOLE(V2("\x21", "\0", "\0\0")), NULL, NULL);
}

static void
test_anything_else_is_none(void **state)
{
	static const struct {
		const char *at;
		size_t len;
	} cases[] = {
		{ WHOLE("USER x\r\n") },
		{ WHOLE("PROXY\r\n") },
		{ WHOLE("PROXY TCP4\r\n") },
		{ WHOLE("PROXY TCP4 192.0.2.1 198.51.100.7 40000\r\n") },
		{ WHOLE("PROXY TCP4 192.0.2.1 198.51.100.7 40000 21 x\r\n") },
		{ WHOLE("PROXY TCP4  192.0.2.1 198.51.100.7 40000 21\r\n") },
		{ WHOLE("PROXY TCP4 192.0.2.256 198.51.100.7 40000 21\r\n") },
		{ WHOLE("PROXY TCP4 ::1 ::1 40000 21\r\n") },
		{ WHOLE("PROXY TCP6 192.0.2.1 192.0.2.1 40000 21\r\n") },
		{ WHOLE("PROXY TCP4 192.0.2.1 198.51.100.7 65536 21\r\n") },
		{ WHOLE("PROXY TCP4 192.0.2.1 198.51.100.7 -1 21\r\n") },
		{ WHOLE("PROXY TCP4 192.0.2.1 198.51.100.7 40000 21\n") },
		{ WHOLE("PROXY UDP4 192.0.2.1 198.51.100.7 40000 21\r\n") },
		{ WHOLE("PROXY TCP4 192.0.2.1\0 198.51.100.7 40000 21\r\n") },
		{ WHOLE(V2("\x11", "\x11", "\0\x0c") "abcdefghijkl") }, /* version 1 */
		{ WHOLE(V2("\x22", "\x11", "\0\x0c") "abcdefghijkl") }, /* no such command */
		{ WHOLE(V2("\x21", "\x12", "\0\x0c") "abcdefghijkl") }, /* UDP */
		{ WHOLE(V2("\x21", "\x31", "\0\x0c") "abcdefghijkl") }, /* UNIX */
		{ WHOLE(V2("\x21", "\x11", "\0\x0b") "abcdefghijkl") }, /* too small */
		{ WHOLE(V2("\x21", "\x21", "\0\x0c") "abcdefghijkl") },
		{ WHOLE(V2("\x21", "\x11", "\xff\xff")) }, /* too large */
	};
	struct proxy p;
	char endless[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(proxy_parse((const uint8_t *)cases[i].at, cases[i].len, &p),
				 -EBADMSG);
	memset(endless, 'x', sizeof(endless));
	memcpy(endless, "PROXY ", 6);
	assert_int_equal(proxy_parse((const uint8_t *)endless, 106, &p), -EAGAIN);
	assert_int_equal(proxy_parse((const uint8_t *)endless, 107, &p), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers_of_the_specification_are_read),
		cmocka_unit_test(test_anything_else_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
