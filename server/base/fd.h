/* SPDX-License-Identifier: ISC */
/*
 * fd.h - a descriptor has one owner at every line.
 *
 *	FD_OWN int fd = -1;          closed when the scope ends
 *	*ret_fd = fd_give(&fd);      handed on: the scope no longer owns it
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/base/mem.h"

#define FD_OWN __attribute__((cleanup(fd_cleanup)))

/*
 * Closes *fd when it is open and sets it to -1. The result of close(2) is lost: see fd_close_check.
 */
void fd_close(int *fd);
void fd_cleanup(int *fd);

/* As fd_close, but says what close(2) said: 0 or -errno. Deferred write errors arrive here. */
int fd_close_check(int *fd) MUST_CHECK;

/* Returns *fd and sets it to -1. */
int fd_give(int *fd) MUST_CHECK;

/* Sets O_NONBLOCK. Returns 0 or -errno. */
int fd_nonblock(int fd) MUST_CHECK;

/* Reads until len bytes or the end; returns the count or -errno. Retries EINTR. */
ssize_t fd_read_full(int fd, void *at, size_t len) MUST_CHECK;

/*
 * Writes all of it (write, or pwrite at offset). Returns 0 or -errno. Retries EINTR, short writes.
 */
int fd_write_full(int fd, const void *at, size_t len) MUST_CHECK;
int fd_pwrite_full(int fd, const void *at, size_t len, uint64_t offset) MUST_CHECK;

/*
 * Reads a whole regular file of at most max bytes into new memory, with a 0 byte behind it.
 * Returns 0 or -errno (-EFBIG: larger than max). The caller frees *ret_at.
 */
int fd_read_file(int fd, size_t max, char **ret_at, size_t *ret_len) MUST_CHECK;

#endif
