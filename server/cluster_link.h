/* SPDX-License-Identifier: ISC */
/*
 * cluster_link.h - the two connections to Redis or Valkey: on one comes what others publish, on the
 * other one asks. A command that fails ends both, and everything behind it does nothing until they
 * are there again.
 */
#ifndef SERVER_CLUSTER_LINK_H
#define SERVER_CLUSTER_LINK_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "server/base/mem.h"

struct cluster_link {
	const struct conf *conf;
	redisContext *events, *commands; /* both, or neither */
	uint64_t next_ms;		 /* of a try, or of a beat */
	bool complained;
	char password[512];
};

/* Before the sandbox: the password stands in a file. */
void cluster_link_init(struct cluster_link *l, const struct conf *conf);

/* Connects both, with the password. False: they were lost again, with a record. */
bool cluster_link_open(struct cluster_link *l) MUST_CHECK;

/* Gives both up, says why, and sets the time of the next try. */
void cluster_link_lost(struct cluster_link *l, const char *why);

/*
 * A command whose answer is looked at. Returns what the caller frees; NULL when c is NULL, or when
 * the connection or the server would not have it, and both are lost then.
 */
redisReply *cluster_link_ask(struct cluster_link *l, redisContext *c, const char *format,
			     ...) MUST_CHECK;
/* The same where only having been done matters. */
bool cluster_link_do(struct cluster_link *l, redisContext *c, const char *format, ...);

#endif
