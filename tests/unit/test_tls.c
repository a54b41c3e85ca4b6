/* SPDX-License-Identifier: ISC */
/* test_tls.c - whom a server of ours serves: only our own sessions resume, old versions do not
 * come. */
#include "tests/unit/tls_fixture.h"

static void
test_data_resumes_its_own_control_connection_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		struct tls_server *ours = new_server(), *other = new_server();
		struct pair control, data;
		SSL_SESSION *session = control_session(&control, ours, versions[i]);

		open_pair(&data, ours, TLS_DATA, versions[i], session, NULL);
		assert_int_equal(shake_hands(&data), 0);
		assert_true(tls_is_resumed(data.c));
		close_pair(&data);
		open_pair(&data, ours, TLS_DATA, versions[i], NULL, NULL);
		assert_int_equal(shake_hands(&data), 0);
		assert_false(tls_is_resumed(data.c));
		close_pair(&data);
		/* The same certificate, but the ticket keys of another process. */
		open_pair(&data, other, TLS_DATA, versions[i], session, NULL);
		assert_int_equal(shake_hands(&data), 0);
		assert_false(tls_is_resumed(data.c));
		close_pair(&data);
		SSL_SESSION_free(session);
		close_pair(&control);
		tls_server_free(ours);
		tls_server_free(other);
	}
}

/* What was inherited over fork is forgotten by the child that owns its keys. */
static void
test_a_session_from_before_owning_does_not_resume(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		struct tls_server *ts = new_server();
		struct pair control, data;
		SSL_SESSION *session = control_session(&control, ts, versions[i]);

		assert_int_equal(tls_server_own(ts), 0);
		open_pair(&data, ts, TLS_DATA, versions[i], session, NULL);
		assert_int_equal(shake_hands(&data), 0);
		assert_false(tls_is_resumed(data.c));
		close_pair(&data);
		SSL_SESSION_free(session);
		close_pair(&control);
		tls_server_free(ts);
	}
}

/*
 * RFC 8446, section 4.2.10: a client may try; it is no mistake of his, and no word of it arrives.
 */
static void
test_early_data_is_passed_over_unread(void **state)
{
	struct tls_server *ts = new_server();
	struct pair control, again;
	SSL_SESSION *session = control_session(&control, ts, TLS1_3_VERSION);
	char room[16];
	size_t n;

	(void)state;
	assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
	SSL_SESSION_set_max_early_data(session, 1000);
	open_pair(&again, ts, TLS_CONTROL, TLS1_3_VERSION, session, NULL);
	assert_int_equal(SSL_write_early_data(again.client, "DELE all\r\n", 10, &n), 1);
	assert_int_equal(shake_hands(&again), 0);
	assert_int_equal(SSL_get_early_data_status(again.client), SSL_EARLY_DATA_REJECTED);
	assert_int_equal(SSL_write(again.client, "NOOP\r\n", 6), 6);
	assert_int_equal(tls_read(again.c, room, sizeof(room)), 6);
	assert_memory_equal(room, "NOOP", 4);
	close_pair(&again);
	SSL_SESSION_free(session);
	close_pair(&control);
	tls_server_free(ts);
}

