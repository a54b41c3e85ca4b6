/* SPDX-License-Identifier: ISC */
/* test_conns.c - the table of connections goes over to the next image of the listener whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "server/conns.h"

#define ROWS 3000

/* Every text as long as it can be. */
static void
fill(struct conn *c, size_t i)
{
	*c = (struct conn) { .pid = (pid_t)(i + 1),
			     .sock = (int)(i + 7),
			     .logged_in = i % 2,
			     .is_sftp = i % 3,
			     .exempt = i % 5,
			     .stopped = i % 7,
			     .failed = i % 11,
			     .working = i % 13,
			     .since_ms = i,
			     .kill_ms = UINT64_MAX - i };
	memset(c->source.key, (int)(i & 0xff), sizeof(c->source.key));
	memset(c->user, 'u', sizeof(c->user) - 1);
	memset(c->listener, 'l', sizeof(c->listener) - 1);
	memset(c->addr, 'a', sizeof(c->addr) - 1);
}

static void
test_rows_of_any_length_go_over_whole_and_fit(void **state)
{
	const size_t size = 4 + (size_t)ROWS * CONNS_ROW_BYTES;
	uint8_t *room = mem_new(1, size);
	struct conns old, new;
	struct buf b;

	(void)state;
	conns_init(&old, ROWS);
	for (size_t i = 0; i < ROWS; i++)
		fill(&old.at[i], i);
	buf_init(&b, room, size);
	conns_put(&old, &b);
	assert_false(b.bad);
	assert_int_equal(b.end, size); /* so less would not be enough */
	/* The limits have become smaller meanwhile. */
	conns_init(&new, 2);
	buf_init_read(&b, room, size);
	assert_int_equal(conns_get(&new, &b), 0);
	assert_int_equal(buf_done(&b), 0);
	assert_int_equal(new.max, ROWS);
	for (size_t i = 0; i < ROWS; i++)
		assert_memory_equal(&new.at[i], &old.at[i], sizeof(struct conn));
	free(old.at);
	free(new.at);
	free(room);
}

static void
test_a_table_that_is_cut_is_not_taken(void **state)
{
	uint8_t room[4 + 2 * CONNS_ROW_BYTES];
	struct conns old, new;
	struct buf b;
	size_t len;

	(void)state;
	conns_init(&old, 2);
	fill(&old.at[0], 0);
	fill(&old.at[1], 1);
	buf_init(&b, room, sizeof(room));
	conns_put(&old, &b);
	len = b.end;
	for (size_t cut = 0; cut < len; cut++) {
		conns_init(&new, 2);
		buf_init_read(&b, room, cut);
		assert_true(conns_get(&new, &b) < 0 || buf_done(&b) < 0);
		free(new.at);
	}
	free(old.at);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_of_any_length_go_over_whole_and_fit),
		cmocka_unit_test(test_a_table_that_is_cut_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
