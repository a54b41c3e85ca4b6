/* SPDX-License-Identifier: ISC */
/* test_sign_serve.c - what monitor lets wire have signed, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/sign_msg.h"
#include "server/sign_serve.h"

#define LABEL "TLS 1.3, server CertificateVerify"

static struct sign_serve us;
static int wire[2], signer[2];

/* Signs whatever comes, until nobody asks any more. */
static void
sign_all(int sock)
{
	uint8_t room[SIGN_MSG_MAX];
	struct buf b;
	uint16_t type;
	uint32_t id;

	while (ipc_recv(sock, 0, room, sizeof(room), &b, &type, &id, NULL) == 0) {
		ipc_begin(&b, room, sizeof(room), SIGN_MSG_ANSWER, 0);
		buf_put_u32(&b, 0);
		buf_put_string(&b, "signature", 9);
		if (ipc_send(sock, &b, -1) < 0)
			break;
	}
	_exit(0);
}

static int
start(void **state)
{
	(void)state;
	assert_int_equal(ipc_pair(wire), 0);
	assert_int_equal(ipc_pair(signer), 0);
	if (fork() == 0) {
		close(signer[0]);
		sign_all(signer[1]);
	}
	fd_close(&signer[1]);
	sign_serve_init(&us, wire[1], signer[0], SIGN_TLS);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	fd_close(&wire[0]);
	fd_close(&wire[1]);
	fd_close(&signer[0]);
	return wait(NULL) > 0 ? 0 : -1;
}

/* One request of a TLS handshake; the verdict of its answer. */
static uint32_t
ask(void)
{
	uint8_t room[SIGN_MSG_MAX], tbs[64 + sizeof(LABEL) + 32];
	struct buf b;
	uint16_t type;
	uint32_t id;

	memset(tbs, ' ', 64);
	memcpy(tbs + 64, LABEL, sizeof(LABEL));
	memset(tbs + 64 + sizeof(LABEL), 0xaa, 32);
	ipc_begin(&b, room, sizeof(room), SIGN_MSG_REQUEST, 0);
	buf_put_u8(&b, SIGN_TLS);
	buf_put_u32(&b, 0);
	buf_put_cstring(&b, "SHA256");
	buf_put_u8(&b, 0);
	buf_put_string(&b, tbs, sizeof(tbs));
	assert_int_equal(ipc_send(wire[0], &b, -1), 0);
	assert_int_equal(sign_serve_message(&us), 0);
	assert_int_equal(ipc_recv(wire[0], 0, room, sizeof(room), &b, &type, &id, NULL), 0);
	assert_int_equal(type, SIGN_MSG_ANSWER);
	return buf_get_u32(&b);
}

static void
test_one_signature_before_the_login(void **state)
{
	(void)state;
	assert_int_equal(ask(), 0);
	assert_int_not_equal(ask(), 0);
}

/* A client that resumes nothing, and is quick. */
static void
test_too_many_after_the_login_wait_and_are_not_refused(void **state)
{
	const uint64_t begin = clock_ms();

	(void)state;
	us.logged_in = true;
	for (int i = 0; i < 320; i++)
		assert_int_equal(ask(), 0);
	/* A full bucket of 256, and the rest at 256 in a second. */
	assert_true(clock_ms() - begin >= 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_signature_before_the_login, start, stop),
		cmocka_unit_test_setup_teardown(
		    test_too_many_after_the_login_wait_and_are_not_refused, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
