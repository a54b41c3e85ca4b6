/* SPDX-License-Identifier: ISC */
/*
 * lane.c - the table behind shared rates. Distrusts: what stands in it, since every worker can
 * write there: a number from far in the future counts as one from now, so that a worker that has
 * gone bad can slow others down only for as long as it goes on.
 */
#include "server/vfs/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/text.h"
#include "server/vfs/resolve.h"
#include "server/vfs/share.h"

#define LANES 4096 /* a power of two */
#define PROBES 64
/* A lane that nobody has used for so long is as good as none, and may become another. */
#define UNUSED_US (60ull * 1000000)
/* No queue is longer. */
#define AHEAD_US (120ull * 1000000)
/* What is reserved at once: a tenth of a second, within these bounds. */
#define PIECES_PER_SECOND 10
#define PIECE_MIN 1024u
#define PIECE_MAX (256u * 1024)

struct lane {
	uint64_t key;	/* 0: nobody's */
	uint64_t until; /* microseconds of CLOCK_MONOTONIC */
};

struct lane_table {
	struct lane at[LANES];
};

static uint64_t
key_of(const char *kind, enum lane_way way, const char *name)
{
	char room[512];
	struct text t;
	uint64_t key;

	text_init(&t, room, sizeof(room));
	text_printf(&t, "%s %s %s", kind, way == LANE_UP ? "up" : "down", name);
	key = text_hash(room);
	return key ? key : 1;
}

static uint64_t
share_rate(const struct conf_share *share, enum lane_way way)
{
	return way == LANE_UP ? share->rate_up : share->rate_down;
}

bool
lane_limits(const struct lanes *l, const struct conf_share *share, enum lane_way way)
{
	return l->table && (l->user_rate[way] > 0 || share_rate(share, way) > 0);
}

static int
map(const struct conf *conf, struct lane_table **ret_table)
{
	FD_OWN int dir = -1, fd = -1;
	void *at;
	int err = resolve_host_dir(conf->run_dir, &dir);

	if (err == 0)
		err = resolve_at(dir, "lanes", O_RDWR | O_CREAT | O_NOFOLLOW, 0600, &fd);
	if (err < 0)
		return err;
	if (ftruncate(fd, (off_t)sizeof(struct lane_table)) < 0)
		return -errno;
	at = mmap(NULL, sizeof(struct lane_table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	*ret_table = at;
	return 0;
}

int
lane_open(const struct conf *conf, const struct account *account, struct lanes *ret_lanes)
{
	struct lanes *l = ret_lanes;
	bool any;

	*l = (struct lanes) { .table = NULL };
	l->user_rate[LANE_UP] = conf->limits.rate_up_per_user;
	l->user_rate[LANE_DOWN] = conf->limits.rate_down_per_user;
	l->user_key[LANE_UP] = key_of("user", LANE_UP, account->name);
	l->user_key[LANE_DOWN] = key_of("user", LANE_DOWN, account->name);
	any = l->user_rate[LANE_UP] || l->user_rate[LANE_DOWN];
	for (size_t i = 0; i < conf->share_count && !any; i++) {
		const struct conf_share *share = &conf->shares[i];

		any = (share->rate_up || share->rate_down) && share_is_for(share, account);
	}
	return any ? map(conf, &l->table) : 0;
}

void
lane_close(struct lanes *l)
{
	if (l->table)
		ignore_result(munmap(l->table, sizeof(*l->table))); /* it is mapped */
	l->table = NULL;
}

/* Its moment is long past; or from further ahead than any queue, and then speak_for forgets it. */
static bool
is_unused(uint64_t until, uint64_t now)
{
	return until + UNUSED_US < now || until > now + AHEAD_US;
}

/* Finds the lane of the key, or takes one that nobody uses. */
static struct lane *
find(struct lane_table *t, uint64_t key, uint64_t now)
{
	size_t first = (size_t)(key ^ key >> 32) & (LANES - 1);

	for (int tries = 0; tries < 4; tries++) {
		struct lane *spare = NULL;
		uint64_t old = 0;

		for (size_t i = 0; i < PROBES; i++) {
			struct lane *l = &t->at[(first + i) & (LANES - 1)];
			uint64_t has = __atomic_load_n(&l->key, __ATOMIC_ACQUIRE);
			uint64_t until = __atomic_load_n(&l->until, __ATOMIC_RELAXED);

			if (has == key)
				return l;
			if (!spare && (has == 0 || is_unused(until, now))) {
				spare = l;
				old = has;
			}
			if (has == 0)
				break; /* nobody ever got past this one */
		}
		if (!spare)
			break;
		if (__atomic_compare_exchange_n(&spare->key, &old, key, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return spare;
	}
	return &t->at[first]; /* the table is full: it is shared with a stranger */
}

/* Speaks for bytes more. Returns the moment from which they may be moved. */
static uint64_t
speak_for(struct lane *l, uint64_t rate, uint64_t bytes, uint64_t now)
{
	uint64_t cost = bytes * 1000000 / rate, start;
	uint64_t old = __atomic_load_n(&l->until, __ATOMIC_ACQUIRE);

	do {
		start = old < now || old > now + AHEAD_US ? now : old;
	} while (!__atomic_compare_exchange_n(&l->until, &old, start + cost, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return start;
}

static uint64_t
piece(uint64_t rate)
{
	uint64_t bytes = rate / PIECES_PER_SECOND;

	return bytes < PIECE_MIN ? PIECE_MIN : bytes > PIECE_MAX ? PIECE_MAX : bytes;
}

void
lane_reserve(struct lanes *l, const struct conf_share *share, enum lane_way way, uint64_t now,
	     uint64_t *reserved_us, struct lane_grant *ret_grant)
{
	uint64_t rates[2] = { l->user_rate[way], share_rate(share, way) };
	uint64_t keys[2] = { l->user_key[way], key_of("share", way, share->name) };
	uint64_t bytes = PIECE_MAX, start = now;

	/* One reservation at a time, however often wire asks: that is what makes it fair. */
	if (*reserved_us > now) {
		*ret_grant = (struct lane_grant) { 0, (*reserved_us - now) / 1000 + 1 };
		return;
	}
	for (int i = 0; i < 2; i++) {
		if (rates[i] > 0 && piece(rates[i]) < bytes)
			bytes = piece(rates[i]);
	}
	for (int i = 0; i < 2; i++) {
		uint64_t at;

		if (rates[i] == 0)
			continue;
		at = speak_for(find(l->table, keys[i], now), rates[i], bytes, now);
		if (at > start)
			start = at;
	}
	*reserved_us = start;
	*ret_grant = (struct lane_grant) { bytes, (start - now + 999) / 1000 };
}
