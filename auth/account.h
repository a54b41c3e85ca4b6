/* SPDX-License-Identifier: ISC */
/* account.h - who a session is, once monitor has decided it. */
#ifndef AUTH_ACCOUNT_H
#define AUTH_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/conf.h"
#include "server/base/mem.h"

#define ACCOUNT_NAME_MAX 65 /* with its 0 */
#define ACCOUNT_GROUPS_MAX 256
#define ACCOUNT_NO_GID ((gid_t)-1)

struct account {
	char name[ACCOUNT_NAME_MAX];
	uid_t uid;
	gid_t gid;
	gid_t groups[ACCOUNT_GROUPS_MAX]; /* supplementary, without gid 0 unless it is his */
	size_t group_count;
	char **group_names; /* for @group in shares; NULL-terminated, may be NULL */
	gid_t *group_gids;  /* of each of them; ACCOUNT_NO_GID: a word of the groups file */
	char *home;
	bool is_virtual;   /* from the users file, mapped to a uid; several may have the same */
	bool is_anonymous; /* nobody in particular: gets only what is given to him by name */
	bool has_shell;	   /* of the system, with a shell of /etc/shells */
};

/*
 * Is it a user name that may go to PAM and into paths: [A-Za-z0-9_.][A-Za-z0-9_.@+-]{0,63}, and not
 * "." or ".."?
 */
bool account_name_ok(const char *name);

/*
 * Looks the name up in the system's database, with all its groups. Returns 0, -ENOENT, or -errno.
 * The caller clears it.
 */
int account_find(const char *name, struct account *ret_account) MUST_CHECK;

/* The groups of a uid, for accounts of the users file. An unknown uid has none. */
int account_find_groups(struct account *account) MUST_CHECK;

/*
 * The supplementary groups of the calling process, which modules of PAM may have changed, become
 * the account's. Returns 0, or -EPERM: root's group came in.
 */
int account_take_groups(struct account *account) MUST_CHECK;

/*
 * The uid and gid of one of our own processes: a name of the system's database, or a number that is
 * both. Returns 0 or -ENOENT.
 */
int account_ids(const char *word, uid_t *ret_uid, gid_t *ret_gid) MUST_CHECK;

/* One more name of a group, for what goes by names. gid may be ACCOUNT_NO_GID. */
void account_add_group_name(struct account *account, const char *name, gid_t gid);

/* Is it one of these names, or in one of these @groups? */
bool account_listed(const struct account *account, const struct conf_list *list);

void account_clear(struct account *account);

#endif
