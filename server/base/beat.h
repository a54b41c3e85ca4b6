/* SPDX-License-Identifier: ISC */
/*
 * beat.h - one process sees since when another has been in one turn of its loop. A call that hangs
 * (a network filesystem that is gone) cannot be told by who hangs in it, and a message for each
 * turn would cost more than the turn: so it is a number in memory that both have.
 *
 *	RESTING --beat_work()--> WORKING since then --beat_rest()--> RESTING
 */
#ifndef BASE_BEAT_H
#define BASE_BEAT_H

#include <stdint.h>

struct beat;

/*
 * RESTING. Children that are forked afterwards share it. NULL when there is no memory: nobody is
 * watched then.
 */
struct beat *beat_new(void);

/* A turn begins; again: another one. NULL: nobody watches. */
void beat_work(struct beat *b);
/* It waits, for as long as it likes. */
void beat_rest(struct beat *b);

/*
 * How long it has been WORKING, in ms; 0: it rests. The other process writes it, so it is believed
 * for its own sake only.
 */
uint64_t beat_busy_ms(const struct beat *b);

#endif
