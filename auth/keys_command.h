/* SPDX-License-Identifier: ISC */
/*
 * keys_command.h - sftp.authorized-keys-command: a program of the administrator's that prints the
 * authorized_keys lines of a user.
 */
#ifndef AUTH_KEYS_COMMAND_H
#define AUTH_KEYS_COMMAND_H

#include <stddef.h>
#include <sys/types.h>

#include "server/base/mem.h"

/*
 * Runs program with the user's name as its only argument, as whoever the caller is, and returns
 * what it prints: text, ended by a 0, which the caller frees. owner: to whom, beside root, the
 * program may belong. Returns 0; -EPERM (others could have written it), -ETIMEDOUT, -EFBIG, -EIO
 * (it failed: nothing counts).
 */
int keys_command_ask(const char *program, uid_t owner, const char *user,
		     char **ret_text) MUST_CHECK;

#endif
