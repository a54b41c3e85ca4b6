/* SPDX-License-Identifier: ISC */
/* listener.h - the door: accepts, counts, forks a monitor per connection. Reads no client byte. */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "conf/conf.h"
#include "server/wire.h"

/*
 * Serves with conf (and servers made from it) until SIGTERM or SIGINT; takes over both. A SIGHUP
 * reads conf's file again; a SIGUSR2 makes us a new image of the program, as does a crash. once:
 * serve one connection, then stop (cofferd -d). resume_fd: what the last image left, or -1. Returns
 * the exit status of the daemon.
 */
int listener_run(struct conf *conf, struct wire_servers *servers, bool once, int resume_fd);

/*
 * In the trial of a new image (handover_try): could it serve, with every listener of conf? The
 * doors of the last image come by resume_fd. Log records say why not.
 */
bool listener_would_run(const struct conf *conf, int resume_fd);

#endif
