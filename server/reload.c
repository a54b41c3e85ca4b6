/* SPDX-License-Identifier: ISC */
/*
 * reload.c - a new configuration, or a new image of ourselves. Both are tried by a child first, so
 * that one that does not stand changes nothing; one child at a time.
 *
 *	nothing --SIGHUP--> a child reads the file --good--> swapped
 *	        --changed certificates--> a child reads those --good--> swapped
 *	        --SIGUSR2, crash--> a child starts the program --good--> executed
 */
#include "server/reload.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocols/tls/tls.h"
#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/base/notify.h"
#include "server/cluster.h"
#include "server/certs.h"
#include "server/handover.h"
#include "server/log_file.h"
#include "server/process.h"
#include "server/resolve.h"
#include "server/recheck.h"
#include "server/servers.h"

/*
 * A burst of crashes is one reason for one new image, and an attacker must not keep us busy with
 * it.
 */
#define RENEW_DELAY_MS 200
#define RENEW_PAUSE_MS 10000
/* A trial that takes longer hangs: on a name service, or a disk. */
#define TRIAL_MS 60000

enum trial { CONFIGURATION, CERTIFICATES, IMAGE };

static struct {
	pid_t checker; /* tries something new; 0: none */
	enum trial trial;
	uint64_t renew_ms;   /* when to become a new image; CLOCK_NEVER: not wanted */
	uint64_t renewed_ms; /* when we became this one; 0: by a normal start */
	uint64_t kill_ms;    /* when the checker has taken too long */
	bool again;	     /* another reload was asked for meanwhile */
} us = { .renew_ms = CLOCK_NEVER, .kill_ms = CLOCK_NEVER };

void
reload_init(uint64_t renewed_ms)
{
	us.renewed_ms = renewed_ms;
}

uint64_t
reload_deadline(void)
{
	return clock_first(us.renew_ms, us.kill_ms);
}

void
reload_turn(const struct listener *l)
{
	if (clock_ms() >= us.kill_ms) {
		us.kill_ms = CLOCK_NEVER;
		log_error("reload", "result=hanging action=killed");
		kill(us.checker, SIGKILL);
	}
	if (clock_ms() >= us.renew_ms)
		reload_renew(l);
}

/*
 * Forks the child that tries it: what harms a parser harms only the child, in which this is true.
 */
static bool
try_in_child(enum trial trial)
{
	pid_t pid = fork();

	if (pid < 0) {
		log_error("reload", "result=failed reason=\"%s\"", strerror(errno));
		notify_send("READY=1"); /* as we were */
	}
	us.checker = pid > 0 ? pid : 0;
	us.trial = trial;
	us.kill_ms = pid > 0 ? clock_after(TRIAL_MS) : CLOCK_NEVER;
	return pid == 0;
}

/* Can wires serve with it, and would clients believe the certificates that are new? */
static bool
stands(const struct conf *conf, const struct tls_server *old, struct wire_servers *ret)
{
	return servers_make(conf, servers_complain, NULL, ret) == 0 &&
	       tls_server_judge(ret->tls, old, servers_complain, NULL) == 0;
}

void
reload_start(struct listener *l)
{
	struct wire_servers servers;
	struct conf *conf;

	if (us.checker) { /* what it tries may be older than the file */
		us.again = true;
		return;
	}
	notify_send("RELOADING=1");
	if (!try_in_child(CONFIGURATION))
		return;
	process_name("reload", "coffer-reload", "%s", "");
	if (conf_load(l->conf->file, servers_complain, NULL, &conf) < 0 ||
	    conf_check(conf, servers_complain, NULL) < 0 || !stands(conf, l->servers.tls, &servers))
		_exit(1);
	_exit(0);
}

/*
 * In the child. What an administrator may want when he says so, and what is more likely an accident
 * when a file just changes: a name that clients use is gone.
 */
static bool
certificates_stand(const struct listener *l)
{
	struct wire_servers servers;
	char lost[256];

	if (conf_check_keys(l->conf, servers_complain, NULL) < 0 ||
	    !stands(l->conf, l->servers.tls, &servers))
		return false;
	if (tls_server_keeps_names(l->servers.tls, servers.tls, lost, sizeof(lost)))
		return true;
	log_error("certificates",
		  "failed=\"no certificate has the name %s any more; reload if that is right\"",
		  lost);
	return false;
}

bool
reload_certificates(struct listener *l)
{
	if (us.checker)
		return false;
	if (try_in_child(CERTIFICATES)) {
		process_name("reload", "coffer-reload", "%s", "");
		_exit(certificates_stand(l) ? 0 : 1);
	}
	return us.checker != 0;
}

