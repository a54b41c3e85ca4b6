/* SPDX-License-Identifier: ISC */
/*
 * test_ftp_verb.c - every verb in every state before login, and what replies look like. The session
 * is made by hand: nothing here may get as far as asking worker.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"
#include "protocols/ftp/ftp_verb.h"

struct world {
	struct conf conf;
	struct conf_listener listener;
	struct session session;
	struct ftp f;
	char out[FTP_OUT_MAX], paths[5][FTP_LINE_MAX];
};

static struct world *
new_world(enum ftp_control control, bool logged_in)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->session.conf = &w->conf;
	w->session.listener = &w->listener;
	w->session.logged_in = logged_in;
	w->f.s = &w->session;
	w->f.control = control;
	w->f.cwd = w->paths[0];
	w->f.from = w->paths[1];
	w->f.path = w->paths[2];
	w->f.path2 = w->paths[3];
	w->f.scratch = w->paths[4];
	w->f.cwd[0] = '/';
	text_init(&w->f.out, w->out, sizeof(w->out));
	ftp_line_init(&w->f.in);
	ftp_data_init(&w->f.data);
	ftp_xfer_init(&w->f.x);
	return w;
}

static int
serve(struct world *w, const char *command)
{
	char line[256];

	assert_int_equal(text_copy(line, sizeof(line), command), 0);
	text_reset(&w->f.out);
	ftp_verb_serve(&w->f, line);
	return atoi(w->out);
}

/*
 * The codes in clear, inside TLS before login, and after login without PROT P. 0: it would ask
 * worker.
 */
static const struct {
	const char *line;
	int clear, early, late;
} matrix[] = {
	{ "AUTH TLS", 234, 503, 503 },
	{ "AUTH", 501, 501, 501 },
	{ "AUTH GSSAPI", 504, 503, 503 },
	{ "PBSZ 0", 503, 200, 200 },
	{ "PROT P", 503, 503, 503 },
	{ "PROT C", 503, 534, 534 },
	{ "PROT X", 503, 504, 504 },
	{ "CCC", 530, 530, 534 },
	{ "USER x", 530, 331, 503 },
	{ "USER", 501, 501, 501 },
	{ "PASS x", 530, 503, 503 },
	{ "ACCT x", 530, 530, 202 },
	{ "REIN", 530, 530, 502 },
	{ "SMNT x", 530, 530, 502 },
	{ "ADAT x", 530, 530, 502 },
	{ "MIC x", 530, 530, 502 },
	{ "CONF x", 530, 530, 502 },
	{ "ENC x", 530, 530, 502 },
	{ "LANG fr", 504, 504, 504 },
	{ "HOST x y", 501, 501, 503 },
	{ "HOST x", 220, 220, 503 },
	{ "FEAT", 211, 211, 211 },
	{ "FEAT x", 501, 501, 501 },
	{ "OPTS UTF8 ON", 200, 200, 200 },
	{ "OPTS MLST type;", 200, 200, 200 },
	{ "OPTS X", 501, 501, 501 },
	{ "SYST", 215, 215, 215 },
	{ "HELP", 214, 214, 214 },
	{ "HELP LIST", 214, 214, 214 },
	{ "NOOP", 200, 200, 200 },
	{ "QUIT", 221, 221, 221 },
	{ "STAT /", 530, 530, 0 },
	{ "ABOR", 530, 530, 225 },
	{ "TYPE I", 530, 530, 200 },
	{ "TYPE A N", 530, 530, 200 },
	{ "TYPE E", 530, 530, 504 },
	{ "TYPE L 7", 530, 530, 504 },
	{ "MODE S", 530, 530, 200 },
	{ "MODE Z", 530, 530, 504 },
	{ "STRU F", 530, 530, 200 },
	{ "STRU R", 530, 530, 504 },
	{ "ALLO 5", 530, 530, 202 },
	{ "ALLO x", 530, 530, 501 },
	{ "PORT 127,0,0,1,8,8", 530, 530, 502 },
	{ "EPRT |1|127.0.0.1|5000|", 530, 530, 502 },
	{ "EPRT |1|127.0.0.1", 530, 530, 501 },
	{ "EPSV ALL", 530, 530, 200 },
	{ "EPSV 7", 530, 530, 522 },
	{ "REST 5", 530, 530, 350 },
	{ "REST -1", 530, 530, 501 },
	{ "REST 9223372036854775807", 530, 530, 350 },
	{ "REST 9223372036854775808", 530, 530, 501 },
	{ "REST 0x10", 530, 530, 501 },
	{ "RANG 1 2", 530, 530, 350 },
	{ "RANG 1", 530, 530, 501 },
	{ "RETR x", 530, 530, 521 },
	{ "STOR x", 530, 530, 521 },
	{ "APPE x", 530, 530, 521 },
	{ "STOU", 530, 530, 521 },
	{ "LIST", 530, 530, 521 },
	{ "NLST", 530, 530, 521 },
	{ "MLSD", 530, 530, 521 },
	{ "PWD", 530, 530, 257 },
	{ "XPWD", 530, 530, 257 },
	{ "CWD", 530, 530, 501 },
	{ "XCWD", 530, 530, 501 },
	{ "CDUP x", 530, 530, 501 },
	{ "XCUP x", 530, 530, 501 },
	{ "MKD", 530, 530, 501 },
	{ "XMKD", 530, 530, 501 },
	{ "RMD", 530, 530, 501 },
	{ "XRMD", 530, 530, 501 },
	{ "DELE", 530, 530, 501 },
	{ "RNFR", 530, 530, 501 },
	{ "RNTO x", 530, 530, 503 },
	{ "SIZE", 530, 530, 501 },
	{ "MDTM", 530, 530, 501 },
	{ "MFMT x", 530, 530, 501 },
	{ "MFF x", 530, 530, 501 },
	{ "SITE", 530, 530, 501 },
	{ "SITE CPTO x", 530, 530, 503 },
	{ "SITE CPFR", 530, 530, 501 },
	{ "HASH", 530, 530, 501 },
	{ "XCRC", 530, 530, 501 },
	{ "XMD5", 530, 530, 501 },
	{ "XSHA", 530, 530, 501 },
	{ "XSHA1", 530, 530, 501 },
	{ "XSHA256", 530, 530, 501 },
	{ "XSHA512 \"x\" y", 530, 530, 501 },
	{ "COMB x", 530, 530, 501 },
	{ "COMB \"x", 530, 530, 501 },
	{ "OPTS HASH MD5", 200, 200, 200 },
	{ "SITE X", 530, 530, 504 },
	{ "SITE HELP", 530, 530, 214 },
	{ "SITE CHMOD 9 x", 530, 530, 501 },
	{ "AVBL x", 530, 530, 0 },
	{ "MLST x", 530, 530, 0 },
	{ "PASV x", 530, 530, 501 },
	{ "XYZZY", 500, 500, 500 },
	{ "noop", 200, 200, 200 },
	{ "NOOPNOOPNOOPNOOPNOOP", 500, 500, 500 },
	{ "\xe4\xf6\xfc", 500, 500, 500 },
	{ "GET / HTTP/1.1", 421, 421, 421 },
	{ "EHLO x", 421, 421, 421 },
	{ "SSH-2.0-x", 421, 421, 421 },
};

