/* SPDX-License-Identifier: ISC */
/*
 * ctl_signal.c - cofferctl reload, upgrade and stop: a signal to the daemon of a configuration,
 * which says in its log what came of it. The daemon is found by the file that it writes into
 * run-dir.
 */
#include "server/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/text.h"

#define LISTENER_NAME "coffer-listen\n"

static int
read_small(const char *path, char *room, size_t size)
{
	FD_OWN int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = fd_read_full(fd, room, size - 1);
	if (n < 0)
		return (int)n;
	room[n] = '\0';
	return 0;
}

/*
 * The pid in the file, if that process is one of our listeners: the number may be somebody's by
 * now.
 */
static int
find_daemon(const struct conf *conf, pid_t *ret_pid)
{
	char path[4096], text[64];
	struct text t;
	uint64_t pid;
	int err;

	text_init(&t, path, sizeof(path));
	text_printf(&t, "%s/cofferd.pid", conf->run_dir);
	err = t.cut ? -ENAMETOOLONG : read_small(path, text, sizeof(text));
	if (err < 0)
		return err;
	text[strcspn(text, "\n")] = '\0';
	if (num_u64(text, INT32_MAX, &pid) < 0 || pid < 2)
		return -EINVAL;
	text_reset(&t);
	text_printf(&t, "/proc/%s/comm", text);
	if (read_small(path, text, sizeof(text)) < 0 || strcmp(text, LISTENER_NAME) != 0)
		return -ESRCH;
	*ret_pid = (pid_t)pid;
	return 0;
}

int
ctl_signal(int argc, char *argv[])
{
	static const struct {
		const char *command;
		int number;
	} signals[] = { { "reload", SIGHUP }, { "upgrade", SIGUSR2 }, { "stop", SIGTERM } };
	const char *file = CTL_CONF;
	const struct ctl_option option = { "config", 'c', &file };
	struct conf *conf;
	pid_t pid = 0;
	int err;

	if (!ctl_options(argc, argv, &option, 1) || optind != argc)
		return ctl_usage(argv[0]);
	if (conf_load(file, ctl_complain, NULL, &conf) < 0)
		return 1;
	err = find_daemon(conf, &pid);
	for (size_t i = 0; i < COUNT_OF(signals) && err == 0; i++)
		if (strcmp(signals[i].command, argv[0]) == 0 && kill(pid, signals[i].number) < 0)
			err = -errno;
	if (err < 0)
		fprintf(stderr, "cofferctl: no daemon of %s can be told: %s (%s/cofferd.pid)\n",
			file, strerror(-err), conf->run_dir);
	conf_free(conf);
	return err < 0;
}
