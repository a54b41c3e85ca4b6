/* SPDX-License-Identifier: ISC */
/*
 * penalty.h - what the listener remembers of bad behaviour: by source (an IPv4 address, a /64 of
 * IPv6, or the network around one) and by the name that was guessed at. Both protocols count
 * together. All memory is fixed: a flood of sources pushes out those that would be forgiven first,
 * and a ban by hand last.
 *
 * A source's penalties add up in time. From 15 s on it is refused, until its time is over; never
 * longer than 10 minutes. A name has none: guesses at it are only answered later and later, so that
 * nobody can lock anybody out. The right password is answered at once, from wherever it comes.
 */
#ifndef SERVER_PENALTY_H
#define SERVER_PENALTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/source.h"

enum penalty {
	PENALTY_FAILURE,  /* a wrong login */
	PENALTY_NO_LOGIN, /* came and went without trying */
	PENALTY_LATE,	  /* used up the time to log in */
	PENALTY_CRASH,	  /* a process of ours died of it */
};

/* now is clock_ms() everywhere. */
void penalty_init(void);
void penalty_add(const struct source *source, enum penalty what, uint64_t now);

/*
 * The same against the network around the source (source.h), at an eighth: one that sends many
 * different sources is refused as a whole, and a single bad neighbour does not harm the others.
 */
void penalty_add_network(const struct source *source, enum penalty what, uint64_t now);

/*
 * Milliseconds for which the source is refused, for itself or with its network; 0: it may come.
 * by_hand: look at bans only.
 */
uint64_t penalty_left(const struct source *source, bool by_hand, uint64_t now);

/* By the administrator. ms CLOCK_NEVER: for good. */
void penalty_ban(const struct source *source, uint64_t ms, uint64_t now);
/* Forgives everything. Was there something? */
bool penalty_forgive(const struct source *source);

/* What stands for a name here and on other nodes: the name may be a password in the wrong field. */
uint64_t penalty_digest(const char *name);

/* A wrong login as this name: milliseconds by which its refusal is to be held back. */
uint64_t penalty_name(uint64_t digest, uint64_t now);

/*
 * A one-time code of this name, by its number (RFC 6238: the time step). Returns false when it, or
 * a later one, was used already, or when too many were wrong lately. PENALTY_WRONG_CODE: one was.
 */
#define PENALTY_WRONG_CODE 0u
bool penalty_code(uint64_t digest, uint64_t step, uint64_t now);

struct penalty_entry {
	struct source source;
	uint64_t left_ms; /* CLOCK_NEVER: for good */
	bool by_hand;
};

/* Every source that is refused now. */
typedef void penalty_each_fn(void *ctx, const struct penalty_entry *entry);
void penalty_each(uint64_t now, penalty_each_fn *each, void *ctx);

/* For the next image of the listener, and for the next start: as much of it as fits. */
void penalty_put(struct buf *b, uint64_t now);
/* elapsed_ms: since it was put. Returns 0 or -EBADMSG; what was read until then counts. */
int penalty_get(struct buf *b, uint64_t elapsed_ms, uint64_t now) MUST_CHECK;

/* The same in a file of the state directory. Errors are logged and change nothing. */
void penalty_save(const char *state_dir);
void penalty_load(const char *state_dir);

#endif
