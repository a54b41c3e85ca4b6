/* SPDX-License-Identifier: ISC */
/* ctl_account.c - who somebody would be after a login, without one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/users.h"
#include "server/base/text.h"
#include "server/ctl.h"

int
ctl_account(const struct conf *conf, const char *name, struct account *ret_account)
{
	struct account *a = ret_account;
	struct user user;
	int err = -ENOENT;

	memset(a, 0, sizeof(*a));
	if (!account_name_ok(name)) {
		fprintf(stderr, "cofferctl: \"%s\" can be nobody's name\n", name);
		return -EINVAL;
	}
	if (conf->auth.users_file && users_find(conf->auth.users_file, name, &user) == 0) {
		err = text_copy(a->name, sizeof(a->name), user.name);
		a->uid = user.uid;
		a->gid = user.gid;
		a->home = mem_dup(user.home);
		a->is_virtual = true;
		if (err == 0)
			err = account_find_groups(a);
		mem_wipe(&user, sizeof(user));
	} else if (conf->auth.pam_service) {
		err = account_find(name, a);
	}
	if (err < 0) {
		fprintf(stderr, "cofferctl: there is no user \"%s\"%s%s\n", name,
			err == -ENOENT ? "" : ": ", err == -ENOENT ? "" : strerror(-err));
		account_clear(a);
	}
	return err;
}
