/* SPDX-License-Identifier: ISC */
/*
 * cluster_redis.h - the process that speaks to Redis or Valkey, with an account of its own and an
 * empty root.
 *
 * All keys begin with cluster.name. What happens is published to NAME:events as a version byte, the
 * node's number, a type and the body of cluster_msg.h. What must outlive a message is kept as well:
 * sessions in a hash NAME:node:NODE, which expires when its node is gone for a minute; bans in
 * NAME:ban:SOURCE, which expire with them.
 */
#ifndef SERVER_CLUSTER_REDIS_H
#define SERVER_CLUSTER_REDIS_H

#include "conf/conf.h"
#include "server/sandbox.h"

NORETURN void cluster_redis_run(const struct conf *conf, const struct sandbox_ids *ids, int sock,
				uint64_t node);

#endif
