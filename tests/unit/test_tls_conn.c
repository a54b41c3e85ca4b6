/* SPDX-License-Identifier: ISC */
/*
 * test_tls_conn.c - the bytes of a connection: only close_notify is an end, records are collected,
 * and nobody changes keys for ever.
 */
#include "tests/unit/tls_fixture.h"

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

/*
 * What ends the connection may have come in one segment with data: no poll would tell of it again.
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_close_notify_is_an_end),
		cmocka_unit_test(test_an_end_behind_data_is_pending),
		cmocka_unit_test(test_records_are_collected_and_arrive_whole),
		cmocka_unit_test(test_a_flood_of_key_updates_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
