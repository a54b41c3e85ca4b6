/* SPDX-License-Identifier: ISC */
/*
 * sandbox.c - roots, limits, capabilities and the flags that cannot be taken back.
 * Order matters: what needs a privilege comes before it is dropped, and the death signal comes last
 * because a change of uid clears it.
 */
#include "server/conns.h"
#include "server/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/base/fail.h"
#include "server/base/text.h"
#include "server/base/log.h"
#include "server/identity.h"
#include "server/sandbox_filter.h"

/* Wire holds the client, monitor, worker, the line to a port, data connections, and open files. */
#define WIRE_FILES_SPARE 32
/* A flood must end this process, not the machine (security: H33). */
#define WIRE_DATA_BYTES (128ul * 1024 * 1024)
#define SIGNER_FILES_SPARE 16
#define CLUSTER_FILES 16
/* The library takes answers of any length. */
#define CLUSTER_DATA_BYTES (128 * 1024 * 1024)
/*
 * Gate has a session's socket, and for two wishes of it a line, a port, and sixteen clients in
 * flight each.
 */
#define GATE_FILES_EACH 37
#define GATE_FILES_SPARE 128
/*
 * A worker keeps up to three descriptors per open file, 64 directories, and opens parents on the
 * way.
 */
#define WORKER_FILES_EACH 3
#define WORKER_FILES_SPARE 160

static void
limit(__rlimit_resource_t what, rlim_t value)
{
	struct rlimit now;

	if (getrlimit(what, &now) < 0)
		die("cannot read a resource limit: %s", strerror(errno));
	if (now.rlim_max != RLIM_INFINITY && value > now.rlim_max)
		value = now.rlim_max;
	now.rlim_cur = now.rlim_max = value;
	if (setrlimit(what, &now) < 0)
		die("cannot set a resource limit: %s", strerror(errno));
}

static void
no_new_privileges(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("cannot set no_new_privs: %s", strerror(errno));
}

static void
no_dumps(void)
{
	limit(RLIMIT_CORE, 0);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		die("cannot switch off core dumps: %s", strerror(errno));
}

/*
 * A change of uid has emptied the effective set already; this empties all sets and the bounding
 * set.
 */
static void
no_capabilities(void)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		die("capabilities could not be cleared");
	/* Without CAP_SETPCAP the bounding set cannot be touched; no_new_privs makes it moot. */
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		die("cannot drop capabilities");
}

static void
drop_bounding_set(void)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_BOUNDS) < 0)
		die("cannot drop the capability bounding set");
}

/* When the parent is gone there is nobody to work for. */
static void
die_with_parent(void)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		die("cannot ask for a death signal: %s", strerror(errno));
}

static void
enter_empty_root(const struct conf *conf)
{
	char path[4096];
	struct text t;

	text_init(&t, path, sizeof(path));
	text_printf(&t, "%s/empty", conf->run_dir);
	if (t.cut || chroot(path) < 0 || chdir("/") < 0)
		die("cannot enter the empty root %s: %s", path, strerror(errno));
}

/*
 * What listener, monitor and the modules of PAM may need of root. Everything else is gone for good.
 */
static void
keep_capabilities(void)
{
	static const unsigned int needed[] = {
		CAP_SETUID,	      /* monitor: worker becomes the user */
		CAP_SETGID,	      /* the same */
		CAP_SETPCAP,	      /* to drop the rest in each process */
		CAP_SYS_CHROOT,	      /* wire's and signer's empty root */
		CAP_SYS_ADMIN,	      /* wire's pid and ipc namespaces */
		CAP_NET_BIND_SERVICE, /* listener: ports below 1024 */
		CAP_KILL,	      /* monitor, listener: children of other uids */
		CAP_DAC_READ_SEARCH,  /* shadow, users file, keys */
		CAP_SYS_RESOURCE,     /* pam_limits */
		CAP_AUDIT_WRITE,      /* records of PAM */
		CAP_AUDIT_CONTROL,    /* pam_loginuid */
		CAP_CHOWN,	      /* pam_mkhomedir; create: yes, hooks.spool */
		CAP_FOWNER,	      /* the same */
		CAP_FSETID,	      /* the same */
	};

	if (capng_get_caps_process() < 0)
		die("cannot read our capabilities");
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		bool keep = false;

		for (size_t i = 0; i < COUNT_OF(needed); i++)
			keep |= needed[i] == cap;
		if (!keep)
			ignore_result(capng_update(CAPNG_DROP,
						   CAPNG_EFFECTIVE | CAPNG_PERMITTED |
						       CAPNG_INHERITABLE | CAPNG_BOUNDING_SET,
						   cap));
	}
	if (capng_apply(CAPNG_SELECT_BOTH) < 0)
		die("cannot drop capabilities");
}

void
sandbox_daemon(const struct conf *conf, bool renewed)
{
	filter_prepare();
	no_dumps();
	if (conf->mode == CONF_SYSTEM) {
		keep_capabilities();
	} else {
		/* A renewed image has none left, and libcap-ng may take that for a failure. */
		if (geteuid() == 0 && capng_get_caps_process() == 0 &&
		    capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP)) {
			drop_bounding_set();
			no_capabilities();
		}
		no_new_privileges();
	}
	if (!renewed)
		filter_enter(FILTER_NEVER, 0, -1);
}

void
sandbox_monitor(void)
{
	no_dumps();
}

void
sandbox_monitor_working(void)
{
	filter_enter(FILTER_MONITOR, 0, -1);
}

void
sandbox_signer_memory(void)
{
	int flags = MCL_CURRENT | MCL_ONFAULT;
	struct rlimit locked;

	no_dumps();
	/*
	 * Where locked memory is limited, later allocations must not fail for it: a best effort
	 * then.
	 */
	limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
	if (getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur == RLIM_INFINITY)
		flags |= MCL_FUTURE;
	ignore_result(mlockall(flags));
}

