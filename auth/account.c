/* SPDX-License-Identifier: ISC */
/*
 * account.c - names to uids and groups, by the system's database (NSS).
 * Owns: every getpw*, getgr* of the daemon. Runs in monitor and at start, never in wire or worker.
 */
#include "auth/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/base/text.h"

/* Bytes that one passwd or group entry may take; a group of thousands of members fits. */
#define ENTRY_MAX (1024 * 1024)

bool
account_name_ok(const char *name)
{
	static const char first[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";
	size_t len = strlen(name);

	if (len == 0 || len >= ACCOUNT_NAME_MAX || !strchr(first, name[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!strchr(first, name[i]) && !strchr("@+-", name[i]))
			return false;
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Puts names beside the gids, for @group in shares. A gid without a name has none to match. */
static void
name_groups(struct account *a)
{
	char *room = mem_new(1, ENTRY_MAX);
	size_t count = 0;

	a->group_names = mem_new(a->group_count + 2, sizeof(char *));
	for (size_t i = 0; i <= a->group_count; i++) {
		gid_t gid = i == a->group_count ? a->gid : a->groups[i];
		struct group entry, *found = NULL;

		if (i == a->group_count && count > 0) {
			bool known = false;

			for (size_t j = 0; j < a->group_count; j++)
				known |= a->groups[j] == gid;
			if (known)
				continue;
		}
		if (getgrgid_r(gid, &entry, room, ENTRY_MAX, &found) == 0 && found)
			a->group_names[count++] = mem_dup(found->gr_name);
	}
	free(room);
}

/* Supplementary groups of a system name. More than fit is an error: half a set would be a wrong
 * set. */
static int
find_groups(struct account *a, const char *name)
{
	int count = ACCOUNT_GROUPS_MAX;

	if (getgrouplist(name, a->gid, a->groups, &count) < 0)
		return -E2BIG;
	a->group_count = (size_t)count;
	name_groups(a);
	return 0;
}

/* An empty one means the default shell, which is one. */
static bool
is_shell(const char *shell)
{
	const char *one;
	bool found = *shell == '\0';

	while (!found && (one = getusershell()))
		found = strcmp(one, shell) == 0;
	endusershell();
	return found;
}

int
account_find(const char *name, struct account *ret_account)
{
	struct account a = { 0 };
	struct passwd entry, *found = NULL;
	char *room = mem_new(1, ENTRY_MAX);
	int err;

	err = -getpwnam_r(name, &entry, room, ENTRY_MAX, &found);
	if (err == 0 && !found)
		err = -ENOENT;
	if (err == 0)
		err = text_copy(a.name, sizeof(a.name), entry.pw_name);
	if (err == 0) {
		a.uid = entry.pw_uid;
		a.gid = entry.pw_gid;
		a.home = mem_dup(entry.pw_dir);
		a.has_shell = is_shell(entry.pw_shell);
		err = find_groups(&a, entry.pw_name);
	}
	free(room);
	if (err < 0) {
		account_clear(&a);
		return err;
	}
	*ret_account = a;
	return 0;
}

int
account_find_groups(struct account *account)
{
	struct passwd entry, *found = NULL;
	char *room = mem_new(1, ENTRY_MAX);
	int err = 0;

	account->group_count = 0;
	if (getpwuid_r(account->uid, &entry, room, ENTRY_MAX, &found) == 0 && found)
		err = find_groups(account, entry.pw_name);
	else
		name_groups(account);
	free(room);
	return err;
}

static void
forget_names(struct account *account)
{
	if (account->group_names)
		for (size_t i = 0; account->group_names[i]; i++)
			free(account->group_names[i]);
	free(account->group_names);
	account->group_names = NULL;
}

int
account_take_groups(struct account *account)
{
	gid_t now[ACCOUNT_GROUPS_MAX];
	int count = getgroups(ACCOUNT_GROUPS_MAX, now);

	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		bool his = false;

		for (size_t j = 0; j < account->group_count; j++)
			his |= account->groups[j] == now[i];
		if (now[i] == 0 && !his)
			return -EPERM;
	}
	account->group_count = (size_t)count;
	memcpy(account->groups, now, (size_t)count * sizeof(*now));
	forget_names(account);
	name_groups(account);
	return 0;
}

int
account_ids(const char *word, uid_t *ret_uid, gid_t *ret_gid)
{
	struct passwd entry, *found = NULL;
	uint64_t number;
	char *room;
	int err = 0;

	if (num_u64(word, UINT32_MAX - 1, &number) == 0) {
		*ret_uid = (uid_t)number;
		*ret_gid = (gid_t)number;
		return 0;
	}
	room = mem_new(1, ENTRY_MAX);
	if (getpwnam_r(word, &entry, room, ENTRY_MAX, &found) != 0 || !found)
		err = -ENOENT;
	if (err == 0) {
		*ret_uid = entry.pw_uid;
		*ret_gid = entry.pw_gid;
	}
	free(room);
	return err;
}

bool
account_listed(const struct account *account, const struct conf_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *word = list->at[i];

		if (*word != '@' && strcmp(word, account->name) == 0)
			return true;
		for (size_t k = 0; *word == '@' && account->group_names && account->group_names[k];
		     k++)
			if (strcmp(word + 1, account->group_names[k]) == 0)
				return true;
	}
	return false;
}

void
account_clear(struct account *account)
{
	forget_names(account);
	free(account->home);
	memset(account, 0, sizeof(*account));
}
