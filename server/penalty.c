/* SPDX-License-Identifier: ISC */
/*
 * penalty.c - two fixed tables with open addressing; a key has PROBES places, found from a keyed
 * hash, so that nobody outside can choose which sources share them. Distrusts: everybody who can
 * open a connection. So nothing here grows, loops without a bound, or fails.
 */
#include "server/penalty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/base/text.h"

#define SECOND ((uint64_t)1000)
#define SOURCES 65536u
#define NAMES 8192u
#define PROBES 16u
/* As OpenSSH: penalties begin to count from here on, and are never longer than that. */
#define REFUSE_FROM_MS (15 * SECOND)
#define TIME_MAX_MS (600 * SECOND)
/* What a source does counts for its network divided by this. */
#define NETWORK_SHARE 8
/* So many wrong logins of a name cost nothing; each one more doubles the wait. */
#define NAME_FREE 4u
#define NAME_DELAY_MS SECOND
#define NAME_DELAY_MAX_MS (10 * SECOND)
/* A name's count halves in this time. */
#define NAME_HALF_MS (120 * SECOND)
/* A code that is older than this is refused anyway. */
#define CODE_KEEP_MS (180 * SECOND)
/*
 * So many wrong codes behind right passwords, and no code is taken for this time: six digits are
 * too few for somebody who may try for days. Only who knows the password can bring an account
 * there.
 */
#define CODES_MAX 10u
#define CODES_KEEP_MS (900 * SECOND)
#define STATE_VERSION 2u
#define ENTRY_BYTES (16u + 8u + 1u + 8u)
/* Bytes of the file: as many entries as there may be. */
#define CODE_BYTES (8u + 8u + 8u + 4u + 8u)
#define FILE_MAX ((size_t)SOURCES * ENTRY_BYTES + (size_t)NAMES * CODE_BYTES + 64)

struct row {
	struct source source;
	uint64_t until_ms; /* its penalties; past: the row is free */
	uint64_t ban_ms;   /* until when it is banned by hand; 0: it is not */
	bool refused;	   /* they passed REFUSE_FROM_MS */
};

struct name {
	uint64_t hash; /* 0: the row is free */
	uint64_t digest, last_ms, code_step, code_ms;
	uint32_t count, wrong_codes;
	uint64_t wrong_ms; /* of the last wrong code */
};

static struct {
	uint64_t key;
	struct row *rows;
	struct name *names;
} us;

static const uint64_t costs[] = {
	[PENALTY_FAILURE] = 5 * SECOND,
	[PENALTY_NO_LOGIN] = 1 * SECOND,
	[PENALTY_LATE] = 10 * SECOND,
	[PENALTY_CRASH] = 90 * SECOND,
};

void
penalty_init(void)
{
	if (us.rows)
		return;
	us.rows = mem_new(SOURCES, sizeof(*us.rows));
	us.names = mem_new(NAMES, sizeof(*us.names));
	/* Without randomness the tables still work, for everybody who does not attack them. */
	if (getrandom(&us.key, sizeof(us.key), GRND_NONBLOCK) != sizeof(us.key))
		us.key = clock_ms();
}

/* FNV-1a from a secret start, and a finish that spreads it. Never 0. */
static uint64_t
hash(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint64_t h = 0xcbf29ce484222325u ^ us.key;

	for (size_t i = 0; i < len; i++)
		h = (h ^ at[i]) * 0x100000001b3u;
	h = (h ^ us.key ^ (h >> 32)) * 0xd6e8feb86659fd93u;
	h ^= h >> 29;
	return h ? h : 1;
}

/* ---- sources ---- */

static uint64_t
ends(const struct row *r)
{
	return r->until_ms > r->ban_ms ? r->until_ms : r->ban_ms;
}

