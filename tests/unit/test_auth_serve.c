/* SPDX-License-Identifier: ISC */
/*
 * test_auth_serve.c - monitor's side of a login, with a wire that lies: what is out of state ends
 * the session, guesses are counted here, and factors of one name are worth nothing for another
 * (ledger AU02, AU04, AU05).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "auth/auth_msg.h"
#include "auth/auth_serve.h"
#include "auth/totp.h"
#include "auth/users.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"

#define SECRET "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

static char users[] = "/tmp/coffer-auth-XXXXXX", totp_file[64];
static char *all[] = { (char[]) { "password" }, (char[]) { "publickey" },
		       (char[]) { "keyboard-interactive" } };
static char *names[] = { (char[]) { "cn" } };
static char *two[] = { (char[]) { "password+totp" }, (char[]) { "publickey+password" } };
static struct conf conf;
static struct conf_listener sftp = { .protocol = CONF_SFTP }, ftps = { .protocol = CONF_FTPS };
static char *certified[] = { (char[]) { "certificate+totp" }, (char[]) { "certificate+password" } };
static unsigned int failures, wrong_codes;
static bool code_fresh;

static uint64_t
count_failure(void *ctx, const char *user)
{
	(void)ctx, (void)user;
	failures++;
	return 0;
}

static bool
use_code(void *ctx, const char *user, uint64_t step)
{
	(void)ctx, (void)user;
	wrong_codes += step == 0;
	return code_fresh;
}

static int
certify_alice(void *ctx, const uint8_t *handshake, size_t len, struct auth_certificate *ret,
	      char *ret_reason, size_t reason_size)
{
	(void)ctx, (void)handshake, (void)len, (void)ret_reason, (void)reason_size;
	*ret = (struct auth_certificate) { .count = 1 };
	snprintf(ret->names[0].text, sizeof(ret->names[0].text), "alice");
	ret->names[0].kind = AUTH_CERTIFICATE_CN;
	return 0;
}

static const struct auth_host host = { .failed = count_failure,
				       .use_code = use_code,
				       .certificate = certify_alice };

static void
quiet(void *ctx, enum log_level level, const char *event, const char *fields)
{
	(void)ctx, (void)level, (void)event, (void)fields;
}

struct login {
	int ends[2];
	struct auth *wire;
	struct auth_serve *serve;
	struct auth_verdict v;
};

static void
begin(struct login *l, const struct conf_listener *listener)
{
	assert_int_equal(ipc_pair(l->ends), 0);
	l->wire = auth_new(l->ends[0]);
	l->serve = auth_serve_new(&conf, listener, l->ends[1], "192.0.2.1", &host);
	failures = wrong_codes = 0;
	code_fresh = true;
}

static void
end(struct login *l)
{
	auth_free(l->wire);
	auth_serve_free(l->serve);
	fd_close(&l->ends[0]);
	fd_close(&l->ends[1]);
}

/* Monitor's turn: what wire sent. */
static enum auth_step
turn(struct login *l)
{
	static uint8_t room[AUTH_MSG_MAX];
	struct buf b;
	uint16_t type;
	uint32_t id;

	assert_int_equal(ipc_recv(l->ends[1], 0, room, sizeof(room), &b, &type, &id, NULL), 0);
	return auth_serve_message(l->serve, type, &b);
}

static enum auth_step
password(struct login *l, const char *user, const char *word)
{
	assert_int_equal(auth_send_password(l->wire, user, word), 0);
	return turn(l);
}

static enum auth_answer
answer(struct login *l)
{
	assert_int_equal(auth_recv(l->wire, &l->v), 0);
	return l->v.answer;
}

static void
test_right_password_logs_in_and_nothing_is_served_after_it(void **state)
{
	struct login l;

	(void)state;
	begin(&l, &ftps);
	assert_int_equal(password(&l, "alice", "good"), AUTH_STEP_LOGGED_IN);
	assert_string_equal(auth_serve_account(l.serve)->name, "alice");
	assert_int_equal(password(&l, "alice", "good"), AUTH_STEP_END);
	end(&l);
}

static void
test_guesses_are_counted_whatever_the_name(void **state)
{
	static const char *const guessed[] = { "alice", "nobody-here", "../x", "alice" };
	struct login l;

	(void)state;
	begin(&l, &ftps);
	for (size_t i = 0; i < COUNT_OF(guessed); i++) {
		bool last = i == COUNT_OF(guessed) - 1;

		assert_int_equal(password(&l, guessed[i], "bad"),
				 last ? AUTH_STEP_END : AUTH_STEP_GO_ON);
		assert_int_equal(answer(&l), last ? AUTH_LAST : AUTH_NO);
	}
	assert_int_equal(failures, 4);
	assert_int_equal(password(&l, "alice", "good"), AUTH_STEP_END);
	end(&l);
}

