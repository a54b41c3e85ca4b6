/* SPDX-License-Identifier: ISC */
/* signer.h - the process that holds the private keys, and can do nothing but sign with them. */
#ifndef SERVER_SIGNER_H
#define SERVER_SIGNER_H

#include "conf/conf.h"
#include "server/sandbox.h"
#include "server/sign.h"

/*
 * Runs in a fresh fork, as root in system mode: reads the key files of conf, says on control which
 * public halves it has, gives everything else up, and then signs for the sockets that come over
 * control. When control ends it serves those it has, and exits after the last; never returns.
 */
NORETURN void signer_run(const struct conf *conf, const struct sandbox_ids *ids, int control);

/*
 * The other end, in listener: waits for the public halves. Complains and returns -EINVAL when not;
 * -EPIPE when it died.
 */
int signer_hello(int control, conf_complain_fn *complain, void *ctx,
		 struct sign_keys *ret_keys) MUST_CHECK;

/* A new connection to signer, for a monitor. Returns 0 and its socket, or -errno. */
int signer_connect(int control, int *ret_sock) MUST_CHECK;

#endif
