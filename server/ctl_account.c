/* SPDX-License-Identifier: ISC */
/* ctl_account.c - who somebody would be after a login, without one; and which files say so. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/lookup.h"
#include "server/ctl.h"

const char *
ctl_file(const char *conf_file, size_t offset, const char *key)
{
	struct conf *conf;
	char *path;

	if (conf_load(conf_file, ctl_complain, NULL, &conf) < 0)
		return NULL;
	memcpy(&path, (char *)conf + offset, sizeof(path));
	path = mem_dup(path);
	conf_free(conf);
	if (!path)
		fprintf(stderr, "cofferctl: %s has no %s; name a file with -f\n", conf_file, key);
	return path;
}

int
ctl_account(const struct conf *conf, const char *name, struct account *ret_account)
{
	int err;

	memset(ret_account, 0, sizeof(*ret_account));
	if (!account_name_ok(name)) {
		fprintf(stderr, "cofferctl: \"%s\" can be nobody's name\n", name);
		return -EINVAL;
	}
	err = lookup_account(conf, conf->auth.pam_service != NULL, name, ret_account);
	if (err < 0)
		fprintf(stderr, "cofferctl: there is no user \"%s\"%s%s\n", name,
			err == -ENOENT ? "" : ": ", err == -ENOENT ? "" : strerror(-err));
	return err;
}
