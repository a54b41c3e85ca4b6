/* SPDX-License-Identifier: ISC */
/* test_totp.c - one-time codes beside the values of RFC 4226 and RFC 6238, and sets of factors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "auth/auth.h"
#include "auth/factor.h"
#include "auth/totp.h"

static const uint8_t secret[] = "12345678901234567890";
#define LEN (sizeof(secret) - 1)

static void
test_codes_are_those_of_the_standards(void **state)
{
	static const char *const hotp[] = { "755224", "287082", "359152", "969429", "338314" };
	static const struct {
		uint64_t time;
		const char *code; /* the last six of the eight digits of RFC 6238 */
	} totp[] = {
		{ 59, "287082" },	  { 1111111109, "081804" }, { 1111111111, "050471" },
		{ 1234567890, "005924" }, { 2000000000, "279037" }, { 20000000000, "353130" }
	};
	uint64_t step;
	char room[TOTP_DIGITS + 1];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(hotp); i++) {
		totp_code(secret, LEN, i, room);
		assert_string_equal(room, hotp[i]);
	}
	for (size_t i = 0; i < COUNT_OF(totp); i++) {
		assert_int_equal(totp_check(secret, LEN, totp[i].code, totp[i].time, &step), 0);
		assert_int_equal(step, totp[i].time / 30);
	}
}

static void
test_a_code_is_good_one_step_around_now_and_no_longer(void **state)
{
	uint64_t step;

	(void)state;
	assert_int_equal(totp_check(secret, LEN, "287082", 30, &step), 0);
	assert_int_equal(totp_check(secret, LEN, "287082", 0, &step), 0);
	assert_int_equal(totp_check(secret, LEN, "287082", 89, &step), 0);
	assert_int_not_equal(totp_check(secret, LEN, "287082", 90, &step), 0);
	assert_int_not_equal(totp_check(secret, LEN, "287083", 59, &step), 0);
	assert_int_not_equal(totp_check(secret, LEN, "28708", 59, &step), 0);
	assert_int_not_equal(totp_check(secret, LEN, "2870820", 59, &step), 0);
	assert_int_not_equal(totp_check(secret, LEN, "", 59, &step), 0);
}

static void
test_secrets_are_base32(void **state)
{
	uint8_t room[TOTP_SECRET_MAX];
	size_t len;

	(void)state;
	assert_int_equal(totp_secret("gezd gnbv gy3t qojq GEZDGNBVGY3TQOJQ", room, &len), 0);
	assert_int_equal(len, LEN);
	assert_memory_equal(room, secret, LEN);
	assert_int_not_equal(totp_secret("GEZDGNBV", room, &len), 0);
	assert_int_not_equal(totp_secret("", room, &len), 0);
	assert_int_not_equal(totp_secret("GEZDGNBVGY3TQOJQ1", room, &len), 0);
	assert_int_not_equal(
	    totp_secret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
			"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
			room, &len),
	    0);
}

static void
test_sets_of_factors(void **state)
{
	char *both[] = { (char[]) { "publickey+password" }, (char[]) { "totp+password" } };
	char *all[] = { (char[]) { "password" }, (char[]) { "publickey" },
			(char[]) { "keyboard-interactive" } };
	const struct conf_listener listener = { .name = (char[]) { "ssh" }, .protocol = CONF_SFTP };
	struct conf conf = { .auth = { .methods = { all, 3 } } };
	const uint32_t p = FACTOR_PASSWORD, k = FACTOR_KEY, c = FACTOR_CODE;

	(void)state;
	assert_true(factor_enough(&conf.auth.factors, p) && factor_enough(&conf.auth.factors, k));
	assert_false(factor_enough(&conf.auth.factors, 0) || factor_enough(&conf.auth.factors, c));
	assert_int_equal(auth_methods(&conf, &listener, "192.0.2.1"),
			 AUTH_PASSWORD | AUTH_PUBLICKEY | AUTH_INTERACTIVE);
	conf.auth.factors = (struct conf_list) { both, 2 };
	assert_false(factor_enough(&conf.auth.factors, p) || factor_enough(&conf.auth.factors, k) ||
		     factor_enough(&conf.auth.factors, k | c));
	assert_true(factor_enough(&conf.auth.factors, p | k) &&
		    factor_enough(&conf.auth.factors, p | c));
	assert_int_equal(factor_missing(&conf.auth.factors, 0), p | k);
	assert_int_equal(factor_missing(&conf.auth.factors, p), k | c);
	assert_int_equal(factor_missing(&conf.auth.factors, k), p | c);
	assert_int_equal(factor_missing(&conf.auth.factors, k | p | c), 0);
	assert_int_equal(factor_next(&conf.auth.factors, k), p);
	assert_int_equal(factor_next(&conf.auth.factors, k | c), p);
	assert_int_equal(factor_methods(&conf, c), AUTH_INTERACTIVE);
	conf.auth.factors.count = 0;
	conf.auth.methods.count = 1;
	assert_int_equal(auth_methods(&conf, &listener, "192.0.2.1"), AUTH_PASSWORD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes_are_those_of_the_standards),
		cmocka_unit_test(test_a_code_is_good_one_step_around_now_and_no_longer),
		cmocka_unit_test(test_secrets_are_base32),
		cmocka_unit_test(test_sets_of_factors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
