/* SPDX-License-Identifier: ISC */
/*
 * sandbox.h - what each process gives up before it looks at a stranger's byte. One call per
 * process, everything in one order; a step that fails ends the process.
 */
#ifndef SERVER_SANDBOX_H
#define SERVER_SANDBOX_H

#include <sys/types.h>

#include "auth/account.h"
#include "conf/conf.h"
#include "server/sandbox_landlock.h"

/* Who wire, signer and the others are in system mode; found by name once, at start. */
struct sandbox_ids {
	uid_t wire_uid;
	gid_t wire_gid;
	uid_t keys_uid;
	gid_t keys_gid;
	uid_t hooks_uid; /* 0: no hooks */
	gid_t hooks_gid;
	uid_t cluster_uid; /* 0: there is no cluster */
	gid_t cluster_gid;
};

/*
 * The whole daemon, at its start. In personal mode no privilege is needed later, so none is kept;
 * in system mode only the capabilities that some process needs. What no process of ours does is
 * refused from now on (FILTER_NEVER); a renewed image has that from its predecessor.
 */
void sandbox_daemon(const struct conf *conf, bool renewed);

/*
 * Monitor, in two steps: at its start, not dumpable, no core; and once its worker runs, its list.
 */
void sandbox_monitor(void);
void sandbox_monitor_working(void);

/*
 * Signer, in two steps: locked memory before the keys are read; then empty root, own uid, nothing.
 */
void sandbox_signer_memory(void);
void sandbox_signer(const struct conf *conf, const struct sandbox_ids *ids);

/* The process that speaks to Redis: empty root, own uid, TCP to the outside, nothing else. */
void sandbox_cluster(const struct conf *conf, const struct sandbox_ids *ids);
/* A child that looks at a client's certificate and answers: as signer, without keys. */
void sandbox_checker(const struct conf *conf, const struct sandbox_ids *ids);

/* Gate: as wire, but that it outlives the listener and may open listening sockets. */
void sandbox_gate(const struct conf *conf, const struct sandbox_ids *ids);

/*
 * Wire: empty root, own uid, no capability, no new privileges, bounded memory and descriptors, no
 * path for Landlock, and the system calls of its list. A call that is not on it is told to report
 * first (sandbox_filter.h). Afterwards only the given sockets are left to it.
 */
void sandbox_wire(const struct conf *conf, const struct sandbox_ids *ids, int report);

/*
 * Worker, in two steps: become the user; then, with the roots of the shares open and allowed in
 * paths, close the door. ports: the session may want data connections.
 */
void sandbox_worker_user(const struct conf *conf, const struct account *account);
void sandbox_worker(const struct conf *conf, struct landlock *paths, bool ports, int report);

/*
 * Hooks: own uid, no capability, no new privileges, for itself and for the program that it runs. It
 * has no filter but that of the whole daemon, since nobody knows what the program does.
 */
void sandbox_hooks(const struct conf *conf, const struct sandbox_ids *ids);

/*
 * fork(2) for wire. In system mode the child is alone in a pid and an ipc namespace of its own: it
 * can name no process to signal, and no shared memory.
 */
pid_t sandbox_fork_wire(const struct conf *conf);

#endif
