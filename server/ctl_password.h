/* SPDX-License-Identifier: ISC */
/* ctl_password.h - a new password from whoever calls cofferctl. */
#ifndef SERVER_CTL_PASSWORD_H
#define SERVER_CTL_PASSWORD_H

#include <stddef.h>

#include "server/base/mem.h"

#define CTL_PASSWORD_MAX 513 /* crypt(3) takes 512 bytes */

/*
 * At a terminal: asks twice without echo. Else: one line of standard input. Returns 0; or -EINVAL
 * (empty, or the two differ), -EMSGSIZE, -EINTR, -ENODATA. The caller wipes room.
 */
int ctl_password(const char *user, char *room, size_t size) MUST_CHECK;

/*
 * Asks the administrator's program whether user may have this password: its argument is the user,
 * its standard input the password. Returns 0, -EACCES (it said no, in words of its own), -errno.
 */
int ctl_password_check(const char *program, const char *user, const char *password) MUST_CHECK;

#endif