static void
quiet(void *ctx, const struct conf_place *place, const char *text)
{
	(void)ctx, (void)place, (void)text; /* the checker has said it all */
}

static void
swap_configuration(struct listener *l)
{
	struct wire_servers servers;
	struct doors doors;
	struct conf *conf;
	int log_fd;

	if (conf_load(l->conf->file, quiet, NULL, &conf) < 0)
		conf = NULL;
	if (!conf || conf_check(conf, quiet, NULL) < 0) {
		log_error("reload", "result=failed reason=\"the file changed while it was read\"");
		conf_free(conf);
		return;
	}
	certs_note(conf); /* before they are read: what changes meanwhile is seen later */
	if (conf->mode != l->conf->mode || servers_make(conf, quiet, NULL, &servers) < 0) {
		log_error("reload", "result=failed reason=\"%s\"",
			  conf->mode != l->conf->mode ? "mode cannot change while running"
						      : "keys");
		conf_free(conf);
		return;
	}
	log_fd = log_file_open(conf);
	if (log_fd < 0 || doors_open(conf, &l->doors, true, &doors) < 0) {
		log_error("reload", "result=failed reason=%s", log_fd < 0 ? "log.file" : "ports");
		if (log_fd > STDERR_FILENO)
			fd_close(&log_fd);
		servers_discard(&servers);
		conf_free(conf);
		return;
	}
	log_file_change(log_fd, conf);
	/* Nobody else looks into another spool: it goes on with that as long as it lives. */
	if (conf->hooks.spool && l->conf->hooks.spool &&
	    strcmp(conf->hooks.spool, l->conf->hooks.spool) != 0)
		l->servers.hooks_pid = 0;
	servers_discard(&l->servers);
	resolve_start(conf, l->conf);
	conf_free(l->conf);
	l->conf = conf;
	l->servers = servers;
	servers_start_hooks(conf, &l->servers);
	l->doors = doors;
	recheck_start(l);
	cluster_start(l);
	log_notice("reload", "result=ok listeners=%zu shares=%zu", conf->listener_count,
		   conf->share_count);
}

static void
configuration_checked(struct listener *l, bool good)
{
	if (good)
		swap_configuration(l);
	else
		log_error("reload",
			  "result=failed reason=\"see above; the old configuration stays\"");
	notify_send("READY=1");
}

static void
certificates_checked(struct listener *l, bool good)
{
	struct wire_servers servers;

	if (!good || servers_make(l->conf, quiet, NULL, &servers) < 0) {
		log_error("certificates", "result=failed reason=\"see above; the old ones stay\"");
		return;
	}
	servers_take_hooks(&servers, &l->servers);
	servers_discard(&l->servers);
	l->servers = servers;
	log_notice("certificates", "result=ok");
	certs_warn(l);
}

/* ---- a new image ---- */

/* A child tries whether the program and its configuration would start; only then we become it. */
void
reload_renew(const struct listener *l)
{
	/* After the trial that runs. */
	us.renew_ms = us.checker ? clock_after(RENEW_DELAY_MS) : CLOCK_NEVER;
	if (us.checker || l->stopping)
		return;
	if (try_in_child(IMAGE))
		handover_try(l->conf->file, &l->doors);
}

static void
become_new_image(struct listener *l)
{
	int err;

	log_notice("renew", "sessions=%u", conns_count(&l->conns, NULL, NULL, true));
	servers_retire_hooks(&l->servers);
	err = handover_exec(l->conf->file, &l->doors, &l->conns);
	log_error("renew", "result=failed reason=\"%s\"", strerror(-err));
	servers_start_hooks(l->conf, &l->servers);
}

bool
reload_reaped(struct listener *l, pid_t pid, int status)
{
	bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	if (!us.checker || pid != us.checker)
		return false;
	us.checker = 0;
	us.kill_ms = CLOCK_NEVER;
	if (us.trial == CONFIGURATION)
		configuration_checked(l, good);
	else if (us.trial == CERTIFICATES)
		certificates_checked(l, good);
	else if (good)
		become_new_image(l);
	else
		log_error("renew", "result=failed reason=\"see above; this image stays\"");
	if (us.again && !us.checker) {
		us.again = false;
		reload_start(l);
	}
	return true;
}

/* A process of ours died in a way that an attacker may have caused. */
void
reload_crashed(void)
{
	uint64_t soonest = us.renewed_ms ? us.renewed_ms + RENEW_PAUSE_MS : 0;
	uint64_t now = clock_ms() + RENEW_DELAY_MS;

	if (us.renew_ms == CLOCK_NEVER)
		us.renew_ms = now > soonest ? now : soonest;
}
