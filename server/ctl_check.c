/* SPDX-License-Identifier: ISC */
/* ctl_check.c - `cofferctl check`: the same verdict as the daemon's, without starting anything. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/users.h"
#include "conf/rights.h"
#include "server/base/fd.h"
#include "server/base/text.h"
#include "server/ctl.h"
#include "server/vfs/share.h"
#include "server/vfs/vfs.h"

static const char *const protocol_names[] = {
	[CONF_FTPS] = "ftps",
	[CONF_FTPS_IMPLICIT] = "ftps-implicit",
	[CONF_SFTP] = "sftp",
};

struct seen {
	const struct conf *conf;
	size_t users;
};

static void
look_at_user(void *ctx, const struct user *user)
{
	struct seen *seen = ctx;
	const struct conf *conf = seen->conf;

	seen->users++;
	if (conf->mode == CONF_SYSTEM && (user->uid < conf->auth.min_uid || user->gid == 0))
		fprintf(
		    stderr,
		    "%s: warning: %s cannot log in: uid %lu is below auth.min-uid, or the group "
		    "is root's\n",
		    conf->auth.users_file, user->name, (unsigned long)user->uid);
}

/* What a session finds out when it opens its shares: by the same code. */
static void
look_at_shares(const struct conf *conf)
{
	for (size_t i = 0; i < conf->share_count; i++) {
		const struct conf_share *s = &conf->shares[i];
		FD_OWN int fd = strchr(s->path, '%')
				    ? -1
				    : open(s->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		struct conf_place place = conf_place_of(conf, &s->path);
		char room[VFS_PATH_MAX + 256];
		struct stat st;
		struct text t;

		if (fd < 0 || fstat(fd, &st) < 0)
			continue;
		text_init(&t, room, sizeof(room));
		if (share_refuses_filesystem(fd, st.st_dev))
			text_printf(&t,
				    "warning: shares.%s: what is mounted at %s is the kernel's "
				    "(proc, sys, dev...) and is never served: sessions will not "
				    "have it",
				    s->name, s->path);
		else if (share_goes_by_names(s) && share_ignores_case(fd))
			text_printf(
			    &t,
			    "warning: shares.%s: names at %s are the same in capitals, so "
			    "paths, hide and deny cannot be kept: sessions will not have it",
			    s->name, s->path);
		if (t.len > 0)
			ctl_complain(NULL, &place, t.at);
	}
}

/* What was understood, on one line. */
static void
print_summary(const struct conf *conf, size_t users)
{
	printf("%s: good.", conf->file);
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct conf_listener *l = &conf->listeners[i];
		bool is_ipv6 = strchr(l->address, ':') != NULL;

		printf("%s %s on %s%s%s:%u", i ? "," : "", protocol_names[l->protocol],
		       is_ipv6 ? "[" : "", l->address, is_ipv6 ? "]" : "", l->port);
	}
	printf(".");
	for (size_t i = 0; i < conf->share_count; i++) {
		const struct conf_share *s = &conf->shares[i];
		char room[256];
		struct text t;

		text_init(&t, room, sizeof(room));
		rights_put(&t, s->rights);
		printf("%s %s = %s (%s)", i ? "," : "", s->mount, s->path, t.at);
	}
	if (conf->auth.pam_service)
		printf(". Users by PAM (%s)", conf->auth.pam_service);
	if (conf->auth.users_file)
		printf(". %zu user%s in %s", users, users == 1 ? "" : "s", conf->auth.users_file);
	printf(".\n");
}

int
ctl_check(int argc, char *argv[])
{
	const char *file = CTL_CONF;
	const struct ctl_option option = { "config", 'c', &file };
	struct conf *conf;
	struct seen seen;
	int err;

	if (!ctl_options(argc, argv, &option, 1) || optind != argc)
		return ctl_usage("check");
	if (conf_load(file, ctl_complain, NULL, &conf) < 0)
		return 1;
	err = conf_check(conf, ctl_complain, NULL);
	seen = (struct seen) { .conf = conf };
	/* A line that cannot be read locks one user out and nobody in: it is told, not an error. */
	if (err == 0 && conf->auth.users_file && access(conf->auth.users_file, F_OK) == 0)
		err = users_each(conf->auth.users_file, look_at_user, ctl_complain, &seen);
	if (err == 0) {
		look_at_shares(conf);
		ctl_check_logins(conf);
	}
	if (err == 0)
		print_summary(conf, seen.users);
	conf_free(conf);
	return err < 0 ? 1 : 0;
}
