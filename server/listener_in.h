/* SPDX-License-Identifier: ISC */
/*
 * listener_in.h - what the files of the listener share: admit.c, reload.c, claims.c and listener.c.
 */
#ifndef SERVER_LISTENER_IN_H
#define SERVER_LISTENER_IN_H

#include "conf/conf.h"
#include "server/conns.h"
#include "server/doors.h"
#include "server/wire.h"

struct listener {
	struct conf *conf;
	struct wire_servers servers;
	struct doors doors;
	struct conns conns;
	bool stopping;
};

#endif
