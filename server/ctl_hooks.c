/* SPDX-License-Identifier: ISC */
/*
 * ctl_hooks.c - `cofferctl hooks`: what became of the events. Reads what coffer-hooks has written
 * down in hooks.spool, at most a second ago.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/base/fd.h"
#include "server/base/text.h"
#include "server/ctl.h"

#define STATUS_MAX 4096

/* hooks.user has written it, and hooks.program could: nothing of it may steer a terminal. */
static void
print_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		putchar(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~') ? text[i] : '?');
}

static int
print_status(const char *spool)
{
	char path[4096];
	FD_OWN int fd = -1;
	struct text t;
	char *text;
	size_t len;
	int err;

	text_init(&t, path, sizeof(path));
	text_printf(&t, "%s/.status", spool);
	fd = t.cut ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0; /* nothing has happened yet */
	err = fd < 0 ? -errno : fd_read_file(fd, STATUS_MAX, &text, &len);
	if (err < 0) {
		fprintf(stderr, "cofferctl: %s: %s\n", path, strerror(-err));
		return 1;
	}
	print_plain(text, len);
	free(text);
	return 0;
}

static int
print_files(const char *spool)
{
	unsigned long waiting = 0, failed = 0;
	struct dirent *entry;
	DIR *dir = opendir(spool);

	if (!dir) {
		fprintf(stderr, "cofferctl: %s: %s\n", spool, strerror(errno));
		return 1;
	}
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (!dot || dot == entry->d_name)
			continue;
		waiting += strcmp(dot, ".json") == 0;
		failed += strcmp(dot, ".failed") == 0;
	}
	closedir(dir);
	printf("files-waiting %lu\nfiles-failed %lu\n", waiting, failed);
	return 0;
}

int
ctl_hooks(int argc, char *argv[])
{
	const char *file = CTL_CONF;
	const struct ctl_option option = { "config", 'c', &file };
	struct conf *conf;
	int status;

	if (!ctl_options(argc, argv, &option, 1) || optind != argc)
		return ctl_usage("hooks");
	if (conf_load(file, ctl_complain, NULL, &conf) < 0)
		return 1;
	if (!conf->hooks.spool) {
		puts("there are no hooks (hooks.spool)");
		status = 0;
	} else {
		status = print_status(conf->hooks.spool) | print_files(conf->hooks.spool);
	}
	conf_free(conf);
	return status;
}