/* The source's row, or with make the one that is given up for it. */
static struct row *
find(const struct source *source, bool make, uint64_t now)
{
	size_t first = hash(source->key, sizeof(source->key)) % SOURCES;
	struct row *worst = NULL;

	for (size_t i = 0; i < PROBES; i++) {
		struct row *r = &us.rows[(first + i) % SOURCES];

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
	for (size_t i = 0; i < SOURCES; i++) {
		const struct row *r = &us.rows[i];
		struct penalty_entry e = { .source = r->source, .by_hand = r->ban_ms > now };

		if (ends(r) <= now)
			continue;
		e.left_ms = left(&r->source, false, now);
		if (e.left_ms)
			each(ctx, &e);
	}
}

/* ---- names ---- */

uint64_t
penalty_digest(const char *name)
{
	uint8_t sha[EVP_MAX_MD_SIZE] = { 0 };
	uint64_t digest;

	/* Were there no SHA-256, all names would be one, which is on the safe side. */
	ignore_result(EVP_Digest(name, strlen(name), sha, NULL, EVP_sha256(), NULL));
	memcpy(&digest, sha, sizeof(digest));
	return digest;
}

/* Something of it must not be forgotten: a used code, or wrong ones. */
static bool
keeps_code(const struct name *n, uint64_t now)
{
	return n->code_ms > now || (n->wrong_codes && n->wrong_ms + CODES_KEEP_MS > now);
}

static struct name *
find_name(uint64_t digest, uint64_t now)
{
	uint64_t h = hash(&digest, sizeof(digest));
	struct name *worst = NULL;

	for (size_t i = 0; i < PROBES; i++) {
		struct name *n = &us.names[(h + i) % NAMES];
		bool keeps = keeps_code(n, now);

		if (n->hash == h)
			return n;
		if (!worst || keeps < keeps_code(worst, now) ||
		    (keeps == keeps_code(worst, now) && n->last_ms < worst->last_ms))
			worst = n;
	}
	memset(worst, 0, sizeof(*worst));
	worst->hash = h;
	worst->digest = digest;
	return worst;
}

uint64_t
penalty_name(uint64_t digest, uint64_t now)
{
	struct name *n = find_name(digest, now);
	uint64_t halves = now > n->last_ms ? (now - n->last_ms) / NAME_HALF_MS : 0;
	uint64_t delay = NAME_DELAY_MS;

	n->count = (halves < 32 ? n->count >> halves : 0) + 1;
	n->last_ms = now;
	if (n->count <= NAME_FREE)
		return 0;
	for (uint32_t i = NAME_FREE + 1; i < n->count && delay < NAME_DELAY_MAX_MS; i++)
		delay *= 2;
	return delay < NAME_DELAY_MAX_MS ? delay : NAME_DELAY_MAX_MS;
}

bool
penalty_code(uint64_t digest, uint64_t step, uint64_t now)
{
	struct name *n = find_name(digest, now);

	if (n->wrong_ms + CODES_KEEP_MS <= now)
		n->wrong_codes = 0;
	if (step == PENALTY_WRONG_CODE) {
		n->wrong_codes++;
		n->wrong_ms = now;
		return false;
	}
	if (n->wrong_codes >= CODES_MAX || (n->code_ms > now && step <= n->code_step))
		return false;
	n->code_step = step;
	n->code_ms = now + CODE_KEEP_MS;
	n->wrong_codes = 0;
	return true;
}

/* ---- keeping it ---- */

static void
put_sources(struct buf *b, uint64_t now, size_t count)
{
	for (size_t i = 0; i < SOURCES && count > 0; i++) {
		const struct row *r = &us.rows[i];

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

static void
put_codes(struct buf *b, uint64_t now)
{
	for (size_t i = 0; i < NAMES; i++) {
		const struct name *n = &us.names[i];
		uint64_t wrong_until = n->wrong_codes ? n->wrong_ms + CODES_KEEP_MS : 0;

		if (!n->hash || !keeps_code(n, now))
			continue;
		buf_put_u64(b, n->digest);
		buf_put_u64(b, n->code_step);
		buf_put_u64(b, n->code_ms > now ? n->code_ms - now : 0);
		buf_put_u32(b, n->wrong_codes);
		buf_put_u64(b, wrong_until > now ? wrong_until - now : 0);
	}
}

void
penalty_put(struct buf *b, uint64_t now)
{
	size_t sources = 0, codes = 0, room = buf_room(b), head = 16;

	for (size_t i = 0; i < NAMES; i++)
		codes += us.names[i].hash && keeps_code(&us.names[i], now);
	for (size_t i = 0; i < SOURCES; i++)
		sources += ends(&us.rows[i]) > now;
	/* Codes first: they are few, and one that is forgotten is good again. */
	if (room < head + codes * CODE_BYTES)
		codes = 0;
	head += codes * CODE_BYTES;
	if (room < head || sources > (room - head) / ENTRY_BYTES)
		sources = room < head ? 0 : (room - head) / ENTRY_BYTES;
	buf_put_u32(b, STATE_VERSION);
	buf_put_u32(b, (uint32_t)codes);
	if (codes)
		put_codes(b, now);
	buf_put_u32(b, (uint32_t)sources);
	put_sources(b, now, sources);
}

/* When something that had left still to go ends now. 0: it is over. */
static uint64_t
still(uint64_t left, uint64_t elapsed, uint64_t now)
{
	if (left == CLOCK_NEVER)
		return left;
	return left > elapsed ? now + (left - elapsed) : 0;
}

static int
get_codes(struct buf *b, uint32_t count, uint64_t elapsed_ms, uint64_t now)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t digest = buf_get_u64(b), step = buf_get_u64(b), left = buf_get_u64(b),
			 wrong_left;
		uint32_t wrong = buf_get_u32(b);
		struct name *n;

		wrong_left = buf_get_u64(b);
		if (b->bad)
			return -EBADMSG;
		left = left < CODE_KEEP_MS ? left : CODE_KEEP_MS;
		wrong_left = wrong_left < CODES_KEEP_MS ? wrong_left : CODES_KEEP_MS;
		n = find_name(digest, now);
		n->code_step = step;
		n->code_ms = still(left, elapsed_ms, now);
		if (wrong_left <= elapsed_ms)
			continue;
		n->wrong_codes = wrong;
		/* It may have begun before our clock did. */
		n->wrong_ms = now + wrong_left > elapsed_ms + CODES_KEEP_MS
				  ? now + wrong_left - elapsed_ms - CODES_KEEP_MS
				  : 0;
	}
	return 0;
}

int
penalty_get(struct buf *b, uint64_t elapsed_ms, uint64_t now)
{
	uint32_t version = buf_get_u32(b), count = buf_get_u32(b);

	if (b->bad || version != STATE_VERSION || count > NAMES ||
	    get_codes(b, count, elapsed_ms, now) < 0)
		return -EBADMSG;
	count = buf_get_u32(b);
	if (b->bad || count > SOURCES)
		return -EBADMSG;
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
		until = still(until, elapsed_ms, now);
		ban = still(ban, elapsed_ms, now);
		if (!until && !ban)
			continue;
		r = find(&source, true, now);
		r->until_ms = until;
		r->ban_ms = ban;
		r->refused = refused;
	}
	return 0;
}

