/* SPDX-License-Identifier: ISC */
/* listener_in.h - what the files of the listener share: the state of the first process. */
#ifndef SERVER_LISTENER_IN_H
#define SERVER_LISTENER_IN_H

#include "conf/conf.h"
#include "protocols/tls/tls.h"
#include "server/conns.h"
#include "server/doors.h"
#include "server/wire.h"

struct listener {
	struct conf *conf;
	struct wire_servers servers;
	struct doors doors;
	struct conns conns;
	bool once; /* serve one connection, then stop */
	bool stopping;
	uint64_t pause_until_ms; /* 0: accepting */
	uint8_t *secret;	 /* TLS_SECRET bytes of shared ticket keys; no child has them */
};

#endif
