/* SPDX-License-Identifier: ISC */
/*
 * identity.c - the only file that changes a uid, a gid, or groups.
 * Invariant: when identity_become_*() returns, all three uids and gids are the wanted ones, the
 * groups are exactly the wanted ones, and setuid(0) fails. Anything else ends the process.
 */
#include "server/identity.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/base/fail.h"

static int
compare_gids(const void *a, const void *b)
{
	gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return (x > y) - (x < y);
}

static bool
groups_are(const gid_t *want, size_t count)
{
	gid_t have[ACCOUNT_GROUPS_MAX], sorted[ACCOUNT_GROUPS_MAX];
	int n = getgroups(ACCOUNT_GROUPS_MAX, have);

	if (n < 0 || (size_t)n != count)
		return false;
	if (count == 0)
		return true;
	memcpy(sorted, want, count * sizeof(*want));
	qsort(sorted, count, sizeof(*sorted), compare_gids);
	qsort(have, count, sizeof(*have), compare_gids);
	return memcmp(sorted, have, count * sizeof(*have)) == 0;
}

static void
become(uid_t uid, gid_t gid, const gid_t *groups, size_t count)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (uid == 0)
		bug("a process of a session would have become root");
	if (setgroups(count, groups) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		die("cannot become uid %u, gid %u: %s", uid, gid, strerror(errno));
	if (getresuid(&ruid, &euid, &suid) < 0 || ruid != uid || euid != uid || suid != uid ||
	    getresgid(&rgid, &egid, &sgid) < 0 || rgid != gid || egid != gid || sgid != gid ||
	    !groups_are(groups, count))
		die("the kernel says that we are not uid %u, gid %u", uid, gid);
	if (setuid(0) == 0 || seteuid(0) == 0)
		die("uid %u could become root again", uid);
}

void
identity_become_user(const struct account *account)
{
	become(account->uid, account->gid, account->groups, account->group_count);
}

int
identity_lend_groups(const struct account *account)
{
	return setgroups(account->group_count, account->groups) < 0 ? -errno : 0;
}

void
identity_become_ids(uid_t uid, gid_t gid)
{
	become(uid, gid, NULL, 0);
}
