/* SPDX-License-Identifier: ISC */
/*
 * reload.c - a new configuration, or a new image of ourselves. Both are tried by a child first, so
 *that one that does not stand changes nothing; one child at a time.
 *
 *	nothing --SIGHUP--> a child reads the file --good--> swapped
 *	        --SIGUSR2, crash--> a child starts the program --good--> executed
 */
#include "server/reload.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/notify.h"
#include "server/handover.h"
#include "server/process.h"
#include "server/recheck.h"
#include "server/servers.h"

/* A burst of crashes is one reason for one new image, and an attacker must not keep us busy with
 * it. */
#define RENEW_DELAY_MS 200
#define RENEW_PAUSE_MS 10000

static struct {
	pid_t checker;	     /* tries a new configuration or image; 0: none */
	bool checks_image;   /* it tries an image */
	uint64_t renew_ms;   /* when to become a new image; CLOCK_NEVER: not wanted */
	uint64_t renewed_ms; /* when we became this one; 0: by a normal start */
} us = { .renew_ms = CLOCK_NEVER };

void
reload_init(uint64_t renewed_ms)
{
	us.renewed_ms = renewed_ms;
}

uint64_t
reload_deadline(void)
{
	return us.renew_ms;
}

/* A child reads the new configuration first: what harms a parser harms only the child. */
void
reload_start(struct listener *l)
{
	struct wire_servers servers;
	struct conf *conf;

	if (us.checker)
		return; /* one is on its way; its result is as new */
	notify_send("RELOADING=1");
	us.checker = fork();
	if (us.checker < 0) {
		log_error("reload", "result=failed reason=\"%s\"", strerror(errno));
		us.checker = 0;
	}
	if (us.checker != 0)
		return;
	process_name("reload", "coffer-reload", "%s", "");
	if (conf_load(l->conf->file, servers_complain, NULL, &conf) < 0 ||
	    conf_check(conf, servers_complain, NULL) < 0 ||
	    servers_make(conf, servers_complain, NULL, &servers) < 0)
		_exit(1);
	_exit(0);
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

	if (conf_load(l->conf->file, quiet, NULL, &conf) < 0) {
		log_error("reload", "result=failed reason=\"the file changed while it was read\"");
		return;
	}
	if (conf->mode != l->conf->mode || servers_make(conf, quiet, NULL, &servers) < 0) {
		log_error("reload", "result=failed reason=\"%s\"",
			  conf->mode != l->conf->mode ? "mode cannot change while running"
						      : "keys");
		conf_free(conf);
		return;
	}
	if (doors_open(conf, &l->doors, &doors) < 0) {
		log_error("reload", "result=failed reason=ports");
		servers_discard(&servers);
		conf_free(conf);
		return;
	}
	servers_discard(&l->servers);
	conf_free(l->conf);
	l->conf = conf;
	l->servers = servers;
	l->doors = doors;
	recheck_start(l);
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

/* ---- a new image ---- */

/* A child tries whether the program and its configuration would start; only then we become it. */
void
reload_renew(const struct listener *l)
{
	us.renew_ms = CLOCK_NEVER;
	if (us.checker || l->stopping)
		return;
	us.checker = fork();
	if (us.checker == 0) {
		process_keep(NULL, 0, true);
		handover_try(l->conf->file);
	}
	us.checks_image = us.checker > 0;
	if (us.checker < 0)
		us.checker = 0;
}

static void
become_new_image(const struct listener *l)
{
	int err;

	log_notice("renew", "sessions=%u", conns_count(&l->conns, NULL, NULL, true));
	err = handover_exec(l->conf->file, &l->doors, &l->conns);
	log_error("renew", "result=failed reason=\"%s\"", strerror(-err));
}

bool
reload_reaped(struct listener *l, pid_t pid, int status)
{
	bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	if (!us.checker || pid != us.checker)
		return false;
	us.checker = 0;
	if (!us.checks_image) {
		configuration_checked(l, good);
		return true;
	}
	us.checks_image = false;
	if (good)
		become_new_image(l);
	else
		log_error("renew", "result=failed reason=\"see above; this image stays\"");
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
