/* SPDX-License-Identifier: ISC */
/*
 * log_file.h - where the daemon's records go: stderr, or log.file, which is opened at the start and
 * again by each reload, so that it can be rotated. Sessions that run write on into the one that
 * they began with.
 */
#ifndef SERVER_LOG_FILE_H
#define SERVER_LOG_FILE_H

#include "conf/conf.h"

/* A descriptor for the records of this configuration, or -errno. The caller's. */
int log_file_open(const struct conf *conf) MUST_CHECK;

/*
 * From now on records go to fd, which becomes ours, as log.level (debug: all of them) and
 * log.format want it.
 */
void log_file_use(int fd, const struct conf *conf, bool debug);

/*
 * The same for a new configuration; without log.file nothing moves, since there may be no stderr
 * any more. fd: of log_file_open.
 */
void log_file_change(int fd, const struct conf *conf);

#endif
