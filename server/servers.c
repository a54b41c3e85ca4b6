/* SPDX-License-Identifier: ISC */
/*
 * servers.c - what wires need of a configuration, made once in the listener so that every wire has
 * it warm: their uid, the TLS and SSH settings with the public keys, the signer that has the
 * others, and the gate that has the ports.
 */
#include "server/servers.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "auth/account.h"
#include "protocols/sftp/sftp.h"
#include "protocols/tls/tls.h"
#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/gate.h"
#include "server/hooks.h"
#include "server/process.h"
#include "server/signer.h"

/* A signer that dies while it starts, without a word about its keys, is no mistake of theirs. */
#define SIGNER_TRIES 3
/* A coffer-hooks that has died is started again, but not at once. */
#define HOOKS_PAUSE_MS 5000
/* Signer and gate are needed: at once, but not if the last one has just been started. */
#define AGAIN_MS 1000

/*
 * Who wire, signer and the others are: accounts without privilege, each of its own. In personal
 * mode they are who we are.
 */
static int
find_ids(const struct conf *conf, conf_complain_fn *complain, void *ctx, struct sandbox_ids *ret)
{
	const struct {
		const char *key, *user;
		bool wanted;
		uid_t *uid;
		gid_t *gid;
	} all[] = {
		{ "wire-user", conf->wire_user, true, &ret->wire_uid, &ret->wire_gid },
		{ "keys-user", conf->keys_user, true, &ret->keys_uid, &ret->keys_gid },
		{ "hooks.user", conf->hooks.user, conf->hooks.spool, &ret->hooks_uid,
		  &ret->hooks_gid },
		{ "cluster.user", conf->cluster.user, conf->cluster.redis, &ret->cluster_uid,
		  &ret->cluster_gid },
	};
	struct conf_place place = { .file = conf->file };
	char words[160];
	struct text t;

	for (size_t i = 0; i < COUNT_OF(all) && conf->mode == CONF_SYSTEM; i++) {
		bool good =
		    !all[i].wanted || (account_ids(all[i].user, all[i].uid, all[i].gid) == 0 &&
				       *all[i].uid != 0 && *all[i].gid != 0);

		for (size_t k = 0; k < i; k++)
			good &= !all[i].wanted || !all[k].wanted || *all[k].uid != *all[i].uid;
		if (good)
			continue;
		text_init(&t, words, sizeof(words));
		text_printf(&t,
			    "%s is not an unprivileged user of this system, with a uid of its own",
			    all[i].key);
		complain(ctx, &place, words);
		return -EINVAL;
	}
	return 0;
}

int
servers_start_signer(const struct conf *conf, conf_complain_fn *complain, void *ctx,
		     struct wire_servers *made)
{
	int ends[2], err;
	pid_t pid;

	made->signer_since_ms = clock_ms();
	made->signer_again_ms = clock_after(AGAIN_MS);
	if (ipc_pair(ends) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		process_keep(&ends[1], 1, true);
		signer_run(conf, &made->ids, ends[1]);
	}
	fd_close(&ends[1]);
	made->signer = ends[0];
	err = pid < 0 ? -EINVAL : signer_hello(made->signer, complain, ctx, &made->keys);
	if (err < 0) {
		fd_close(&made->signer); /* it ends then, and is nobody to us */
		return err;
	}
	made->signer_pid = pid;
	made->signer_again_ms = CLOCK_NEVER;
	return 0;
}

void
servers_signer_died(struct wire_servers *servers)
{
	fd_close(&servers->signer);
	servers->signer_pid = 0;
	servers->signer_again_ms = servers->signer_since_ms + AGAIN_MS;
}

/* The queue between is the listener's: what waits in it survives a coffer-hooks that dies. */
void
servers_start_hooks(const struct conf *conf, struct wire_servers *servers)
{
	sigset_t retire, before;
	int ends[2];

	servers->hooks_again_ms = CLOCK_NEVER;
	if (!conf->hooks.spool)
		return;
	if (servers->hooks < 0) {
		if (ipc_pair(ends) < 0) {
			servers->hooks_again_ms = clock_after(HOOKS_PAUSE_MS);
			return;
		}
		servers->hooks = ends[0];
		servers->hooks_in = ends[1];
	}
	/* HOOKS_RETIRE waits for its handler, which hooks_run sets. */
	sigemptyset(&retire);
	sigaddset(&retire, HOOKS_RETIRE);
	sigprocmask(SIG_BLOCK, &retire, &before);
	servers->hooks_pid = fork();
	if (servers->hooks_pid != 0)
		sigprocmask(SIG_SETMASK, &before, NULL);
	if (servers->hooks_pid == 0) {
		process_keep(&servers->hooks_in, 1, true);
		hooks_run(conf, &servers->ids, servers->hooks_in);
	}
	if (servers->hooks_pid < 0)
		servers_hooks_died(servers);
}

