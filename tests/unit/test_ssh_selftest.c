/* SPDX-License-Identifier: ISC */
/*
 * test_ssh_selftest.c - the installed libssh notices forged bytes, and the test could say
 * otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "protocols/sftp/ssh_selftest.h"
#include "server/base/log.h"

static void
test_every_offered_cipher_notices_a_changed_byte(void **state)
{
	static const char *const ciphers[][2] = {
		{ "aes256-gcm@openssh.com", "hmac-sha2-256-etm@openssh.com" },
		{ "aes128-gcm@openssh.com", "hmac-sha2-256-etm@openssh.com" },
		{ "chacha20-poly1305@openssh.com", "hmac-sha2-256-etm@openssh.com" },
		{ "aes256-ctr", "hmac-sha2-256-etm@openssh.com" },
		{ "aes192-ctr", "hmac-sha2-512-etm@openssh.com" },
		{ "aes128-ctr", "hmac-sha2-256" },
		{ "aes128-ctr", "hmac-sha2-512" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ciphers); i++)
		assert_true(ssh_selftest(ciphers[i][0], ciphers[i][1]));
}

static void
test_a_cipher_that_does_not_exist_is_not_offered(void **state)
{
	(void)state;
	assert_false(ssh_selftest("rot13", "hmac-sha2-256"));
	assert_false(ssh_selftest("aes256-ctr", "no-mac"));
	assert_false(ssh_selftest("aes256-ctr", "none"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_offered_cipher_notices_a_changed_byte),
		cmocka_unit_test(test_a_cipher_that_does_not_exist_is_not_offered),
	};

	log_init(STDERR_FILENO, LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
