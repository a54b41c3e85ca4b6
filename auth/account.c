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

/* Bytes that a passwd entry may take; the C library thinks of 1 KiB. */
#define PASSWD_MAX ((size_t)16 * 1024)
/*
 * Bytes for a group entry at first. Its members make it long, few groups have many, and every login
 * asks for each of its groups: room of a megabyte at once costs more than the rest of a login.
 */
#define GROUP_FIRST ((size_t)4 * 1024)
/* A group of more is one that nobody can tell us about. */
#define GROUP_LIMIT ((size_t)64 * 1024 * 1024)

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

void
account_add_group_name(struct account *a, const char *name, gid_t gid)
{
	size_t count = 0;

	while (a->group_names && a->group_names[count])
		count++;
	a->group_names = mem_grow(a->group_names, count + 2, sizeof(*a->group_names));
	a->group_gids = mem_grow(a->group_gids, count + 1, sizeof(*a->group_gids));
	a->group_names[count] = mem_dup(name);
	a->group_names[count + 1] = NULL;
	a->group_gids[count] = gid;
}

/*
 * Puts the name of one gid to the others. A gid that nobody has named has none to match; that the
 * database cannot tell is an error, since a rule about the group would not find it.
 */
static int
name_group(struct account *a, gid_t gid)
{
	struct group entry, *found = NULL;
	size_t size = GROUP_FIRST;
	char *room = mem_new(1, size);
	int err;

	while ((err = getgrgid_r(gid, &entry, room, size, &found)) == ERANGE &&
	       size < GROUP_LIMIT) {
		free(room);
		size *= 2;
		room = mem_new(1, size);
	}
	if (err == 0 && found)
		account_add_group_name(a, found->gr_name, gid);
	free(room);
	/* getgrgid_r(3): these mean that there is none. */
	return err == ENOENT || err == ESRCH || err == EBADF || err == EPERM ? 0 : -err;
}

/* Names beside the gids, for @group in shares and rules. */
static int
name_groups(struct account *a)
{
	bool own = false;
	int err = 0;

	for (size_t i = 0; i < a->group_count && err == 0; i++) {
		own |= a->groups[i] == a->gid;
		err = name_group(a, a->groups[i]);
	}
	return err < 0 || own ? err : name_group(a, a->gid);
}

/*
 * Supplementary groups of a system name. More than fit is an error: half a set would be a wrong
 * set.
 */
static int
find_groups(struct account *a, const char *name)
{
	int count = ACCOUNT_GROUPS_MAX;

	if (getgrouplist(name, a->gid, a->groups, &count) < 0)
		return -E2BIG;
	a->group_count = (size_t)count;
	return name_groups(a);
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
	char *room = mem_new(1, PASSWD_MAX);
	int err;

	err = -getpwnam_r(name, &entry, room, PASSWD_MAX, &found);
	if (err == 0 && !found)
		err = -ENOENT;
	if (err == 0 && !account_name_ok(entry.pw_name))
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
	char *room = mem_new(1, PASSWD_MAX);
	int err = 0;

	account->group_count = 0;
	if (getpwuid_r(account->uid, &entry, room, PASSWD_MAX, &found) == 0 && found)
		err = find_groups(account, entry.pw_name);
	else
		err = name_groups(account);
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
	free(account->group_gids);
	account->group_names = NULL;
	account->group_gids = NULL;
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
	return name_groups(account);
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
	room = mem_new(1, PASSWD_MAX);
	if (getpwnam_r(word, &entry, room, PASSWD_MAX, &found) != 0 || !found)
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
