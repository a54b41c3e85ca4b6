/* SPDX-License-Identifier: ISC */
/* test_lane.c - rates that sessions share are kept, and divided fairly, by a clock of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/mem.h"
#include "server/base/text.h"
#include "server/vfs/lane.h"

#define SECOND 1000000ull
#define START (1000 * SECOND)
#define SESSIONS_MAX 8

static struct conf conf;
static struct conf_share shares[2];
static char dir[64];

static int
setup(void **state)
{
	(void)state;
	memset(&conf, 0, sizeof(conf));
	memset(shares, 0, sizeof(shares));
	snprintf(dir, sizeof(dir), "%.40s/coffer-lane-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(dir));
	conf.run_dir = dir;
	conf.shares = shares;
	conf.share_count = COUNT_OF(shares);
	shares[0].name = (char *)(uintptr_t) "first";
	shares[1].name = (char *)(uintptr_t) "second";
	return 0;
}

static int
teardown(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/lanes", dir);
	(void)unlink(path);
	return rmdir(dir);
}

/* A session that moves what it may as soon as it may, or only as fast as it likes. */
struct runner {
	struct lanes lanes;
	const struct conf_share *share;
	uint64_t own_rate;  /* what it wants at most; 0: all it can get */
	uint64_t idle_from; /* it wants nothing any more */
	uint64_t credit, from_us, moved, busy_us, reserved_us;
	int pesters; /* asks so many times more than it needs */
};

static void
begin(struct runner *r, const char *user, const struct conf_share *share)
{
	struct account account = { .uid = 1000 };

	memset(r, 0, sizeof(*r));
	snprintf(account.name, sizeof(account.name), "%s", user);
	assert_int_equal(lane_open(&conf, &account, &r->lanes), 0);
	r->share = share;
	r->idle_from = UINT64_MAX;
}

/* Turns everybody, in an order that changes, each millisecond of so many seconds. */
static void
turn(struct runner *runners, int count, uint64_t seconds)
{
	for (uint64_t t = 0; t < seconds * 1000; t++) {
		uint64_t now = START + t * 1000;

		for (int n = 0; n < count; n++) {
			struct runner *r = &runners[(n + (int)(t * 7)) % count];
			struct lane_grant g;

			if (now >= r->idle_from || now < r->busy_us)
				continue;
			if (r->credit > 0 && now >= r->from_us) {
				r->moved += r->credit;
				if (r->own_rate)
					r->busy_us = now + r->credit * SECOND / r->own_rate;
				r->credit = 0;
			}
			if (r->credit == 0 && now >= r->busy_us && now >= r->from_us) {
				lane_reserve(&r->lanes, r->share, LANE_DOWN, now, &r->reserved_us,
					     &g);
				r->credit = g.bytes;
				r->from_us = now + g.wait_ms * 1000;
			}
			for (int i = 0; i < r->pesters; i++) {
				lane_reserve(&r->lanes, r->share, LANE_DOWN, now, &r->reserved_us,
					     &g);
				r->credit += g.bytes;
			}
		}
	}
	for (int i = 0; i < count; i++)
		lane_close(&runners[i].lanes);
}

/* Is it within 3 of 100, and a piece? */
static void
assert_about(uint64_t is, uint64_t want)
{
	uint64_t slack = want / 33 + 256 * 1024;

	if (is > want + slack || is + slack < want)
		fail_msg("%llu is not about %llu", (unsigned long long)is,
			 (unsigned long long)want);
}

static void
test_sessions_of_a_user_get_equal_parts(void **state)
{
	struct runner r[4];

	(void)state;
	conf.limits.rate_down_per_user = 4000000;
	for (int i = 0; i < 4; i++)
		begin(&r[i], "anna", &shares[i % 2]);
	r[3].pesters = 50; /* whoever asks more often gets no more */
	turn(r, 4, 20);
	for (int i = 0; i < 4; i++)
		assert_about(r[i].moved, 20000000);
}

static void
test_what_one_leaves_the_others_get(void **state)
{
	struct runner r[3];

	(void)state;
	conf.limits.rate_down_per_user = 3000000;
	for (int i = 0; i < 3; i++)
		begin(&r[i], "anna", &shares[0]);
	r[0].own_rate = 200000;
	r[1].idle_from = START + 10 * SECOND;
	turn(r, 3, 20);
	assert_true(r[0].moved > 20 * 150000 && r[0].moved < 20 * 220000);
	assert_about(r[0].moved + r[1].moved + r[2].moved, 60000000);
	assert_about(r[1].moved, (30000000 - r[0].moved / 2) / 2);
}

