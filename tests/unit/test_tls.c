/* SPDX-License-Identifier: ISC */
/*
 * test_tls.c - the promises of TLS: only our own sessions resume, only close_notify is an end, no
 * tickets on data connections. The client is OpenSSL over a socket pair.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "protocols/tls/tls.h"

static char cert_file[] = "/tmp/coffer-test-cert-XXXXXX",
	    key_file[] = "/tmp/coffer-test-key-XXXXXX";
static unsigned int complaints;

static void
count_complaint(void *ctx, const struct conf_place *place, const char *text)
{
	(void)ctx;
	(void)place;
	(void)text;
	complaints++;
}

static int
make_certificate(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	FILE *out;

	(void)state;
	assert_true(key && cert);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	out = fdopen(mkstemp(cert_file), "w");
	assert_non_null(out);
	PEM_write_X509(out, cert);
	fclose(out);
	out = fdopen(mkstemp(key_file), "w");
	assert_non_null(out);
	PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
	fclose(out);
	X509_free(cert);
	EVP_PKEY_free(key);
	return 0;
}

static int
remove_certificate(void **state)
{
	(void)state;
	unlink(cert_file);
	unlink(key_file);
	return 0;
}

static struct tls_server *
new_server_from(enum conf_tls_version minimum)
{
	static struct conf_certificate pair = { .certificate = cert_file, .key = key_file };
	static struct conf_listener listener = { .protocol = CONF_FTPS };
	static struct conf conf;
	struct tls_server *ts = NULL;

	conf.listeners = &listener;
	conf.listener_count = 1;
	conf.tls.certificates = &pair;
	conf.tls.certificate_count = 1;
	conf.tls.minimum_version = minimum;
	assert_int_equal(tls_server_new(&conf, count_complaint, NULL, &ts), 0);
	assert_int_equal(tls_server_own(ts), 0);
	return ts;
}

static struct tls_server *
new_server(void)
{
	return new_server_from(CONF_TLS_1_2);
}

/* One connection: our end, and OpenSSL's at the other. */
struct pair {
	int ours, theirs;
	struct tls_conn *c;
	SSL_CTX *ctx;
	SSL *client;
};

static void
open_pair(struct pair *p, struct tls_server *ts, enum tls_kind kind, int version,
	  SSL_SESSION *resume, const char *alpn)
{
	const int room = 1024 * 1024;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)),
				 0);
	p->ours = ends[0];
	p->theirs = ends[1];
	p->c = tls_new(ts, p->ours, kind);
	p->ctx = SSL_CTX_new(TLS_client_method());
	assert_non_null(p->ctx);
	SSL_CTX_set_session_cache_mode(p->ctx, SSL_SESS_CACHE_CLIENT);
	assert_int_equal(SSL_CTX_set_max_proto_version(p->ctx, version), 1);
	p->client = SSL_new(p->ctx);
	assert_non_null(p->client);
	SSL_set_fd(p->client, p->theirs);
	SSL_set_connect_state(p->client);
	if (alpn)
		SSL_set_alpn_protos(p->client, (const uint8_t *)alpn, (unsigned int)strlen(alpn));
	if (resume)
		SSL_set_session(p->client, resume);
}

/* Until both are done or one fails. Returns what our side said. */
static int
shake_hands(struct pair *p)
{
	int err = -EAGAIN;

	for (int i = 0; i < 20; i++) {
		bool done = SSL_do_handshake(p->client) == 1;

		err = tls_handshake(p->c);
		if ((done && err == 0) || (err < 0 && err != -EAGAIN))
			break;
	}
	return err;
}

static void
close_pair(struct pair *p)
{
	tls_free(p->c);
	SSL_set_shutdown(p->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(p->client);
	SSL_CTX_free(p->ctx);
	close(p->ours);
	close(p->theirs);
}

/* A control connection's newest session, as a client takes it from the ticket. */
static SSL_SESSION *
control_session(struct pair *p, struct tls_server *ts, int version)
{
	char byte;

	open_pair(p, ts, TLS_CONTROL, version, NULL, NULL);
	assert_int_equal(shake_hands(p), 0);
	tls_ticket(p->c);
	assert_int_equal(tls_write(p->c, "x", 1), 1);
	assert_int_equal(tls_flush(p->c), 0);
	assert_int_equal(SSL_read(p->client, &byte, 1), 1);
	return SSL_get1_session(p->client);
}

static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };

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

/* RFC 8446, section 4.2.10: a client may try; it is no mistake of his, and no word of it arrives.
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
test_only_close_notify_is_an_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(versions); i++)
		for (int clean = 0; clean < 2; clean++) {
			struct tls_server *ts = new_server();
			struct pair data;
			char room[64];

			open_pair(&data, ts, TLS_DATA, versions[i], NULL, NULL);
			assert_int_equal(shake_hands(&data), 0);
			assert_int_equal(SSL_write(data.client, "whole", 5), 5);
			if (clean)
				assert_int_equal(SSL_shutdown(data.client), 0);
			assert_int_equal(shutdown(data.theirs, SHUT_WR), 0);
			assert_int_equal(tls_read(data.c, room, sizeof(room)), 5);
			assert_int_equal(tls_read(data.c, room, sizeof(room)),
					 clean ? 0 : -ECONNRESET);
			assert_int_equal(tls_read(data.c, room, sizeof(room)),
					 clean ? 0 : -ECONNRESET);
			close_pair(&data);
			tls_server_free(ts);
		}
}

/* What ends the connection may have come in one segment with data: no poll would tell of it again.
 */
