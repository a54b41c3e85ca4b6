/* SPDX-License-Identifier: ISC */
/* identity.h - giving up one identity for another, for good. */
#ifndef SERVER_IDENTITY_H
#define SERVER_IDENTITY_H

#include <sys/types.h>

#include "auth/account.h"

/*
 * Becomes the account: supplementary groups, gid, uid, real, effective and saved, and proves that
 * there is no way back. A process that cannot prove it dies. Needs root.
 */
void identity_become_user(const struct account *account);

/* Becomes uid and gid with no supplementary group; as above. */
void identity_become_ids(uid_t uid, gid_t gid);

/*
 * In monitor, before a PAM session: the account's supplementary groups, and nothing else of it, so
 * that modules can add to them. Returns 0 or -errno.
 */
int identity_lend_groups(const struct account *account) MUST_CHECK;

#endif