static void
test_another_user_does_not_feel_it(void **state)
{
	struct runner r[3];

	(void)state;
	conf.limits.rate_down_per_user = 1000000;
	begin(&r[0], "anna", &shares[0]);
	begin(&r[1], "anna", &shares[0]);
	begin(&r[2], "bert", &shares[0]);
	turn(r, 3, 10);
	assert_about(r[0].moved + r[1].moved, 10000000);
	assert_about(r[2].moved, 10000000);
}

static void
test_a_share_has_a_rate_for_all(void **state)
{
	struct runner r[3];

	(void)state;
	shares[0].rate_down = 2000000;
	begin(&r[0], "anna", &shares[0]);
	begin(&r[1], "bert", &shares[0]);
	begin(&r[2], "anna", &shares[0]);
	turn(r, 3, 15);
	for (int i = 0; i < 3; i++)
		assert_about(r[i].moved, 10000000);
	assert_false(lane_limits(&r[0].lanes, &shares[1], LANE_DOWN));
}

static void
test_the_lower_of_both_limits_counts(void **state)
{
	struct runner r[3];

	(void)state;
	conf.limits.rate_down_per_user = 500000;
	shares[0].rate_down = 2000000;
	begin(&r[0], "anna", &shares[0]);
	begin(&r[1], "anna", &shares[0]);
	begin(&r[2], "bert", &shares[0]);
	turn(r, 3, 10);
	assert_about(r[0].moved + r[1].moved, 5000000);
	assert_about(r[2].moved, 5000000);
}

/* What a worker that has gone bad can do: every lane is somebody's, for a long time. */
static void
fill_table(uint64_t until)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/lanes", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	for (int i = 0; i < 4096; i++) {
		const uint64_t lane[2] = { 0x1111111111111111u + (unsigned int)i, until };

		assert_int_equal(pwrite(fd, lane, sizeof(lane), i * 16), sizeof(lane));
	}
	close(fd);
}

static void
test_rubbish_in_the_table_does_not_stop_anybody(void **state)
{
	struct runner r;

	(void)state;
	conf.limits.rate_down_per_user = 1000000;
	begin(&r, "anna", &shares[0]);
	fill_table(UINT64_MAX - 5);
	turn(&r, 1, 10);
	assert_about(r.moved, 10000000);
}

/* Where in the table the lane of this user is looked for first. */
static unsigned int
place_of(const char *user)
{
	char name[64];
	uint64_t key;

	snprintf(name, sizeof(name), "user down %s", user);
	key = text_hash(name);
	return (unsigned int)(key ^ key >> 32) & 4095;
}

static void
test_rubbish_in_the_table_does_not_make_strangers_share_a_lane(void **state)
{
	struct runner r[2];
	char twin[32];
	int n = 0;

	(void)state;
	do
		snprintf(twin, sizeof(twin), "bert%d", n++);
	while (place_of(twin) != place_of("anna"));
	conf.limits.rate_down_per_user = 1000000;
	begin(&r[0], "anna", &shares[0]);
	begin(&r[1], twin, &shares[0]);
	fill_table(START + 100000 * SECOND);
	turn(r, 2, 10);
	assert_about(r[0].moved, 10000000);
	assert_about(r[1].moved, 10000000);
}

static void
test_run_dir_may_be_behind_a_link(void **state)
{
	char link[80];
	struct runner r;

	(void)state;
	conf.limits.rate_down_per_user = 1000000;
	snprintf(link, sizeof(link), "%s.link", dir);
	assert_int_equal(symlink(dir, link), 0);
	conf.run_dir = link;
	begin(&r, "anna", &shares[0]);
	assert_non_null(r.lanes.table);
	lane_close(&r.lanes);
	assert_int_equal(unlink(link), 0);
}

static void
test_where_nothing_is_limited_there_is_no_table(void **state)
{
	struct runner r;
	char path[128];

	(void)state;
	begin(&r, "anna", &shares[0]);
	assert_null(r.lanes.table);
	assert_false(lane_limits(&r.lanes, &shares[0], LANE_UP));
	snprintf(path, sizeof(path), "%s/lanes", dir);
	assert_int_equal(access(path, F_OK), -1);
}

#define LANE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LANE_TEST(test_sessions_of_a_user_get_equal_parts),
		LANE_TEST(test_what_one_leaves_the_others_get),
		LANE_TEST(test_another_user_does_not_feel_it),
		LANE_TEST(test_a_share_has_a_rate_for_all),
		LANE_TEST(test_the_lower_of_both_limits_counts),
		LANE_TEST(test_rubbish_in_the_table_does_not_stop_anybody),
		LANE_TEST(test_rubbish_in_the_table_does_not_make_strangers_share_a_lane),
		LANE_TEST(test_run_dir_may_be_behind_a_link),
		LANE_TEST(test_where_nothing_is_limited_there_is_no_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
