/* SPDX-License-Identifier: ISC */
/* test_penalty.c - what the listener remembers of bad behaviour (ledger AU07, RX01). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "server/base/clock.h"
#include "server/base/net.h"
#include "server/penalty.h"

#define NOW ((uint64_t)1000000)
#define S ((uint64_t)1000)

static struct source
at(const char *text)
{
	struct source s;

	assert_true(source_parse(text, &s));
	return s;
}

static void
test_one_wrong_login_costs_nothing_and_three_a_quarter_minute(void **state)
{
	struct source s = at("192.0.2.1");

	(void)state;
	penalty_add(&s, PENALTY_FAILURE, NOW);
	penalty_add(&s, PENALTY_FAILURE, NOW);
	assert_int_equal(penalty_left(&s, false, NOW), 0);
	penalty_add(&s, PENALTY_FAILURE, NOW);
	assert_int_equal(penalty_left(&s, false, NOW), 15 * S);
	assert_int_equal(penalty_left(&s, true, NOW), 0); /* nobody banned it by hand */
	assert_int_equal(penalty_left(&s, false, NOW + 14 * S), 1 * S);
	assert_int_equal(penalty_left(&s, false, NOW + 15 * S), 0);
	penalty_add(&s, PENALTY_FAILURE, NOW + 16 * S); /* it begins anew */
	assert_int_equal(penalty_left(&s, false, NOW + 16 * S), 0);
}

static void
test_many_sources_of_one_network_are_refused_with_it(void **state)
{
	char text[64];
	struct source s;

	(void)state;
	for (int i = 1; i <= 23; i++) {
		snprintf(text, sizeof(text), "198.51.100.%d", i);
		s = at(text);
		penalty_add_network(&s, PENALTY_FAILURE, NOW);
	}
	s = at("198.51.100.200");
	assert_int_equal(penalty_left(&s, false, NOW), 0);
	penalty_add_network(&s, PENALTY_FAILURE, NOW); /* 24 times an eighth of 5 s */
	assert_int_equal(penalty_left(&s, false, NOW), 15 * S);
	assert_int_equal(penalty_left(&s, true, NOW), 0);
	s = at("198.51.101.1");
	assert_int_equal(penalty_left(&s, false, NOW), 0);
}

static void
test_networks_are_written_banned_and_forgiven(void **state)
{
	struct source net = at("203.0.113.77/24"), six = at("2001:db8:7:9::1/48"),
		      inside = at("203.0.113.5"), s;
	struct source inside6 = at("2001:db8:7:ffff::9");
	char shown[SOURCE_TEXT_MAX];

	(void)state;
	source_print(&net, shown);
	assert_string_equal(shown, "203.0.113.0/24");
	source_print(&six, shown);
	assert_string_equal(shown, "2001:db8:7::/48");
	assert_false(source_parse("203.0.113.0/25", &s) || source_parse("2001:db8::/32", &s) ||
		     source_parse("203.0.113.0/", &s) || source_parse("/24", &s) ||
		     source_parse("203.0.113.0/48", &s));
	penalty_ban(&net, 60 * S, NOW);
	penalty_ban(&six, 60 * S, NOW);
	assert_int_equal(penalty_left(&inside, true, NOW), 60 * S);
	assert_int_equal(penalty_left(&inside6, true, NOW), 60 * S);
	penalty_ban(&net, CLOCK_NEVER, clock_ms());
	assert_int_equal(penalty_left(&inside, true, clock_ms()), CLOCK_NEVER);
	assert_true(penalty_forgive(&net));
	assert_int_equal(penalty_left(&inside, true, clock_ms()), 0);
}

static void
test_slow_failures_are_forgiven_and_time_is_capped(void **state)
{
	struct source s = at("192.0.2.2"), t = at("192.0.2.3");

	(void)state;
	for (uint64_t i = 0; i < 100; i++) {
		penalty_add(&s, PENALTY_FAILURE, NOW + i * 6 * S);
		assert_int_equal(penalty_left(&s, false, NOW + i * 6 * S), 0);
	}
	for (int i = 0; i < 1000; i++)
		penalty_add(&t, PENALTY_CRASH, NOW);
	assert_int_equal(penalty_left(&t, false, NOW), 600 * S);
}