static void
test_no_ticket_travels_on_a_data_connection(void **state)
{
	struct tls_server *ts = new_server();
	struct pair data;
	char byte;

	(void)state;
	open_pair(&data, ts, TLS_DATA, TLS1_3_VERSION, NULL, NULL);
	assert_int_equal(shake_hands(&data), 0);
	assert_int_equal(tls_flush(data.c), 0);
	assert_int_equal(recv(data.theirs, &byte, 1, MSG_PEEK | MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	close_pair(&data);
	tls_server_free(ts);
}

static void
test_a_client_that_speaks_something_else_is_refused(void **state)
{
	static const struct {
		const char *alpn;
		enum tls_kind kind;
		int want;
	} cases[] = {
		{ NULL, TLS_CONTROL, 0 },
		{ "\3ftp", TLS_CONTROL, 0 },
		{ "\x0fx-filezilla-ftp\3ftp", TLS_CONTROL, 0 },
		{ "\2h2\x08http/1.1", TLS_CONTROL, -EPROTO },
		{ "\4ftpx", TLS_CONTROL, -EPROTO },
		{ "\x08"
		  "ftp-data",
		  TLS_CONTROL, -EPROTO },
		{ "\x08"
		  "ftp-data",
		  TLS_DATA, 0 },
		{ "\4smtp", TLS_DATA, -EPROTO },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct tls_server *ts = new_server();
		struct pair p;

		open_pair(&p, ts, cases[i].kind, TLS1_3_VERSION, NULL, cases[i].alpn);
		assert_int_equal(shake_hands(&p), cases[i].want);
		close_pair(&p);
		tls_server_free(ts);
	}
}

static void
test_old_versions_and_endless_handshakes_are_refused(void **state)
{
	struct tls_server *ts = new_server();
	static uint8_t junk[1024] = { 0x16, 3, 1, 0x3f, 0xff, 1, 1, 0xff, 0xff };
	struct pair p;
	int err = -EAGAIN;

	(void)state;
	open_pair(&p, ts, TLS_CONTROL, TLS1_1_VERSION, NULL, NULL);
	SSL_CTX_set_security_level(p.ctx, 0);
	assert_int_equal(shake_hands(&p), -EPROTO);
	close_pair(&p);
	/* A ClientHello of 128 KiB, cut into records. */
	open_pair(&p, ts, TLS_CONTROL, TLS1_3_VERSION, NULL, NULL);
	for (size_t sent = 0; err == -EAGAIN && sent < 1024 * 1024; sent += sizeof(junk)) {
		assert_int_equal(send(p.theirs, junk, sizeof(junk), MSG_NOSIGNAL), sizeof(junk));
		err = tls_handshake(p.c);
	}
	assert_int_equal(err, -EPROTO);
	assert_true(strlen(tls_error(p.c)) > 0);
	close_pair(&p);
	tls_server_free(ts);
}

static void
test_tls_1_2_is_refused_where_1_3_is_the_least(void **state)
{
	struct tls_server *ts = new_server_from(CONF_TLS_1_3);
	struct pair p;

	(void)state;
	open_pair(&p, ts, TLS_CONTROL, TLS1_2_VERSION, NULL, NULL);
	assert_int_equal(shake_hands(&p), -EPROTO);
	close_pair(&p);
	open_pair(&p, ts, TLS_CONTROL, TLS1_3_VERSION, NULL, NULL);
	assert_int_equal(shake_hands(&p), 0);
	close_pair(&p);
	tls_server_free(ts);
}

static void
test_bad_certificates_are_told_and_refused(void **state)
{
	struct conf_certificate pairs[2] = { { .certificate = cert_file, .key = key_file },
					     { .certificate = cert_file, .key = key_file } };
	struct conf_listener listener = { .protocol = CONF_FTPS };
	struct conf conf = { .listeners = &listener, .listener_count = 1 };
	struct tls_server *ts = NULL;

	(void)state;
	conf.tls.certificates = pairs;
	complaints = 0;
	assert_int_equal(tls_server_new(&conf, count_complaint, NULL, &ts), -EINVAL);
	assert_int_equal(complaints, 1);
	conf.tls.certificate_count = 2; /* two of one kind */
	assert_int_equal(tls_server_new(&conf, count_complaint, NULL, &ts), -EINVAL);
	assert_int_equal(complaints, 2);
	conf.tls.certificate_count = 1;
	pairs[0].key = cert_file; /* no key in it */
	assert_int_equal(tls_server_new(&conf, count_complaint, NULL, &ts), -EINVAL);
	assert_int_equal(complaints, 3);
	listener.protocol = CONF_SFTP;
	assert_int_equal(tls_server_new(&conf, count_complaint, NULL, &ts), 0);
	tls_server_free(ts);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_resumes_its_own_control_connection_only),
		cmocka_unit_test(test_a_session_from_before_owning_does_not_resume),
		cmocka_unit_test(test_early_data_is_passed_over_unread),
		cmocka_unit_test(test_no_ticket_travels_on_a_data_connection),
		cmocka_unit_test(test_a_client_that_speaks_something_else_is_refused),
		cmocka_unit_test(test_old_versions_and_endless_handshakes_are_refused),
		cmocka_unit_test(test_tls_1_2_is_refused_where_1_3_is_the_least),
		cmocka_unit_test(test_bad_certificates_are_told_and_refused),
	};

	return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
