/* SPDX-License-Identifier: ISC */
/* test_ssh_keys.c - which keys of users are looked at, and what their bytes are (ledger AU06). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "protocols/sftp/ssh_keys.h"
#include "server/base/buf.h"

static ssh_key
make(enum ssh_keytypes_e type, int bits)
{
	ssh_key key;

	assert_int_equal(ssh_pki_generate(type, bits, &key), SSH_OK);
	return key;
}

static void
test_good_keys_give_their_blob_and_algorithm(void **state)
{
	static const struct {
		enum ssh_keytypes_e type;
		int bits;
		const char *name, *algorithm;
	} cases[] = {
		{ SSH_KEYTYPE_ED25519, 0, "ssh-ed25519", "ssh-ed25519" },
		{ SSH_KEYTYPE_RSA, 2048, "ssh-rsa", "rsa-sha2-256" },
		{ SSH_KEYTYPE_ECDSA_P256, 256, "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256" },
		{ SSH_KEYTYPE_ECDSA_P521, 521, "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		ssh_key key = make(cases[i].type, cases[i].bits);
		uint8_t blob[1024];
		const char *algorithm;
		char name[64];
		struct buf b;
		size_t len;

		assert_int_equal(ssh_keys_public(key, blob, sizeof(blob), &len, &algorithm), 0);
		assert_string_equal(algorithm, cases[i].algorithm);
		buf_init_read(&b, blob, len);
		buf_get_cstring(&b, name, sizeof(name));
		assert_string_equal(name, cases[i].name);
		while (buf_left(&b) > 0 && !b.bad)
			(void)buf_get_string(&b, &len);
		assert_int_equal(buf_done(&b),
				 0); /* strings to the last byte: nothing was cut or added */
		ssh_key_free(key);
	}
}

static void
test_short_rsa_is_refused(void **state)
{
	ssh_key key = make(SSH_KEYTYPE_RSA, 1024);
	uint8_t blob[1024];
	const char *algorithm;
	size_t len;

	(void)state;
	assert_int_equal(ssh_keys_public(key, blob, sizeof(blob), &len, &algorithm), -EKEYREJECTED);
	ssh_key_free(key);
}

static void
test_a_key_that_does_not_fit_is_not_cut(void **state)
{
	ssh_key key = make(SSH_KEYTYPE_RSA, 2048);
	uint8_t blob[64];
	const char *algorithm;
	size_t len;

	(void)state;
	assert_int_equal(ssh_keys_public(key, blob, sizeof(blob), &len, &algorithm), -EMSGSIZE);
	ssh_key_free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_keys_give_their_blob_and_algorithm),
		cmocka_unit_test(test_short_rsa_is_refused),
		cmocka_unit_test(test_a_key_that_does_not_fit_is_not_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