static void
test_sources_are_addresses_and_64s(void **state)
{
	struct source a = at("2001:db8:0:1::1"), b = at("2001:db8:0:1:ffff::9"),
		      c = at("2001:db8:0:2::1"), d = at("::ffff:192.0.2.4"), e = at("192.0.2.4"), f;

	(void)state;
	penalty_add(&a, PENALTY_CRASH, NOW);
	assert_int_equal(penalty_left(&b, false, NOW), 90 * S);
	assert_int_equal(penalty_left(&c, false, NOW), 0);
	penalty_add(&d, PENALTY_CRASH, NOW);
	assert_int_equal(penalty_left(&e, false, NOW), 90 * S);
	assert_false(source_parse("example.org", &f));
	assert_false(source_parse("192.0.2.256", &f));
	assert_false(source_parse("", &f));
}

static void
test_bans_by_hand_hold_and_are_lifted(void **state)
{
	struct source s = at("192.0.2.5"), t = at("192.0.2.6");
	uint64_t now = clock_ms();

	(void)state;
	penalty_ban(&s, CLOCK_NEVER, now);
	assert_true(penalty_left(&s, true, now) == CLOCK_NEVER);
	assert_true(penalty_left(&s, true, now + 1000 * 86400 * S) == CLOCK_NEVER);
	penalty_ban(&t, 60 * S, now);
	assert_int_equal(penalty_left(&t, true, now + 59 * S), S);
	assert_int_equal(penalty_left(&t, true, now + 60 * S), 0);
	assert_true(penalty_forgive(&s));
	assert_false(penalty_forgive(&s));
	assert_int_equal(penalty_left(&s, false, now), 0);
}

static void
test_a_flood_of_sources_keeps_bans_and_needs_no_memory(void **state)
{
	struct source s = at("198.51.100.1");
	char text[32];

	(void)state;
	penalty_ban(&s, 3600 * S, NOW);
	for (unsigned int i = 0; i < 300000; i++) {
		struct source t;

		snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16, (i >> 8) & 255, i & 255);
		t = at(text);
		penalty_add(&t, PENALTY_CRASH, NOW);
	}
	assert_int_equal(penalty_left(&s, true, NOW), 3600 * S);
}

static void
test_guesses_at_a_name_are_answered_later_and_later(void **state)
{
	static const uint64_t want[] = { 0, 0, 0, 0, 1, 2, 4, 8, 10, 10, 10 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(want); i++)
		assert_int_equal(penalty_name(penalty_digest("alice"), NOW), want[i] * S);
	assert_int_equal(penalty_name(penalty_digest("bob"), NOW), 0);
	assert_int_equal(penalty_name(penalty_digest("alice"), NOW + 3600 * S), 0);
}

static void
test_a_code_is_good_once(void **state)
{
	(void)state;
	assert_true(penalty_code(penalty_digest("carol"), 100, NOW));
	assert_false(penalty_code(penalty_digest("carol"), 100, NOW + S));
	assert_false(penalty_code(penalty_digest("carol"), 99, NOW + S));
	assert_true(penalty_code(penalty_digest("carol"), 101, NOW + S));
	assert_true(penalty_code(penalty_digest("dave"), 100, NOW));
}