static void
test_methods_that_the_listener_has_not_end_the_session(void **state)
{
	static const uint8_t key[] = "key";
	struct login l;

	(void)state;
	begin(&l, &ftps);
	assert_int_equal(auth_send_interactive(l.wire, "alice"), 0);
	assert_int_equal(turn(&l), AUTH_STEP_END);
	assert_int_equal(
	    auth_send_key(l.wire, "alice", "ssh-ed25519", key, sizeof(key), key, sizeof(key), true),
	    0);
	assert_int_equal(turn(&l), AUTH_STEP_END);
	end(&l);
}

static void
test_answers_without_a_question_end_the_session(void **state)
{
	const char *const words[] = { "good" };
	struct login l;

	(void)state;
	begin(&l, &sftp);
	assert_int_equal(auth_send_answers(l.wire, words, 1), 0);
	assert_int_equal(turn(&l), AUTH_STEP_END);
	end(&l);
}

static void
test_one_factor_of_two_is_partial_and_another_name_begins_anew(void **state)
{
	struct login l;

	(void)state;
	conf.auth.factors = (struct conf_list) { two, 2 };
	begin(&l, &sftp);
	assert_int_equal(password(&l, "alice", "good"), AUTH_STEP_GO_ON);
	assert_int_equal(answer(&l), AUTH_PARTIAL);
	assert_int_equal(l.v.methods, AUTH_PUBLICKEY | AUTH_INTERACTIVE);
	assert_int_equal(password(&l, "alice", "good"),
			 AUTH_STEP_GO_ON); /* the same again is a guess */
	assert_int_equal(answer(&l), AUTH_NO);
	assert_int_equal(l.v.methods, AUTH_PUBLICKEY | AUTH_INTERACTIVE);
	assert_int_equal(password(&l, "bob", "bad"), AUTH_STEP_GO_ON);
	assert_int_equal(answer(&l), AUTH_NO);
	assert_int_equal(l.v.methods, AUTH_PUBLICKEY | AUTH_PASSWORD | AUTH_INTERACTIVE);
	assert_int_equal(failures, 2);
	end(&l);
	conf.auth.factors.count = 0;
}

static void
code_of_now(char code[TOTP_DIGITS + 1])
{
	uint8_t secret[TOTP_SECRET_MAX];
	size_t len;

	assert_int_equal(totp_secret(SECRET, secret, &len), 0);
	totp_code(secret, len, (uint64_t)time(NULL) / 30, code);
}

static void
test_ftps_takes_the_code_behind_the_password_once(void **state)
{
	char code[TOTP_DIGITS + 1], glued[64];
	struct login l;

	(void)state;
	code_of_now(code);
	snprintf(glued, sizeof(glued), "good%s", code);
	conf.auth.factors = (struct conf_list) { two, 2 };
	begin(&l, &ftps);
	assert_int_equal(password(&l, "alice", "good"), AUTH_STEP_GO_ON);
	assert_int_equal(answer(&l), AUTH_NO);
	code_fresh = false;
	assert_int_equal(password(&l, "alice", glued), AUTH_STEP_GO_ON);
	assert_int_equal(answer(&l), AUTH_NO);
	code_fresh = true;
	assert_int_equal(password(&l, "alice", glued), AUTH_STEP_LOGGED_IN);
	end(&l);
	conf.auth.factors.count = 0;
}

/* The client shows alice's certificate, and names a user: both are answered by PARTIAL. */
static void
show_certificate(struct login *l, const char *user)
{
	static const uint8_t handshake[] = "believed";

	assert_int_equal(auth_send_certificate(l->wire, handshake, sizeof(handshake)), 0);
	assert_int_equal(turn(l), AUTH_STEP_GO_ON);
	assert_int_equal(auth_send_certified(l->wire, user), 0);
	assert_int_equal(turn(l), AUTH_STEP_GO_ON);
	assert_int_equal(answer(l), AUTH_PARTIAL);
}

static void
test_behind_a_certificate_the_line_is_the_code_alone_when_only_that_is_missing(void **state)
{
	char code[TOTP_DIGITS + 1];
	struct login l;

	(void)state;
	code_of_now(code);
	conf.auth.factors = (struct conf_list) { certified, 1 };
	begin(&l, &ftps);
	show_certificate(&l, "alice");
	assert_int_equal(password(&l, "alice", "good"), AUTH_STEP_GO_ON); /* never weighed */
	assert_int_equal(answer(&l), AUTH_NO);
	code_fresh = false;
	assert_int_equal(password(&l, "alice", code), AUTH_STEP_GO_ON);
	assert_int_equal(answer(&l), AUTH_NO);
	assert_int_equal(failures, 2);
	assert_int_equal(wrong_codes, 1);
	code_fresh = true;
	assert_int_equal(password(&l, "alice", code), AUTH_STEP_LOGGED_IN);
	end(&l);
	conf.auth.factors.count = 0;
}