/* An empty root, a uid that owns nothing, no capability, no child, no privilege to be had. */
static void
become_nobody(const struct conf *conf, uid_t uid, gid_t gid)
{
	if (conf->mode == CONF_SYSTEM) {
		enter_empty_root(conf);
		drop_bounding_set();
		identity_become_ids(uid, gid);
		no_capabilities();
	}
	limit(RLIMIT_NPROC, 0);
	no_new_privileges();
	no_dumps(); /* a change of uid has its own opinion of it */
}

void
sandbox_signer(const struct conf *conf, const struct sandbox_ids *ids)
{
	struct landlock nothing;

	landlock_begin(&nothing, false);
	limit(RLIMIT_NOFILE,
	      conf->limits.sessions + conf->limits.waiting + CONNS_ENDING + SIGNER_FILES_SPARE);
	become_nobody(conf, ids->keys_uid, ids->keys_gid);
	/*
	 * It outlives the listener: sessions do, and they rekey. Its end is the end of its sockets.
	 */
	landlock_enter(&nothing);
	filter_enter(FILTER_SIGNER, 0, -1);
}

void
sandbox_cluster(const struct conf *conf, const struct sandbox_ids *ids)
{
	struct landlock nothing;

	landlock_begin(&nothing, true);
	limit(RLIMIT_NOFILE, CLUSTER_FILES);
#ifndef COFFER_SANITIZED
	limit(RLIMIT_DATA, CLUSTER_DATA_BYTES);
#endif
	become_nobody(conf, ids->cluster_uid, ids->cluster_gid);
	die_with_parent();
	landlock_enter(&nothing);
	filter_enter(FILTER_CLUSTER, 0, -1);
}

void
sandbox_checker(const struct conf *conf, const struct sandbox_ids *ids)
{
	struct landlock nothing;

	landlock_begin(&nothing, false);
	become_nobody(conf, ids->wire_uid, ids->wire_gid);
	die_with_parent();
	landlock_enter(&nothing);
	filter_enter(FILTER_SIGNER, 0, -1);
}

void
sandbox_gate(const struct conf *conf, const struct sandbox_ids *ids)
{
	struct landlock ports;

	landlock_begin(&ports, true);
	limit(RLIMIT_NOFILE,
	      GATE_FILES_EACH * (conf->limits.sessions + conf->limits.waiting + CONNS_ENDING) +
		  GATE_FILES_SPARE);
	limit(RLIMIT_MEMLOCK, 0);
	become_nobody(conf, ids->wire_uid, ids->wire_gid);
	landlock_enter(&ports);
	filter_enter(FILTER_GATE, 0, -1);
}

/* The first process of a pid namespace is deaf to signals that it has no handler for. */
static void
end_by_watchdog(int number)
{
	_exit(128 + number);
}

void
sandbox_wire(const struct conf *conf, const struct sandbox_ids *ids, int report)
{
	const struct sigaction watchdog = { .sa_handler = end_by_watchdog };
	struct landlock nothing;

	landlock_begin(&nothing, false);
	if (sigaction(SIGPROF, &watchdog, NULL) < 0)
		die("sigaction: %s", strerror(errno));
	no_dumps();
	limit(RLIMIT_NOFILE, conf->sftp.max_handles + WIRE_FILES_SPARE);
#ifndef COFFER_SANITIZED /* whose shadow memory is larger than any limit */
	limit(RLIMIT_DATA, WIRE_DATA_BYTES);
#endif
	limit(RLIMIT_MEMLOCK, 0);
	become_nobody(conf, ids->wire_uid, ids->wire_gid);
	die_with_parent();
	landlock_enter(&nothing);
	filter_enter(FILTER_WIRE, 0, report);
}

void
sandbox_worker_user(const struct conf *conf, const struct account *account)
{
	no_dumps();
	if (conf->mode == CONF_PERSONAL) {
		if (account->uid != geteuid())
			bug("personal mode knows one uid, not %u", account->uid);
		return;
	}
	drop_bounding_set();
	identity_become_user(account);
	die_with_parent(); /* a home on a sick filesystem must not keep it for ever */
}

void
sandbox_worker(const struct conf *conf, struct landlock *paths, bool ports, int report)
{
	uint32_t options = ports && conf->ftps.active ? FILTER_ACTIVE : 0;

	if (conf->mode == CONF_SYSTEM)
		no_capabilities();
	limit(RLIMIT_NOFILE, WORKER_FILES_EACH * conf->sftp.max_handles + WORKER_FILES_SPARE);
	no_new_privileges();
	no_dumps();
	die_with_parent();
	landlock_enter(paths);
	filter_enter(FILTER_WORKER, options, report);
}

void
sandbox_hooks(const struct conf *conf, const struct sandbox_ids *ids)
{
	if (conf->mode == CONF_SYSTEM) {
		drop_bounding_set();
		identity_become_ids(ids->hooks_uid, ids->hooks_gid);
		no_capabilities();
	}
	no_new_privileges();
	no_dumps();
}

pid_t
sandbox_fork_wire(const struct conf *conf)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	pid_t pid;

	if (conf->mode == CONF_SYSTEM)
		args.flags = CLONE_NEWPID | CLONE_NEWIPC;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0 && (errno == EPERM || errno == EINVAL || errno == ENOSPC || errno == ENOSYS)) {
		/*
		 * A container or a unit may forbid namespaces: seccomp alone keeps wire from
		 * signals then.
		 */
		log_debug("namespaces", "result=none reason=\"%s\"", strerror(errno));
		args.flags = 0;
		pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	}
	return pid;
}