static void
file_names(const char *dir, char *file, char *temp, size_t size)
{
	struct text t;

	text_init(&t, file, size);
	text_printf(&t, "%s/penalties", dir);
	text_init(&t, temp, size);
	text_printf(&t, "%s/penalties.new", dir);
}

void
penalty_save(const char *state_dir)
{
	char file[4096], temp[4096];
	uint8_t *room = mem_new(1, FILE_MAX);
	FD_OWN int fd = -1;
	struct buf b;
	int err;

	file_names(state_dir, file, temp, sizeof(file));
	buf_init(&b, room, FILE_MAX);
	buf_put_u64(&b, (uint64_t)time(NULL));
	penalty_put(&b, clock_ms());
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	err = fd < 0 ? -errno : fd_write_full(fd, room, b.end);
	if (err == 0)
		err = fd_close_check(&fd);
	if (err == 0 && rename(temp, file) < 0)
		err = -errno;
	free(room);
	if (err < 0 && err != -ENOENT)
		log_warn("penalties", "result=not-saved reason=\"%s\"", strerror(-err));
}

void
penalty_load(const char *state_dir)
{
	char file[4096], temp[4096], *bytes = NULL;
	time_t now = time(NULL);
	FD_OWN int fd = -1;
	struct stat st;
	uint64_t saved;
	struct buf b;
	size_t len;
	int err;

	file_names(state_dir, file, temp, sizeof(file));
	fd = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return; /* there is none yet */
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
		err = -EPERM;
	else
		err = fd_read_file(fd, FILE_MAX, &bytes, &len);
	if (err == 0) {
		buf_init_read(&b, bytes, len);
		saved = buf_get_u64(&b);
		/* A clock that was set back forgives nothing, and one that was set forward all. */
		err = penalty_get(&b, (uint64_t)now > saved ? ((uint64_t)now - saved) * SECOND : 0,
				  clock_ms());
	}
	free(bytes);
	if (err < 0)
		log_warn("penalties", "result=not-read reason=\"%s\"", strerror(-err));
}
