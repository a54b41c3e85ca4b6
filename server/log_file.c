/* SPDX-License-Identifier: ISC */
/* log_file.c - see log_file.h. */
#include "server/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/process.h"

static struct {
	int fd;
	bool debug;
} us = { .fd = STDERR_FILENO };

int
log_file_open(const struct conf *conf)
{
	int fd;

	if (!conf->log.file)
		return STDERR_FILENO;
	fd = open(conf->log.file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
	return fd < 0 ? -errno : fd;
}

void
log_file_use(int fd, const struct conf *conf, bool debug)
{
	us.fd = fd;
	us.debug = debug;
	log_init(fd, debug ? LOG_LEVEL_DEBUG : conf->log.level, conf->log.format);
	process_log_fd(fd);
}

void
log_file_change(int fd, const struct conf *conf)
{
	int old = us.fd;

	if (fd == STDERR_FILENO)
		fd = old;
	log_file_use(fd, conf, us.debug);
	if (old != fd && old > STDERR_FILENO)
		fd_close(&old);
}
