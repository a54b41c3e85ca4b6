/* SPDX-License-Identifier: ISC */
/*
 * penalty.c - penalties and bans of sources, and the keyed hash of both tables. Distrusts:
 * everybody who can open a connection.
 */
#include "server/penalty.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "server/base/clock.h"
#include "server/penalty_in.h"

/* As OpenSSH: penalties begin to count from here on, and are never longer than that. */
#define REFUSE_FROM_MS (15 * SECOND)
#define TIME_MAX_MS (600 * SECOND)
/* What a source does counts for its network divided by this. */
#define NETWORK_SHARE 8

struct row {
	struct source source;
	uint64_t until_ms; /* its penalties; past: the row is free */
	uint64_t ban_ms;   /* until when it is banned by hand; 0: it is not */
	bool refused;	   /* they passed REFUSE_FROM_MS */
};

static uint64_t secret; /* of the hash */
static struct row *rows;

static const uint64_t costs[] = {
	[PENALTY_FAILURE] = 5 * SECOND,
	[PENALTY_NO_LOGIN] = 1 * SECOND,
	[PENALTY_LATE] = 10 * SECOND,
	[PENALTY_CRASH] = 90 * SECOND,
};

void
penalty_init(void)
{
	if (rows)
		return;
	rows = mem_new(PENALTY_SOURCES, sizeof(*rows));
	penalty_names_init();
	/* Without randomness the tables still work, for everybody who does not attack them. */
	if (getrandom(&secret, sizeof(secret), GRND_NONBLOCK) != sizeof(secret))
		secret = clock_ms();
}

/* FNV-1a from a secret start, and a finish that spreads it. Never 0. */
uint64_t
penalty_hash(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint64_t h = 0xcbf29ce484222325u ^ secret;

	for (size_t i = 0; i < len; i++)
		h = (h ^ at[i]) * 0x100000001b3u;
	h = (h ^ secret ^ (h >> 32)) * 0xd6e8feb86659fd93u;
	h ^= h >> 29;
	return h ? h : 1;
}

static uint64_t
ends(const struct row *r)
{
	return r->until_ms > r->ban_ms ? r->until_ms : r->ban_ms;
}

/* The source's row, or with make the one that is given up for it. */
static struct row *
find(const struct source *source, bool make, uint64_t now)
{
	size_t first = penalty_hash(source->key, sizeof(source->key)) % PENALTY_SOURCES;
	struct row *worst = NULL;

	for (size_t i = 0; i < PENALTY_PROBES; i++) {
		struct row *r = &rows[(first + i) % PENALTY_SOURCES];

		if (ends(r) > now && source_equal(&r->source, source))
			return r;
		if (!worst || (r->ban_ms > now) < (worst->ban_ms > now) ||
		    ((r->ban_ms > now) == (worst->ban_ms > now) && ends(r) < ends(worst)))
			worst = r;
	}
	if (!make)
		return NULL;
	memset(worst, 0, sizeof(*worst));
	worst->source = *source;
	return worst;
}

static void
add(const struct source *source, uint64_t cost, uint64_t now)
{
	struct row *r = find(source, true, now);

	if (r->until_ms <= now) {
		r->until_ms = now;
		r->refused = false;
	}
	r->until_ms += cost;
	if (r->until_ms > now + TIME_MAX_MS)
		r->until_ms = now + TIME_MAX_MS;
	r->refused |= r->until_ms - now >= REFUSE_FROM_MS;
}

void
penalty_add(const struct source *source, enum penalty what, uint64_t now)
{
	add(source, costs[what], now);
}

void
penalty_add_network(const struct source *source, enum penalty what, uint64_t now)
{
	const struct source network = source_network(source);

	add(&network, costs[what] / NETWORK_SHARE, now);
}

static uint64_t
left(const struct source *source, bool by_hand, uint64_t now)
{
	const struct row *r = find(source, false, now);
	uint64_t until = 0;

	if (!r)
		return 0;
	until = r->ban_ms;
	if (!by_hand && r->refused && r->until_ms > until)
		until = r->until_ms;
	if (until == CLOCK_NEVER)
		return until;
	return until > now ? until - now : 0;
}

uint64_t
penalty_left(const struct source *source, bool by_hand, uint64_t now)
{
	const struct source network = source_network(source);
	uint64_t own = left(source, by_hand, now), all = left(&network, by_hand, now);

	return own > all ? own : all;
}

void
penalty_ban(const struct source *source, uint64_t ms, uint64_t now)
{
	find(source, true, now)->ban_ms = ms < CLOCK_NEVER - now ? now + ms : CLOCK_NEVER;
}

bool
penalty_forgive(const struct source *source)
{
	struct row *r = find(source, false, clock_ms());

	if (!r)
		return false;
	memset(r, 0, sizeof(*r));
	return true;
}

void
penalty_each(uint64_t now, penalty_each_fn *each, void *ctx)
{
	for (size_t i = 0; i < PENALTY_SOURCES; i++) {
		const struct row *r = &rows[i];
		struct penalty_entry e = { .source = r->source, .by_hand = r->ban_ms > now };

		if (ends(r) <= now)
			continue;
		e.left_ms = left(&r->source, false, now);
		if (e.left_ms)
			each(ctx, &e);
	}
}

size_t
penalty_sources_count(uint64_t now)
{
	size_t count = 0;

	for (size_t i = 0; i < PENALTY_SOURCES; i++)
		count += ends(&rows[i]) > now;
	return count;
}

void
penalty_sources_put(struct buf *b, uint64_t now, size_t count)
{
	for (size_t i = 0; i < PENALTY_SOURCES && count > 0; i++) {
		const struct row *r = &rows[i];

		if (ends(r) <= now)
			continue;
		count--;
		buf_put_bytes(b, r->source.key, sizeof(r->source.key));
		buf_put_u64(b, r->until_ms > now ? r->until_ms - now : 0);
		buf_put_u8(b, r->refused);
		buf_put_u64(b, r->ban_ms == CLOCK_NEVER ? CLOCK_NEVER
			       : r->ban_ms > now	? r->ban_ms - now
							: 0);
	}
}

int
penalty_sources_get(struct buf *b, uint32_t count, uint64_t elapsed_ms, uint64_t now)
{
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *key = buf_get_bytes(b, sizeof(((struct source *)0)->key));
		uint64_t until = buf_get_u64(b);
		bool refused = buf_get_u8(b) == 1;
		uint64_t ban = buf_get_u64(b);
		struct source source;
		struct row *r;

		if (b->bad || until > TIME_MAX_MS)
			return -EBADMSG;
		memcpy(source.key, key, sizeof(source.key));
		until = penalty_still(until, elapsed_ms, now);
		ban = penalty_still(ban, elapsed_ms, now);
		if (!until && !ban)
			continue;
		r = find(&source, true, now);
		r->until_ms = until;
		r->ban_ms = ban;
		r->refused = refused;
	}
	return 0;
}
