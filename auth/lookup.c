/* SPDX-License-Identifier: ISC */
/*
 * lookup.c - from a name to an account. Runs in monitor, and in cofferctl for its answers about
 * users.
 */
#include "auth/lookup.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "auth/groups.h"
#include "server/base/log.h"
#include "server/base/text.h"

/* RFC 1635 section 3. */
static bool
is_anonymous(const struct conf *conf, const char *name)
{
	return conf->auth.anonymous_user &&
	       (strcasecmp(name, LOOKUP_ANONYMOUS_NAME) == 0 || strcasecmp(name, "ftp") == 0);
}

static int
take_anonymous(const struct conf *conf, struct account *a)
{
	int err = account_ids(conf->auth.anonymous_user, &a->uid, &a->gid);

	ignore_result(text_copy(a->name, sizeof(a->name), LOOKUP_ANONYMOUS_NAME)); /* it fits */
	a->home = mem_dup("");
	a->is_virtual = a->is_anonymous = true;
	return err;
}

static int
take_user(const struct conf *conf, struct account *a, const struct user *u)
{
	const char *file = conf->auth.groups_file;
	int err = text_copy(a->name, sizeof(a->name), u->name);
	struct log_value quoted;

	a->uid = u->uid;
	a->gid = u->gid;
	a->home = mem_dup(u->home);
	a->is_virtual = true;
	if (err == 0)
		err = account_find_groups(a);
	if (err < 0 || !file)
		return err;
	/* Rules may keep a group out, so half of his groups are not enough to let him in. */
	err = groups_add(file, a);
	if (err < 0)
		log_error("groups-file", "path=%s result=%s", log_q(&quoted, file),
			  err == -EPERM ? "not-trusted" : strerrorname_np(-err));
	return err;
}

enum lookup
lookup_name(const struct conf *conf, bool with_system, const char *name, struct account *account,
	    struct user *user)
{
	const char *file = conf->auth.users_file;
	struct user found;
	int err;

	if (!account_name_ok(name))
		return LOOKUP_NOBODY;
	if (is_anonymous(conf, name))
		return take_anonymous(conf, account) == 0 ? LOOKUP_ANONYMOUS : LOOKUP_NOBODY;
	err = file ? users_find(file, name, &found) : -ENOENT;
	if (err == 0) {
		err = take_user(conf, account, &found);
		if (user)
			*user = found;
		mem_wipe(&found, sizeof(found));
		return err == 0 ? LOOKUP_FILE : LOOKUP_NOBODY;
	}
	/* Whoever may be in the file is nobody else, as long as it cannot be read. */
	if (err != -ENOENT)
		return LOOKUP_NOBODY;
	return with_system && conf->mode == CONF_SYSTEM ? LOOKUP_SYSTEM : LOOKUP_NOBODY;
}

int
lookup_system(const struct conf *conf, const char *name, struct account *ret_account)
{
	struct account a = { 0 }, other = { 0 };
	int err = account_find(name, &a);

	/*
	 * The system may know him by another name than he gave, and that one may be somebody else's
	 * here.
	 */
	if (err == 0 && lookup_name(conf, true, a.name, &other, NULL) != LOOKUP_SYSTEM)
		err = -EPERM;
	account_clear(&other);
	if (err < 0)
		account_clear(&a);
	else
		*ret_account = a;
	return err;
}

int
lookup_account(const struct conf *conf, bool with_system, const char *name,
	       struct account *ret_account)
{
	struct account a = { 0 };
	enum lookup where = lookup_name(conf, with_system, name, &a, NULL);
	int err = where == LOOKUP_NOBODY ? -ENOENT : 0;

	if (where == LOOKUP_SYSTEM)
		err = lookup_system(conf, name, &a);
	if (err < 0)
		account_clear(&a);
	else
		*ret_account = a;
	return err;
}