static void
test_an_end_behind_data_is_pending(void **state)
{
	static const uint8_t garbage[] = { 23, 3, 3, 0, 4, 1, 2, 3, 4 };
	struct tls_server *ts = new_server();

	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(versions); i++) {
		bool closes = i >= COUNT_OF(versions);
		struct pair p;
		char room[16];

		open_pair(&p, ts, TLS_CONTROL, versions[i % COUNT_OF(versions)], NULL, NULL);
		assert_int_equal(shake_hands(&p), 0);
		assert_int_equal(SSL_write(p.client, "NOO", 3), 3);
		if (closes)
			assert_int_equal(SSL_shutdown(p.client), 0);
		else
			assert_int_equal(write(p.theirs, garbage, sizeof(garbage)),
					 sizeof(garbage));
		assert_int_equal(tls_read(p.c, room, sizeof(room)), 3);
		assert_true(tls_pending(p.c));
		assert_int_equal(tls_read(p.c, room, sizeof(room)), closes ? 0 : -EPROTO);
		assert_false(tls_pending(p.c));
		/* And nothing is pending where more may still come. */
		close_pair(&p);
		open_pair(&p, ts, TLS_CONTROL, versions[i % COUNT_OF(versions)], NULL, NULL);
		assert_int_equal(shake_hands(&p), 0);
		assert_int_equal(SSL_write(p.client, "NOO", 3), 3);
		assert_int_equal(tls_read(p.c, room, sizeof(room)), 3);
		assert_false(tls_pending(p.c));
		assert_int_equal(tls_read(p.c, room, sizeof(room)), -EAGAIN);
		close_pair(&p);
	}
	tls_server_free(ts);
}

static void
test_records_are_collected_and_arrive_whole(void **state)
{
	struct tls_server *ts = new_server();
	uint8_t *sent = malloc(TLS_BATCH), *got = malloc(TLS_BATCH);
	struct pair data;
	size_t n = 0;
	int k;

	(void)state;
	assert_true(sent && got);
	for (size_t i = 0; i < TLS_BATCH; i++)
		sent[i] = (uint8_t)(i * 31 >> 3);
	open_pair(&data, ts, TLS_DATA, TLS1_3_VERSION, NULL, NULL);
	assert_int_equal(shake_hands(&data), 0);
	assert_int_equal(tls_write(data.c, sent, TLS_BATCH), TLS_BATCH);
	assert_true(tls_unsent(data.c) > TLS_BATCH);
	while (n < TLS_BATCH) {
		int err = tls_flush(data.c);

		assert_true(err == 0 || err == -EAGAIN);
		while (n < TLS_BATCH &&
		       (k = SSL_read(data.client, got + n, (int)(TLS_BATCH - n))) > 0)
			n += (size_t)k;
	}
	assert_memory_equal(sent, got, TLS_BATCH);
	assert_int_equal(tls_finish(data.c), 0);
	assert_int_equal(SSL_read(data.client, got, 1), 0);
	assert_int_equal(SSL_get_error(data.client, 0), SSL_ERROR_ZERO_RETURN);
	close_pair(&data);
	tls_server_free(ts);
	free(sent);
	free(got);
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
test_a_flood_of_key_updates_ends_the_connection(void **state)
{
	struct tls_server *ts = new_server();
	struct pair p;
	ssize_t n = -EAGAIN;
	char room[64];

	(void)state;
	open_pair(&p, ts, TLS_CONTROL, TLS1_3_VERSION, NULL, NULL);
	assert_int_equal(shake_hands(&p), 0);
	for (int i = 0; n == -EAGAIN && i < 5000; i++) {
		assert_int_equal(SSL_key_update(p.client, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(p.client), 1);
		n = tls_read(p.c, room, sizeof(room));
	}
	assert_int_equal(n, -EPROTO);
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
		cmocka_unit_test(test_only_close_notify_is_an_end),
		cmocka_unit_test(test_an_end_behind_data_is_pending),
		cmocka_unit_test(test_records_are_collected_and_arrive_whole),
		cmocka_unit_test(test_a_client_that_speaks_something_else_is_refused),
		cmocka_unit_test(test_old_versions_and_endless_handshakes_are_refused),
		cmocka_unit_test(test_tls_1_2_is_refused_where_1_3_is_the_least),
		cmocka_unit_test(test_a_flood_of_key_updates_ends_the_connection),
		cmocka_unit_test(test_bad_certificates_are_told_and_refused),
	};

	return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
