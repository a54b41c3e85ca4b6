/* SPDX-License-Identifier: ISC */
/*
 * groups.h - the groups file: groups of users of the users file, as group(5):
 *
 *	name:x:gid:member,member
 *
 * A group without a gid is a word for @group in shares and rules, and nothing to the kernel.
 */
#ifndef AUTH_GROUPS_H
#define AUTH_GROUPS_H

#include "auth/account.h"
#include "conf/conf.h"

/* One line of it. */
struct group_line {
	char name[65];
	bool has_gid;
	gid_t gid;
	char *members; /* "a,b", the caller's */
};

/*
 * Adds the groups in which account is, by name and by gid; gid 0 is never given. Returns 0, -ENOENT
 * (no file), -EPERM (it cannot be trusted), -EBADMSG (a line that may be about him cannot be read),
 * -E2BIG (more than fit).
 */
int groups_add(const char *file, struct account *account) MUST_CHECK;

/*
 * Calls each for every group in the file's order, and complain (may be NULL) for every line that
 * cannot be read. Returns 0 or -errno.
 */
typedef void groups_each_fn(void *ctx, const struct group_line *group);
int groups_each(const char *file, groups_each_fn *each, conf_complain_fn *complain,
		void *ctx) MUST_CHECK;

/* Finds one; members is the caller's to free. 0, -ENOENT, -EPERM, -errno. */
int groups_find(const char *file, const char *name, struct group_line *ret) MUST_CHECK;

/* Writes it in place of the old one or at the end; deletes it. As users_set and users_delete. */
int groups_set(const char *file, const struct group_line *group) MUST_CHECK;
int groups_delete(const char *file, const char *name) MUST_CHECK;

/* Is he one of the members? */
bool groups_has(const struct group_line *group, const char *user);

#endif
