/* SPDX-License-Identifier: ISC */
/* test_sign_shape.c - what signer and monitor let pass, and nothing beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/sign.h"

#define LABEL "TLS 1.3, server CertificateVerify"

static size_t
tls13(uint8_t *room, const char *label, size_t hash_len)
{
	memset(room, ' ', 64);
	memcpy(room + 64, label, strlen(label) + 1);
	memset(room + 64 + strlen(label) + 1, 0xaa, hash_len);
	return 64 + strlen(label) + 1 + hash_len;
}

static void
test_ssh_signs_hashes_of_three_lengths(void **state)
{
	static const size_t good[] = { 32, 48, 64 };
	uint8_t room[SIGN_TBS_MAX] = { 0 };

	(void)state;
	for (size_t len = 0; len <= sizeof(room); len++) {
		bool want = false;

		for (size_t i = 0; i < COUNT_OF(good); i++)
			want |= good[i] == len;
		assert_int_equal(sign_shape_ok(SIGN_SSH, room, len), want);
	}
}

static void
test_tls13_signs_the_servers_context_only(void **state)
{
	static const struct {
		const char *label;
		size_t hash_len;
		bool ok;
	} cases[] = {
		{ LABEL, 32, true },
		{ LABEL, 48, true },
		{ LABEL, 31, false },
		{ LABEL, 64, false },
		{ LABEL, 0, false },
		{ "TLS 1.3, client CertificateVerify", 32, false },
		{ "TLS 1.3, server CertificateVerif?", 32, false },
	};
	uint8_t room[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		size_t len = tls13(room, cases[i].label, cases[i].hash_len);

		assert_int_equal(sign_shape_ok(SIGN_TLS, room, len), cases[i].ok);
		assert_false(sign_shape_ok(SIGN_SSH, room, len));
		room[len / 4] ^= 1; /* a space, for all of these */
		assert_false(sign_shape_ok(SIGN_TLS, room, len));
	}
}

static void
test_tls12_signs_named_curves_only(void **state)
{
	static const struct {
		uint8_t type, curve[2], point;
		int more;
		bool ok;
	} cases[] = {
		{ 3, { 0x00, 0x1d }, 32, 0, true },  { 3, { 0x00, 0x17 }, 65, 0, true },
		{ 3, { 0x00, 0x18 }, 97, 0, true },  { 3, { 0x00, 0x17 }, 64, 0, false },
		{ 3, { 0x00, 0x1d }, 32, 1, false }, { 3, { 0x00, 0x1d }, 32, -1, false },
		{ 1, { 0x00, 0x1d }, 32, 0, false }, { 3, { 0x01, 0x00 }, 32, 0, false },
	};
	uint8_t room[512] = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		room[64] = cases[i].type;
		memcpy(room + 65, cases[i].curve, 2);
		room[67] = cases[i].point;
		assert_int_equal(
		    sign_shape_ok(SIGN_TLS, room, (size_t)(68 + cases[i].point + cases[i].more)),
		    cases[i].ok);
	}
	assert_false(sign_shape_ok(SIGN_TLS, room, 67));
	assert_false(sign_shape_ok((enum sign_purpose)3, room, 32));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ssh_signs_hashes_of_three_lengths),
		cmocka_unit_test(test_tls13_signs_the_servers_context_only),
		cmocka_unit_test(test_tls12_signs_named_curves_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
