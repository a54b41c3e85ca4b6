/* SPDX-License-Identifier: ISC */
/*
 * cluster.h - several nodes act as one: penalties, bans, used codes and sessions are told to the
 * others through Redis or Valkey, and theirs count here. The listener's side; a process of its own
 * (cluster_redis.h) talks to the server. Without cluster.redis, or while it cannot be reached,
 * every node counts for itself.
 */
#ifndef SERVER_CLUSTER_H
#define SERVER_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/conns.h"
#include "server/listener_in.h"
#include "server/penalty.h"

/* Starts, or starts anew, what l's configuration wants. The process ends when the listener does. */
void cluster_start(const struct listener *l);

/* A child has ended: was it ours? It is started anew a little later. */
bool cluster_reaped(pid_t pid, int status);
/* clock_ms() at which something is due. */
uint64_t cluster_deadline(void);

/* To be polled for reading; -1: there is no cluster. */
int cluster_fd(void);
/* In every turn of the listener: hears what came, and does what is due. */
void cluster_turn(const struct listener *l);

/*
 * What happened here. Nothing waits: what the process cannot take now is lost, counted and logged.
 */
void cluster_tell_penalty(const struct source *source, enum penalty what);
void cluster_tell_ban(const struct source *source, uint64_t ms);
void cluster_tell_name(uint64_t digest);
void cluster_tell_code(uint64_t digest, uint64_t step);
void cluster_tell_session(const struct conn *c);
void cluster_tell_end(const struct conn *c);

/* Sessions of other nodes, as conns_count(). */
unsigned int cluster_count(const struct source *source, const char *user);

/* For the next image of the listener: it stays the same node. */
void cluster_put(struct buf *b);
void cluster_get(struct buf *b);

#endif
