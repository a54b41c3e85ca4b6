/* SPDX-License-Identifier: ISC */
/*
 * lane.h - rates that several sessions share: those of a user and those of a share. Each is a lane:
 * one number, the moment up to which its bytes are spoken for. A session reserves a piece and gets
 * the moment from which it may move it; having at most one reservation in a share, it then stands
 * behind all others. So the pieces go round among those who want some, nobody is held up by one who
 * does not, and what one session leaves the others get.
 *
 * The numbers lie in one file in run-dir that every worker maps before it becomes the user. There
 * is no lock: a worker that dies or stands still has reserved one piece, and that is all.
 */
#ifndef SERVER_VFS_LANE_H
#define SERVER_VFS_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/account.h"
#include "conf/conf.h"

enum lane_way { LANE_DOWN, LANE_UP };

/* What a session has to do with it. */
struct lanes {
	struct lane_table *table; /* NULL: nothing is limited for this account */
	uint64_t user_key[2];	  /* by enum lane_way */
	uint64_t user_rate[2];	  /* bytes a second; 0: none */
};

struct lane_grant {
	uint64_t bytes;	  /* that may be moved... */
	uint64_t wait_ms; /* ...after this time. 0 bytes: ask again then */
};

/*
 * Maps the table, and makes it, with the rights of the caller: in system mode root, before it
 * becomes the user. Returns 0 (also when nothing is limited for the account) or -errno.
 */
int lane_open(const struct conf *conf, const struct account *account,
	      struct lanes *ret_lanes) MUST_CHECK;
void lane_close(struct lanes *l);

/* Is there any limit but the session's own for this share in this direction? */
bool lane_limits(const struct lanes *l, const struct conf_share *share, enum lane_way way);

/*
 * Reserves a piece of all lanes that limit the share in this direction. *reserved_us: where this
 * session's last reservation in it begins; 0 at first, and kept by the caller.
 */
void lane_reserve(struct lanes *l, const struct conf_share *share, enum lane_way way,
		  uint64_t now_us, uint64_t *reserved_us, struct lane_grant *ret_grant);

#endif
