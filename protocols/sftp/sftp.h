/* SPDX-License-Identifier: ISC */
/*
 * sftp.h - SFTP for the process files: what the listener prepares once, and the front end that wire
 * runs. Everything else in this room is its own business.
 */
#ifndef PROTOCOLS_SFTP_SFTP_H
#define PROTOCOLS_SFTP_SFTP_H

#include "conf/conf.h"
#include "server/session.h"
#include "server/sign.h"

/* Host keys and algorithm lists, ready before any fork so that no wire opens a file. */
struct ssh_server;

/*
 * Loads conf->sftp.host_keys and sets the algorithms of conf->sftp.policy. Called in the listener,
 * before it forks. Returns 0, or -EINVAL after at least one complaint.
 */
int ssh_server_new(const struct conf *conf, conf_complain_fn *complain, void *ctx,
		   struct ssh_server **ret_server) MUST_CHECK;

/*
 * The same when signer holds the private host keys: keys are their public halves. Every handshake
 * and rekey then is one sign_ask() in wire, and logins by key carry the signature to monitor.
 */
int ssh_server_new_remote(const struct conf *conf, const struct sign_keys *keys,
			  conf_complain_fn *complain, void *ctx,
			  struct ssh_server **ret_server) MUST_CHECK;

void ssh_server_free(struct ssh_server *server);

/*
 * Speaks SSH and SFTP on s->client_fd until the session is over, and says why it is. Takes the
 * descriptor over: it is closed and s->client_fd is -1 afterwards.
 */
enum session_end sftp_run(struct session *s, struct ssh_server *server);

#endif
