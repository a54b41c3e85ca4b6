/* SPDX-License-Identifier: ISC */
/*
 * penalty_name.c - names that were guessed at, and their one-time codes. Distrusts: everybody who
 * can open a connection. A row whose code must not be forgotten is given up last.
 */
#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "server/penalty_in.h"

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

struct name {
	uint64_t hash; /* 0: the row is free */
	uint64_t digest, last_ms, code_step, code_ms;
	uint32_t count, wrong_codes;
	uint64_t wrong_ms; /* of the last wrong code */
};

static struct name *names;

void
penalty_names_init(void)
{
	names = mem_new(PENALTY_NAMES, sizeof(*names));
}

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
	uint64_t h = penalty_hash(&digest, sizeof(digest));
	struct name *worst = NULL;

	for (size_t i = 0; i < PENALTY_PROBES; i++) {
		struct name *n = &names[(h + i) % PENALTY_NAMES];
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

size_t
penalty_codes_count(uint64_t now)
{
	size_t count = 0;

	for (size_t i = 0; i < PENALTY_NAMES; i++)
		count += names[i].hash && keeps_code(&names[i], now);
	return count;
}

void
penalty_codes_put(struct buf *b, uint64_t now)
{
	for (size_t i = 0; i < PENALTY_NAMES; i++) {
		const struct name *n = &names[i];
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

int
penalty_codes_get(struct buf *b, uint32_t count, uint64_t elapsed_ms, uint64_t now)
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
		n->code_ms = penalty_still(left, elapsed_ms, now);
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
