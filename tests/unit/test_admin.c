/* SPDX-License-Identifier: ISC */
/* test_admin.c - whom the word of a kick means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/admin.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"

/* A user called 7, process 7, and a user called like the address of somebody else. */
static const struct {
	pid_t pid;
	const char *user, *addr;
} people[] = {
	{ 5, "7", "192.0.2.1" },
	{ 6, "192.0.2.3", "192.0.2.2" },
	{ 7, "bob", "192.0.2.3" },
	{ 8, "8x", "192.0.2.3" },
};

static void
test_a_number_is_a_process_and_an_address_nobody_s_name_while_there_is_one(void **state)
{
	static const struct {
		const char *word;
		unsigned int ended; /* bit n: people[n] */
	} cases[] = {
		{ "kick 7", 1u << 2 },	 { "kick bob", 1u << 2 },
		{ "kick 8x", 1u << 3 },	 { "kick 192.0.2.3", 3u << 2 },
		{ "kick 192.0.2.9", 0 }, { "kick 9", 0 },
		{ "kick 0", 0 },	 { "kick 192.0.2.1", 1u << 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char question[64], room[256];
		struct conns conns;
		struct admin admin = { .conns = &conns };
		unsigned int ended = 0;
		struct text t;
		int ends[2];

		conns_init(&conns, COUNT_OF(people));
		assert_int_equal(ipc_pair(ends), 0); /* who has none is killed */
		for (size_t k = 0; k < COUNT_OF(people); k++) {
			struct conn *c = &conns.at[k];

			c->pid = people[k].pid;
			c->sock = ends[0];
			c->logged_in = true;
			assert_int_equal(text_copy(c->user, sizeof(c->user), people[k].user), 0);
			assert_true(source_parse(people[k].addr, &c->source));
		}
		assert_int_equal(text_copy(question, sizeof(question), cases[i].word), 0);
		text_init(&t, room, sizeof(room));
		admin_answer(&admin, question, &t);
		for (size_t k = 0; k < COUNT_OF(people); k++)
			ended |= (unsigned int)conns.at[k].stopped << k;
		if (ended != cases[i].ended)
			fail_msg("%s ended %x: %s", cases[i].word, ended, t.at);
		assert_int_equal(strncmp(t.at, "error: ", 7) == 0, cases[i].ended == 0);
		free(conns.at);
		fd_close(&ends[0]);
		fd_close(&ends[1]);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_a_number_is_a_process_and_an_address_nobody_s_name_while_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
