/* SPDX-License-Identifier: ISC */
/*
 * share_make.c - create: yes in system mode. Runs as root, in worker, before it becomes the user,
 * and so must not: make, give away or touch anything in a directory that somebody else can write.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/vfs/resolve.h"
#include "server/vfs/share.h"
#include "server/vfs/vfs.h"

/* Could anybody but root put something else in the place of what we make here? */
static bool
is_roots(int dir)
{
	struct stat st;

	return fstat(dir, &st) == 0 && st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/*
 * Whatever the umask is. The last one is the user's: nobody can exchange it, its parent is root's.
 */
static int
finish(int dir, const char *name, bool last, const struct conf_share *share,
       const struct account *account)
{
	FD_OWN int fd = -1;
	gid_t gid = account->gid;
	int err = resolve_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd);

	if (err < 0)
		return err;
	if (last && share->force_group && share_group(account, share->force_group, &gid) < 0)
		return -EPERM;
	if (last && fchown(fd, account->uid, gid) < 0)
		return -errno;
	return fchmod(fd, last ? share->dir_mode & 0777 : 0755) < 0 ? -errno : 0;
}

static int
make(int dir, const char *name, bool last, const struct conf_share *share,
     const struct account *account)
{
	int err;

	if (!is_roots(dir))
		return -EACCES; /* the user may try it himself */
	if (mkdirat(dir, name, 0700) < 0)
		return -errno;
	err = finish(dir, name, last, share, account);
	if (err < 0)
		ignore_result(unlinkat(dir, name, AT_REMOVEDIR)); /* as if we had not been there */
	return err;
}

/* Returns 0, also when all of it is there; *ret_made: some of it was not. */
static int
make_path(const char *path, const struct conf_share *share, const struct account *account,
	  bool *ret_made)
{
	FD_OWN int dir = -1;
	char name[VFS_NAME_MAX];
	int err = resolve_slash(&dir);

	path += strspn(path, "/");
	while (err == 0 && *path) {
		size_t len = (size_t)(strchrnul(path, '/') - path);
		const char *next = path + len + strspn(path + len, "/");
		int below = -1;

		if (len >= sizeof(name))
			return -ENAMETOOLONG;
		memcpy(name, path, len);
		name[len] = '\0';
		err = resolve_at(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, &below);
		if (err == -ENOENT) {
			err = make(dir, name, *next == '\0', share, account);
			*ret_made |= err == 0;
			if (err == 0)
				err = resolve_at(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0,
						 &below);
		}
		fd_close(&dir);
		dir = below;
		path = next;
	}
	return err;
}

void
share_make_all(const struct conf *conf, const struct account *account)
{
	char path[VFS_PATH_MAX];

	for (size_t i = 0; i < conf->share_count; i++) {
		const struct conf_share *share = &conf->shares[i];
		struct log_value name, path_v;
		bool made = false;
		int err;

		if (!share->create || !share_is_for(share, account) ||
		    share_path(share, account, path, sizeof(path)) < 0)
			continue;
		err = make_path(path, share, account, &made);
		/* What is left undone is tried by the user, who says why it cannot be. */
		if (made)
			log_notice("share-made", "name=%s path=%s uid=%u result=%s",
				   log_q(&name, share->name), log_q(&path_v, path), account->uid,
				   err == 0 ? "ok" : strerrorname_np(-err));
	}
}