static void
test_what_is_kept_comes_back_without_the_time_between(void **state)
{
	static uint8_t room[4 * 1024 * 1024];
	struct source s = at("203.0.113.1"), t = at("203.0.113.2");
	struct buf b;

	(void)state;
	penalty_add(&s, PENALTY_CRASH, NOW);
	penalty_ban(&t, CLOCK_NEVER, NOW);
	buf_init(&b, room, sizeof(room));
	penalty_put(&b, NOW);
	assert_false(b.bad);
	buf_init_read(&b, room, b.end);
	assert_int_equal(penalty_get(&b, 30 * S, NOW + 5), 0);
	assert_int_equal(penalty_left(&s, false, NOW + 5), 60 * S);
	assert_true(penalty_left(&t, true, NOW + 5) == CLOCK_NEVER);
	buf_init(&b, room, 100); /* no room: what fits, and no harm */
	penalty_put(&b, NOW);
	assert_false(b.bad);
	for (size_t len = 0; len < 60; len++) {
		buf_init_read(&b, room, len);
		if (penalty_get(&b, 0, NOW) == 0)
			assert_true(len >= 8);
	}
}

static void
test_used_and_wrong_codes_are_kept_and_ten_wrong_ones_are_enough(void **state)
{
	static uint8_t room[4 * 1024 * 1024];
	uint64_t erin = penalty_digest("erin"), fred = penalty_digest("fred"), now = NOW + 3600 * S;
	struct buf b;

	(void)state;
	assert_true(penalty_code(erin, 500, now));
	for (int i = 0; i < 9; i++)
		assert_false(penalty_code(fred, PENALTY_WRONG_CODE, now));
	assert_true(penalty_code(fred, 500, now)); /* a right one in time begins anew */
	for (int i = 0; i < 10; i++)
		assert_false(penalty_code(fred, PENALTY_WRONG_CODE, now));
	assert_false(penalty_code(fred, 501, now));
	buf_init(&b, room, sizeof(room));
	penalty_put(&b, now);
	assert_false(b.bad);
	/* Another image forgets, and is told. */
	now += 3600 * S;
	assert_true(penalty_code(erin, 500, now) && penalty_code(fred, 501, now));
	buf_init_read(&b, room, b.end);
	assert_int_equal(penalty_get(&b, 30 * S, now), 0);
	assert_false(penalty_code(erin, 500, now));
	assert_true(penalty_code(erin, 501, now));
	assert_false(penalty_code(fred, 502, now));
	assert_false(penalty_code(fred, 502, now + 869 * S));
	assert_true(penalty_code(fred, 502, now + 871 * S));
}

static void
test_networks(void **state)
{
	static const struct {
		const char *network, *addr;
		bool in;
	} cases[] = {
		{ "127.0.0.0/8", "127.3.2.1", true },
		{ "127.0.0.0/8", "128.0.0.1", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.128/25", "192.0.2.200", true },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "0.0.0.0/0", "8.8.8.8", true },
		{ "0.0.0.0/0", "::1", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "10.0.0.0/33", "10.0.0.1", false },
		{ "junk", "10.0.0.1", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(net_has(cases[i].network, cases[i].addr), cases[i].in);
	assert_true(net_is_network("::1"));
	assert_false(net_is_network("10.0.0.0/33"));
	assert_false(net_is_network("10.0.0.0/"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_wrong_login_costs_nothing_and_three_a_quarter_minute),
		cmocka_unit_test(test_used_and_wrong_codes_are_kept_and_ten_wrong_ones_are_enough),
		cmocka_unit_test(test_many_sources_of_one_network_are_refused_with_it),
		cmocka_unit_test(test_networks_are_written_banned_and_forgiven),
		cmocka_unit_test(test_slow_failures_are_forgiven_and_time_is_capped),
		cmocka_unit_test(test_sources_are_addresses_and_64s),
		cmocka_unit_test(test_bans_by_hand_hold_and_are_lifted),
		cmocka_unit_test(test_guesses_at_a_name_are_answered_later_and_later),
		cmocka_unit_test(test_a_code_is_good_once),
		cmocka_unit_test(test_what_is_kept_comes_back_without_the_time_between),
		cmocka_unit_test(test_a_flood_of_sources_keeps_bans_and_needs_no_memory),
		cmocka_unit_test(test_networks),
	};

	penalty_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