static void
test_beside_a_password_only_what_looks_like_a_code_is_one(void **state)
{
	char code[TOTP_DIGITS + 1];
	struct login l;

	(void)state;
	code_of_now(code);
	conf.auth.factors = (struct conf_list) { certified, 2 };
	begin(&l, &ftps);
	show_certificate(&l, "alice");
	assert_int_equal(password(&l, "alice", "bad"), AUTH_STEP_GO_ON);
	assert_int_equal(answer(&l), AUTH_NO);
	assert_int_equal(wrong_codes, 0);
	assert_int_equal(password(&l, "alice", code), AUTH_STEP_LOGGED_IN);
	end(&l);
	begin(&l, &ftps);
	show_certificate(&l, "alice");
	assert_int_equal(password(&l, "alice", "good"), AUTH_STEP_LOGGED_IN);
	end(&l);
	conf.auth.factors.count = 0;
}

static void
test_a_code_alone_is_nothing_where_a_password_is_wanted_too(void **state)
{
	char all_three[] = "certificate+password+totp", code[TOTP_DIGITS + 1], glued[64];
	char *list[] = { all_three };
	struct login l;

	(void)state;
	code_of_now(code);
	snprintf(glued, sizeof(glued), "good%s", code);
	conf.auth.factors = (struct conf_list) { list, 1 };
	begin(&l, &ftps);
	show_certificate(&l, "alice");
	assert_int_equal(password(&l, "alice", code), AUTH_STEP_GO_ON);
	assert_int_equal(answer(&l), AUTH_NO);
	assert_int_equal(auth_send_certified(l.wire, "alice"), 0);
	assert_int_equal(turn(&l), AUTH_STEP_GO_ON);
	assert_int_equal(answer(&l), AUTH_PARTIAL);
	assert_int_equal(password(&l, "alice", glued), AUTH_STEP_LOGGED_IN);
	end(&l);
	/* And without the certificate, where that is what the code would stand behind. */
	conf.auth.factors = (struct conf_list) { certified, 1 };
	begin(&l, &ftps);
	assert_int_equal(password(&l, "alice", code), AUTH_STEP_GO_ON);
	assert_int_equal(answer(&l), AUTH_NO);
	show_certificate(&l, "bob"); /* alice's certificate is none of his */
	assert_int_equal(password(&l, "bob", code), AUTH_STEP_GO_ON);
	assert_int_equal(answer(&l), AUTH_NO);
	assert_int_equal(password(&l, "alice", code), AUTH_STEP_GO_ON);
	assert_int_equal(answer(&l), AUTH_NO);
	assert_int_equal(failures, 3);
	end(&l);
	conf.auth.factors.count = 0;
}

static int
prepare(void **state)
{
	struct user alice = { .name = "alice", .uid = 61001, .gid = 61001, .home = "/" };
	int fd = mkstemp(users);

	(void)state;
	if (fd < 0 || users_hash("good", alice.hash, sizeof(alice.hash)) < 0)
		return -1;
	close(fd);
	snprintf(totp_file, sizeof(totp_file), "%s.totp", users);
	fd = open(totp_file, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || fd_write_full(fd, "alice:" SECRET "\n", strlen("alice:" SECRET "\n")) < 0)
		return -1;
	close(fd);
	conf.mode = CONF_PERSONAL;
	conf.auth.users_file = users;
	conf.auth.tries = 4;
	conf.auth.certificate_names = (struct conf_list) { names, 1 };
	conf.auth.failure_delay_ms = 1;
	conf.auth.methods = (struct conf_list) { all, 3 };
	log_to(quiet, NULL);
	return users_set(users, &alice);
}

static int
clean(void **state)
{
	(void)state;
	return unlink(users) | unlink(totp_file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_password_logs_in_and_nothing_is_served_after_it),
		cmocka_unit_test(test_guesses_are_counted_whatever_the_name),
		cmocka_unit_test(test_methods_that_the_listener_has_not_end_the_session),
		cmocka_unit_test(test_answers_without_a_question_end_the_session),
		cmocka_unit_test(test_one_factor_of_two_is_partial_and_another_name_begins_anew),
		cmocka_unit_test(test_ftps_takes_the_code_behind_the_password_once),
		cmocka_unit_test(
		    test_behind_a_certificate_the_line_is_the_code_alone_when_only_that_is_missing),
		cmocka_unit_test(test_beside_a_password_only_what_looks_like_a_code_is_one),
		cmocka_unit_test(test_a_code_alone_is_nothing_where_a_password_is_wanted_too),
	};

	return cmocka_run_group_tests(tests, prepare, clean);
}