static void
test_each_verb_is_served_in_its_states_and_no_other(void **state)
{
	static const struct {
		enum ftp_control control;
		bool logged_in;
	} states[] = { { FTP_CLEAR, false }, { FTP_SECURE, false }, { FTP_SECURE, true } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(matrix); i++)
		for (size_t s = 0; s < COUNT_OF(states); s++) {
			const int want = s == 0	  ? matrix[i].clear
					 : s == 1 ? matrix[i].early
						  : matrix[i].late;
			struct world *w = new_world(states[s].control, states[s].logged_in);
			int got;

			if (want != 0) {
				got = serve(w, matrix[i].line);
				if (got != want)
					fail_msg("%s in state %zu: %d, not %d", matrix[i].line, s,
						 got, want);
				assert_false(w->f.waiting);
			}
			free(w);
		}
}

/* HELP knows all verbs: a new one without a row in the matrix is noticed here. */
static void
test_the_matrix_knows_every_verb(void **state)
{
	struct world *w = new_world(FTP_SECURE, true);
	char *verb, *at;

	(void)state;
	serve(w, "HELP");
	at = strchr(w->out, '\n');
	while ((verb = strsep(&at, " \r\n")) != NULL) {
		bool known = *verb == '\0' || strcmp(verb, "214") == 0;

		if (strcmp(verb, "214") == 0)
			break;
		for (size_t i = 0; i < COUNT_OF(matrix); i++)
			known = known || strncmp(matrix[i].line, verb, strlen(verb)) == 0;
		/* Their replies need more of a session than there is here. */
		known = known || strcmp(verb, "CLNT") == 0 || strcmp(verb, "CSID") == 0;
		if (!known)
			fail_msg("%s is not in the matrix", verb);
	}
	free(w);
}

static void
test_before_login_nobody_learns_who_we_are(void **state)
{
	static const char *const lines[] = { "FEAT",   "HELP",	 "SYST",  "NOOP", "OPTS UTF8 ON",
					     "USER x", "HOST x", "XYZZY", "QUIT" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct world *w = new_world(FTP_CLEAR, false);

		serve(w, lines[i]);
		assert_null(strcasestr(w->out, "coffer"));
		assert_null(strstr(w->out, COFFER_VERSION));
		free(w);
	}
}

