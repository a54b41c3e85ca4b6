/* SPDX-License-Identifier: ISC */
/* servers.h - from a configuration to what its wires serve with: ids, keys, TLS and SSH. */
#ifndef SERVER_SERVERS_H
#define SERVER_SERVERS_H

#include "conf/conf.h"
#include "server/wire.h"

/* Makes them, with a signer of their own. Returns 0, or -EINVAL after complaints. */
int servers_make(const struct conf *conf, conf_complain_fn *complain, void *ctx,
		 struct wire_servers *ret_servers) MUST_CHECK;

/* Frees them, and lets their signer go when its last connection is done. */
void servers_discard(struct wire_servers *servers);

/*
 * Another signer for servers whose last one died: same keys, new process. 0, -EINVAL, or -EPIPE
 * (it died at once). To be called at signer_again_ms, after servers_signer_died.
 */
int servers_start_signer(const struct conf *conf, conf_complain_fn *complain, void *ctx,
			 struct wire_servers *servers) MUST_CHECK;
void servers_signer_died(struct wire_servers *servers);

/*
 * Starts coffer-hooks for servers that are going to be used, where the configuration wants it; also
 * again, after servers_hooks_died, at hooks_again_ms.
 */
void servers_start_hooks(const struct conf *conf, struct wire_servers *servers);
void servers_hooks_died(struct wire_servers *servers);
/*
 * Before another one is started, by this process or the one it becomes; servers_discard does it
 * too.
 */
void servers_retire_hooks(const struct wire_servers *servers);
/* The same configuration with other keys: its coffer-hooks goes on. */
void servers_take_hooks(struct wire_servers *servers, struct wire_servers *old);
/*
 * Another gate, when the last one died; sessions that it knew get no more ports. 0 or -errno. To be
 * called at gate_again_ms, after servers_gate_died.
 */
int servers_start_gate(const struct conf *conf, struct wire_servers *servers) MUST_CHECK;
void servers_gate_died(struct wire_servers *servers);

/* A conf_complain_fn that writes to the log. */
void servers_complain(void *ctx, const struct conf_place *place, const char *text);

#endif
