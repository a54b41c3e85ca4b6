/* SPDX-License-Identifier: ISC */
/*
 * conns.h - the listener's table of connections: one row per monitor. Its size is fixed at the
 * start.
 */
#ifndef SERVER_CONNS_H
#define SERVER_CONNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "auth/account.h"
#include "server/base/buf.h"
#include "server/source.h"

struct conn {
	pid_t pid; /* of the monitor; 0: the row is free */
	int sock;  /* to the monitor; -1: it has closed it, its exit status follows */
	struct source source;
	bool logged_in;
	char user[ACCOUNT_NAME_MAX];
	char listener[65], addr[SOURCE_TEXT_MAX]; /* by which, and from where, as text */
	bool is_sftp;
	bool exempt;	   /* from penalties */
	bool stopped;	   /* by us; it is not its own fault */
	bool failed;	   /* at least one wrong login, which cost something already */
	uint64_t since_ms; /* clock_ms() of the connection */
	bool working;	   /* its worker serves; from then on no deadline holds, but at its end */
	uint64_t kill_ms;  /* clock_ms() at which it must be logged in, or gone; or CLOCK_NEVER */
};

/* Rows for connections that were told to end and are not counted any more. */
#define CONNS_ENDING 64
/* As many as a configuration can allow: limits.sessions and limits.waiting. */
#define CONNS_LIMIT (2 * 100000u + CONNS_ENDING)

struct conns {
	struct conn *at;
	size_t max;
};

void conns_init(struct conns *t, size_t max);

/* A free row, or NULL. */
struct conn *conns_free(struct conns *t);
struct conn *conns_find(struct conns *t, pid_t pid);
bool conns_any(const struct conns *t);

/*
 * How many there are with this state that nobody has told to end, of this source (NULL: any) and
 * this user (NULL: any).
 */
unsigned int conns_count(const struct conns *t, const struct source *source, const char *user,
			 bool logged_in);

/*
 * Among those that are not logged in: the oldest of a source that has the most of them, as far as a
 * few looks tell; NULL when none has more than more_than.
 */
struct conn *conns_crowd(const struct conns *t, unsigned int more_than);

/* Asks its monitor to end the session; one that cannot hear is killed. */
void conns_stop(struct conn *c);

/* The next moment at which one must be logged in. */
uint64_t conns_deadline(const struct conns *t);

/*
 * For the hand-over to a new image of the listener: their number (4 bytes), and rows with their
 * descriptors by number, each of so many bytes at most: pid, sock, source, texts with their
 * lengths, six flags, two times.
 */
#define CONNS_ROW_BYTES                                                                  \
	(4u + 4u + sizeof(struct source) + (4u + ACCOUNT_NAME_MAX - 1) + (4u + 65 - 1) + \
	 (4u + SOURCE_TEXT_MAX - 1) + 6u + 8u + 8u)
void conns_put(const struct conns *t, struct buf *b);
int conns_get(struct conns *t, struct buf *b) MUST_CHECK;

#endif
