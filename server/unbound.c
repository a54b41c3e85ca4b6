/* SPDX-License-Identifier: ISC */
/* unbound.c - a small table; the one that was seen longest ago makes room. */
#include "server/unbound.h"

#include <string.h>

#include "server/base/clock.h"
#include "server/base/log.h"

#define ROWS 64

static struct row {
	unsigned int count; /* 0: free */
	uint64_t last_ms;
	bool refused;
	char user[ACCOUNT_NAME_MAX], addr[46], client[64], ja3[33];
} rows[ROWS];

static bool
is_same(const struct row *r, const struct conn *c, const char *client, const char *ja3)
{
	return r->count && strcmp(r->user, c->user) == 0 && strcmp(r->addr, c->addr) == 0 &&
	       strncmp(r->client, client, sizeof(r->client) - 1) == 0 && strcmp(r->ja3, ja3) == 0;
}

static void
put_word(char *room, size_t size, const char *word)
{
	struct text t;

	text_init(&t, room, size);
	text_printable(&t, word);
}

void
unbound_note(const struct conn *c, bool refused, const char *client, const char *ja3)
{
	struct row *r = &rows[0];

	for (size_t i = 0; i < ROWS; i++) {
		if (is_same(&rows[i], c, client, ja3)) {
			r = &rows[i];
			break;
		}
		if (rows[i].last_ms < r->last_ms)
			r = &rows[i];
	}
	if (!is_same(r, c, client, ja3)) {
		memset(r, 0, sizeof(*r));
		put_word(r->user, sizeof(r->user), c->user);
		put_word(r->addr, sizeof(r->addr), c->addr);
		put_word(r->client, sizeof(r->client), client);
		put_word(r->ja3, sizeof(r->ja3), ja3);
	}
	r->count++;
	r->refused = refused;
	r->last_ms = clock_ms();
}

void
unbound_print(struct text *t)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];
		struct log_value user, client; /* clients chose them, and a terminal shows them */

		if (r->count)
			text_printf(t, "%4u %-24s %-24s %s %-32s %s\n", r->count,
				    log_q(&user, r->user), r->addr,
				    r->refused ? "refused" : "served ", r->ja3,
				    *r->client ? log_q(&client, r->client) : "-");
	}
}