static void
test_user_in_clear_is_told_what_to_switch_on(void **state)
{
	struct world *w = new_world(FTP_CLEAR, false);

	(void)state;
	serve(w, "USER anna");
	assert_string_equal(w->out,
			    "530 This server accepts encrypted logins only: choose \"explicit FTP "
			    "over TLS\" (AUTH TLS) in your client.\r\n");
	assert_false(w->f.has_user);
	serve(w, "PASS geheim");
	assert_false(w->f.over);
	serve(w, "USER anna");
	assert_true(w->f.over);
	assert_non_null(strstr(w->out, "\r\n421 "));
	free(w);
}

static void
test_bytes_behind_auth_end_the_session(void **state)
{
	struct world *w = new_world(FTP_CLEAR, false);
	static const char sent[] = "AUTH TLS\r\nUSER evil\r\n";
	char *line;
	size_t room;

	(void)state;
	memcpy(ftp_line_space(&w->f.in, &room), sent, sizeof(sent) - 1);
	ftp_line_received(&w->f.in, sizeof(sent) - 1);
	assert_int_equal(ftp_line_next(&w->f.in, &line), FTP_LINE_COMMAND);
	ftp_verb_serve(&w->f, line);
	assert_true(w->f.over);
	assert_int_equal(w->f.control, FTP_CLEAR);
	assert_int_equal(atoi(w->out), 421);
	free(w);
}

static void
test_offsets_live_until_the_next_command_that_is_none_of_theirs(void **state)
{
	static const struct {
		const char *line;
		bool keeps;
	} cases[] = { { "NOOP", true },	     { "TYPE I", true }, { "EPSV ALL", true },
		      { "PWD", false },	     { "SYST", false },	 { "XYZZY", true },
		      { "SITE HELP", false } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct world *w = new_world(FTP_SECURE, true);

		serve(w, "REST 7");
		assert_int_equal(w->f.restart, 7);
		serve(w, cases[i].line);
		assert_int_equal(w->f.restart, cases[i].keeps ? 7 : 0);
		free(w);
	}
}

static void
test_only_urgent_verbs_overtake_a_transfer(void **state)
{
	static const struct {
		const char *line;
		bool want;
	} cases[] = { { "NOOP", true },	  { "noop", true }, { "STAT", true }, { "STAT /x", false },
		      { "ABOR", true },	  { "QUIT", true }, { "PWD", false }, { "RETR x", false },
		      { "NOOPX", false }, { "", false } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(ftp_verb_is_urgent(cases[i].line), cases[i].want);
}

static void
test_replies_stay_one_line_and_quote_quotes(void **state)
{
	struct world *w = new_world(FTP_SECURE, true);

	(void)state;
	ftp_reply(&w->f, 550, "%s", "a\r\n230 Logged in\x1b[31m");
	assert_string_equal(w->out, "550 a??230 Logged in?[31m\r\n");
	ignore_result(text_copy(w->f.cwd, 64, "/a\"b\nc"));
	serve(w, "PWD");
	assert_string_equal(w->out, "257 \"/a\"\"b?c\" is the current directory.\r\n");
	free(w);
}

static void
test_errors_have_the_codes_of_the_contract(void **state)
{
	static const struct {
		int err, code;
	} cases[] = { { ENOENT, 550 },	     { EACCES, 550 }, { EPERM, 550 },	  { EBUSY, 450 },
		      { ENOSPC, 452 },	     { EDQUOT, 552 }, { EFBIG, 552 },	  { EIO, 451 },
		      { ESTALE, 554 },	     { ERANGE, 554 }, { EPIPE, 451 },	  { EXDEV, 553 },
		      { ENAMETOOLONG, 550 }, { ENOTTY, 451 }, { EADDRINUSE, 425 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(ftp_reply_code(-cases[i].err), cases[i].code);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_verb_is_served_in_its_states_and_no_other),
		cmocka_unit_test(test_the_matrix_knows_every_verb),
		cmocka_unit_test(test_before_login_nobody_learns_who_we_are),
		cmocka_unit_test(test_user_in_clear_is_told_what_to_switch_on),
		cmocka_unit_test(test_bytes_behind_auth_end_the_session),
		cmocka_unit_test(test_offsets_live_until_the_next_command_that_is_none_of_theirs),
		cmocka_unit_test(test_only_urgent_verbs_overtake_a_transfer),
		cmocka_unit_test(test_replies_stay_one_line_and_quote_quotes),
		cmocka_unit_test(test_errors_have_the_codes_of_the_contract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
