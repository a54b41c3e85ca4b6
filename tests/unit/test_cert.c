/* SPDX-License-Identifier: ISC */
/* test_cert.c - a certificate of ssh-keygen's, what it says, and what is made of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/evp.h>

#include "auth/cert.h"

/*
 * ssh-keygen -s ca -I 'an id' -z 17 -n alice,bob -V 20200101000000Z:20300101000000Z
 *            -O source-address=192.0.2.0/24,2001:db8::/32 u.pub
 */
static const char base64[] =
    "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIEQEeTgG2L72ReFHLlVvzVTbwTHE"
    "chXelu24nm1aV0fcAAAAICuVBcLjG6GxPJz9RfM3OD+SlfhBLPphwlOwsfY3DXRNAAAAAAAAABEAAAAB"
    "AAAABWFuIGlkAAAAEAAAAAVhbGljZQAAAANib2IAAAAAXgvhAAAAAABw29iAAAAANAAAAA5zb3VyY2Ut"
    "YWRkcmVzcwAAAB4AAAAaMTkyLjAuMi4wLzI0LDIwMDE6ZGI4OjovMzIAAACCAAAAFXBlcm1pdC1YMTEt"
    "Zm9yd2FyZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcmRpbmcAAAAAAAAAFnBlcm1pdC1wb3J0"
    "LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1wdHkAAAAAAAAADnBlcm1pdC11c2VyLXJjAAAAAAAAAAAA"
    "AAAzAAAAC3NzaC1lZDI1NTE5AAAAIDQoCItWGOwwu1U047E83Ioj9dfL29wFpC+B4h4FO5vaAAAAUwAA"
    "AAtzc2gtZWQyNTUxOQAAAEDFYsz/eCvexgwFX+T5Ns6/8DhuQ/M9O8ufo70++bsutMkJAnLiLY45cxYY"
    "QttFD8oUQhmuG5ow0U7ztl6CdqkM";

#define YEAR_2020 1577836800
#define YEAR_2030 1893456000

static uint8_t blob[1024];
static size_t blob_len;

static int
decode(void **state)
{
	int n = EVP_DecodeBlock(blob, (const unsigned char *)base64, (int)strlen(base64));

	(void)state;
	blob_len = (size_t)n - (strlen(base64) - strcspn(base64, "="));
	return n > 0 ? 0 : -1;
}

static void
test_what_it_says_is_read(void **state)
{
	struct cert c;

	(void)state;
	assert_int_equal(cert_parse(blob, blob_len, &c), 0);
	assert_string_equal(c.type, "ssh-ed25519");
	assert_string_equal(c.id, "an id");
	assert_int_equal(c.serial, 17);
	assert_int_equal(c.kind, 1);
	assert_int_equal(c.valid_after, YEAR_2020);
	assert_int_equal(c.valid_before, YEAR_2030);
}

static void
test_every_cut_and_every_tail_is_an_error(void **state)
{
	struct cert c;
	uint8_t more[sizeof(blob) + 1];

	(void)state;
	for (size_t len = 0; len < blob_len; len++)
		assert_int_equal(cert_parse(blob, len, &c), -EINVAL);
	memcpy(more, blob, blob_len);
	more[blob_len] = 0;
	assert_int_equal(cert_parse(more, blob_len + 1, &c), -EINVAL);
}

static void
test_it_is_good_for_whom_when_and_where_it_says(void **state)
{
	static const struct {
		struct cert_question q;
		const char *reason; /* NULL: good */
	} cases[] = {
		{ { "alice", NULL, "192.0.2.7", YEAR_2020 }, NULL },
		{ { "bob", NULL, "2001:db8::1", YEAR_2030 - 1 }, NULL },
		{ { "carol", "bob", "192.0.2.7", YEAR_2020 }, NULL },
		{ { "carol", "dave,alice", "192.0.2.7", YEAR_2020 }, NULL },
		{ { "alice", NULL, "192.0.2.7", YEAR_2020 - 1 }, "not valid yet" },
		{ { "alice", NULL, "192.0.2.7", YEAR_2030 }, "expired" },
		{ { "alice", NULL, "192.0.3.7", YEAR_2020 }, "source-address" },
		{ { "carol", NULL, "192.0.2.7", YEAR_2020 }, "principals" },
		{ { "ali", NULL, "192.0.2.7", YEAR_2020 }, "principals" },
		{ { "alice,bob", NULL, "192.0.2.7", YEAR_2020 }, "principals" },
		{ { "alice", "", "192.0.2.7", YEAR_2020 }, "principals" },
		{ { "alice", "carol", "192.0.2.7", YEAR_2020 }, "principals" },
	};
	struct cert c;

	(void)state;
	assert_int_equal(cert_parse(blob, blob_len, &c), 0);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *reason = "";
		int err = cert_check(&c, &cases[i].q, &reason);

		assert_int_equal(err, cases[i].reason ? -EACCES : 0);
		if (cases[i].reason)
			assert_non_null(strstr(reason, cases[i].reason));
	}
}

static void
test_no_changed_bit_is_good(void **state)
{
	const struct cert_question q = { "alice", NULL, "192.0.2.7", YEAR_2020 };
	struct cert c;
	const char *reason;

	(void)state;
	for (size_t i = 0; i < blob_len; i++) {
		blob[i] ^= 0x10;
		assert_true(cert_parse(blob, blob_len, &c) < 0 || cert_check(&c, &q, &reason) < 0);
		blob[i] ^= 0x10;
	}
}

static void
test_names_with_and_without_certificates(void **state)
{
	static const char *const names[][2] = {
		{ "ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519" },
		{ "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-512" },
		{ "sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com" },
		{ "ssh-ed25519", "ssh-ed25519" },
		{ "-cert-v01@openssh.com", "-cert-v01@openssh.com" },
	};
	char room[64], small[8];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		assert_int_equal(cert_plain_name(names[i][0], room, sizeof(room)), 0);
		assert_string_equal(room, names[i][1]);
	}
	assert_int_equal(cert_plain_name("ssh-ed25519", small, sizeof(small)), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_says_is_read),
		cmocka_unit_test(test_every_cut_and_every_tail_is_an_error),
		cmocka_unit_test(test_it_is_good_for_whom_when_and_where_it_says),
		cmocka_unit_test(test_no_changed_bit_is_good),
		cmocka_unit_test(test_names_with_and_without_certificates),
	};

	return cmocka_run_group_tests(tests, decode, NULL);
}