void
servers_take_hooks(struct wire_servers *servers, struct wire_servers *old)
{
	servers->hooks = fd_give(&old->hooks);
	servers->hooks_in = fd_give(&old->hooks_in);
	servers->hooks_pid = old->hooks_pid;
	servers->hooks_again_ms = old->hooks_again_ms;
	old->hooks_pid = 0;
}

void
servers_hooks_died(struct wire_servers *servers)
{
	servers->hooks_pid = 0;
	servers->hooks_again_ms = clock_after(HOOKS_PAUSE_MS);
}

int
servers_start_gate(const struct conf *conf, struct wire_servers *made)
{
	int ends[2];
	pid_t pid;

	made->gate_since_ms = clock_ms();
	made->gate_again_ms = clock_after(AGAIN_MS);
	if (ipc_pair(ends) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		process_keep(&ends[1], 1, true);
		gate_run(conf, &made->ids, ends[1]);
	}
	fd_close(&ends[1]);
	if (pid < 0) {
		fd_close(&ends[0]);
		return -EAGAIN;
	}
	made->gate = ends[0];
	made->gate_pid = pid;
	made->gate_again_ms = CLOCK_NEVER;
	return 0;
}

void
servers_gate_died(struct wire_servers *servers)
{
	fd_close(&servers->gate);
	servers->gate_pid = 0;
	servers->gate_again_ms = servers->gate_since_ms + AGAIN_MS;
}

/* A signer, and what proves its keys by a handshake with itself. -EPIPE: the signer is gone. */
static int
make_with_signer(const struct conf *conf, conf_complain_fn *complain, void *ctx,
		 struct wire_servers *made)
{
	FD_OWN int sign = -1;
	int err = servers_start_signer(conf, complain, ctx, made);

	if (err == 0)
		err = signer_connect(made->signer, &sign);
	if (err < 0)
		return err;
	sign_use(sign);
	err = tls_server_new_remote(conf, &made->keys, complain, ctx, &made->tls);
	if (err == 0)
		err = ssh_server_new_remote(conf, &made->keys, complain, ctx, &made->ssh);
	sign_use(-1);
	/* Its end of the socket closes when it dies. */
	return err < 0 && poll(&(struct pollfd) { .fd = made->signer }, 1, 0) > 0 ? -EPIPE : err;
}

int
servers_make(const struct conf *conf, conf_complain_fn *complain, void *ctx,
	     struct wire_servers *ret_servers)
{
	struct wire_servers made = {
		.signer = -1, .gate = -1, .hooks = -1, .hooks_in = -1, .hooks_again_ms = CLOCK_NEVER
	};
	int err;

	if (find_ids(conf, complain, ctx, &made.ids) < 0)
		return -EINVAL;
	for (int i = 0; (err = make_with_signer(conf, complain, ctx, &made)) == -EPIPE; i++) {
		if (i == SIGNER_TRIES - 1)
			break;
		tls_server_free(made.tls);
		ssh_server_free(made.ssh);
		made.tls = NULL;
		made.ssh = NULL;
		servers_signer_died(&made);
	}
	if (err == 0)
		err = servers_start_gate(conf, &made);
	if (err < 0) {
		servers_discard(&made);
		return -EINVAL;
	}
	*ret_servers = made;
	return 0;
}

void
servers_retire_hooks(const struct wire_servers *servers)
{
	if (servers->hooks_pid > 0)
		kill(servers->hooks_pid, HOOKS_RETIRE);
}

void
servers_discard(struct wire_servers *servers)
{
	servers_retire_hooks(servers);
	tls_server_free(servers->tls);
	ssh_server_free(servers->ssh);
	/* They end with their last connections. */
	fd_close(&servers->signer);
	fd_close(&servers->hooks);
	fd_close(&servers->hooks_in);
	fd_close(&servers->gate);
}

void
servers_complain(void *ctx, const struct conf_place *place, const char *text)
{
	bool warning = strncmp(text, "warning: ", strlen("warning: ")) == 0;
	struct log_value file, words;

	(void)ctx;
	log_event(warning ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "config", "at=%s:%u:%u text=%s",
		  log_q(&file, place->file ? place->file : "-"), place->line, place->column,
		  log_q(&words, text));
}
