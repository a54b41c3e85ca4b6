/* SPDX-License-Identifier: ISC */
/*
 * trust.h - opening files that decide about security: who could have written them, who can read
 * them.
 */
#ifndef CONF_TRUST_H
#define CONF_TRUST_H

#include <sys/stat.h>

#include "server/base/mem.h"
#include "server/base/text.h"

/*
 * Opens a regular file for reading (a FIFO cannot hang it). It must belong to root or to us, and
 * have none of the forbidden permission bits. Returns 0 and a CLOEXEC descriptor of the caller; or
 * -errno, -EPERM for a file that cannot be trusted, and why has a sentence.
 */
int trust_open(const char *path, mode_t forbidden, struct text *why, int *ret_fd) MUST_CHECK;

/* The same verdict about an open file or directory. Returns 0 or -EPERM. */
int trust_check(const struct stat *st, mode_t forbidden, struct text *why) MUST_CHECK;

/*
 * Could somebody else put another file in this one's place? Every directory above it must belong to
 * root or to us, and nobody else may write in it but in a sticky one. Returns 0, -EPERM, -errno.
 */
int trust_above(const char *path, struct text *why) MUST_CHECK;

#define TRUST_OTHERS_WRITE (S_IWGRP | S_IWOTH)
#define TRUST_OTHERS_ANY (S_IRWXG | S_IRWXO)

#endif
