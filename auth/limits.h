/* SPDX-License-Identifier: ISC */
/*
 * limits.h - what the last field of a user's line says of his logins: words NAME=VALUE with ';'
 * between them.
 *
 *	expires=2027-01-31;protocols=sftp;networks=192.0.2.0/24;hours=Mon-Fri 08:00-18:00
 *
 * On the day of expires he does not come any more. A word that is there several times lists
 * alternatives. An empty field limits nothing. Rules for many users are auth.rules; this is what
 * belongs to one.
 */
#ifndef AUTH_LIMITS_H
#define AUTH_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "server/base/mem.h"
#include "server/base/text.h"

#define LIMITS_MAX 512 /* bytes of the field, with its 0 */

/* Can it be read? Returns NULL, or what is wrong. */
const char *limits_fault(const char *limits);

/*
 * May he come by this protocol from this address at this moment? 0, or -EACCES and why, for the
 * log.
 */
int limits_check(const char *limits, bool is_sftp, const char *addr, time_t now,
		 const char **ret_reason) MUST_CHECK;

/*
 * Replaces all words of this name by the values in list, which has commas between them; "none" or
 * "" takes them out. Returns 0, or -EINVAL (limits_fault() would complain), -ENOSPC; then nothing
 * has changed.
 */
int limits_set(char *limits, size_t size, const char *name, const char *list) MUST_CHECK;

#endif
