/* SPDX-License-Identifier: ISC */
/*
 * share.c - opens the roots of an account's shares, as the user. Owns: who gets a share, the
 * meaning of %u and %h, and which filesystems are never served. Invariant: a root was reached
 * component by component, and none of them was a symbolic link.
 */
#include "server/vfs/share.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/vfs/resolve.h"
#include "server/vfs/rule.h"
#include "server/vfs/vfs.h"

/* Not in <linux/magic.h> of every kernel that we build on. */
#ifndef EXFAT_SUPER_MAGIC
#define EXFAT_SUPER_MAGIC 0x2011bab0
#endif
#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xff534d42
#endif
#ifndef SMB2_SUPER_MAGIC
#define SMB2_SUPER_MAGIC 0xfe534d42
#endif
#define MAGIC_NTFS 0x5346544e
#define MAGIC_NTFS3 0x7366746e
#define MAGIC_HFSPLUS 0x482b
#define MAGIC_CONFIGFS 0x62656570
#define MAGIC_FUSECTL 0x65735543
#define MAGIC_MQUEUE 0x19800202
#define MAGIC_RPC_PIPEFS 0x67596969

/* Files here are the kernel's levers, not somebody's data. */
static const uint32_t refused_filesystems[] = {
	PROC_SUPER_MAGIC,    SYSFS_MAGIC,	  DEVPTS_SUPER_MAGIC, TRACEFS_MAGIC,
	DEBUGFS_MAGIC,	     SECURITYFS_MAGIC,	  BPF_FS_MAGIC,	      CGROUP_SUPER_MAGIC,
	CGROUP2_SUPER_MAGIC, EFIVARFS_MAGIC,	  PSTOREFS_MAGIC,     SELINUX_MAGIC,
	SMACK_MAGIC,	     BINFMTFS_MAGIC,	  NSFS_MAGIC,	      PIPEFS_MAGIC,
	SOCKFS_MAGIC,	     ANON_INODE_FS_MAGIC, MAGIC_CONFIGFS,     MAGIC_FUSECTL,
	MAGIC_MQUEUE,	     MAGIC_RPC_PIPEFS,
};

/* Here "/ARCHIVE" is "/archive", and a pattern for *.key says nothing of X.KEY. */
static const uint32_t caseless_filesystems[] = {
	MSDOS_SUPER_MAGIC, EXFAT_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC,
	SMB2_SUPER_MAGIC,  MAGIC_NTFS,	      MAGIC_NTFS3,     MAGIC_HFSPLUS,
};

static bool
is_member(const struct account *account, const char *group)
{
	for (char **name = account->group_names; name && *name; name++) {
		if (strcmp(*name, group) == 0)
			return true;
	}
	return false;
}

bool
share_is_for(const struct conf_share *share, const struct account *account)
{
	if (share->users.count == 0)
		return !account->is_anonymous; /* everybody who has proven who he is */
	for (size_t i = 0; i < share->users.count; i++) {
		const char *who = share->users.at[i];

		if (who[0] == '@' ? is_member(account, who + 1) : strcmp(who, account->name) == 0)
			return true;
	}
	return false;
}

/* What %u stands for must stay one component: a user called ".." gets nothing. */
static bool
is_component(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int
share_path(const struct conf_share *share, const struct account *account, char *room, size_t size)
{
	struct text t;

	text_init(&t, room, size);
	for (const char *path = share->path; *path; path++) {
		if (*path != '%') {
			text_putc(&t, *path);
			continue;
		}
		switch (*++path) {
		case 'u':
			if (!is_component(account->name))
				return -EINVAL;
			text_puts(&t, account->name);
			break;
		case 'h':
			if (!account->home || account->home[0] != '/')
				return -EINVAL;
			text_puts(&t, account->home);
			break;
		case '%':
			text_putc(&t, '%');
			break;
		default:
			return -EINVAL;
		}
	}
	if (t.cut)
		return -ENAMETOOLONG;
	return t.at[0] == '/' ? 0 : -EINVAL;
}

int
share_group(const struct account *account, const char *name, gid_t *ret_gid)
{
	for (size_t i = 0; account->group_names && account->group_names[i]; i++)
		if (strcmp(account->group_names[i], name) == 0 &&
		    account->group_gids[i] != ACCOUNT_NO_GID) {
			*ret_gid = account->group_gids[i];
			return 0;
		}
	return -EPERM;
}

/* One step down from dir, made first when it is missing and make is not 0 (its mode). */
static int
step(int dir, const char *name, uint32_t make, int *ret_fd)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
	int err = resolve_at(dir, name, flags, 0, ret_fd);

	if (err != -ENOENT || !make)
		return err;
	if (mkdirat(dir, name, make) < 0 && errno != EEXIST)
		return -errno;
	return resolve_at(dir, name, flags, 0, ret_fd);
}

static int
walk(const char *path, uint32_t make, int *ret_fd)
{
	FD_OWN int dir = -1;
	char name[VFS_NAME_MAX];
	int err = resolve_slash(&dir);

	while (err == 0 && *path) {
		size_t len = (size_t)(strchrnul(path, '/') - path);

		if (len >= sizeof(name))
			return -ENAMETOOLONG;
		if (len > 0) {
			int next = -1;

			memcpy(name, path, len);
			name[len] = '\0';
			if (!is_component(name))
				return -EINVAL;
			err = step(dir, name, make, &next);
			fd_close(&dir);
			dir = next;
		}
		path += len;
		while (*path == '/')
			path++;
	}
	if (err == 0)
		*ret_fd = fd_give(&dir);
	return err;
}

/* devtmpfs has the magic number of tmpfs, so it is known by being the device of /dev. */
static bool
is_dev(dev_t dev)
{
	FD_OWN int top = -1, fd = -1;
	struct stat st, top_st;

	if (resolve_slash(&top) < 0 ||
	    resolve_at(top, "dev", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, &fd) < 0)
		return false;
	if (fstat(fd, &st) < 0 || fstat(top, &top_st) < 0)
		return true;
	return st.st_dev != top_st.st_dev && st.st_dev == dev;
}

bool
share_refuses_filesystem(int fd, dev_t dev)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return true;
	for (size_t i = 0; i < COUNT_OF(refused_filesystems); i++) {
		if ((uint32_t)fs.f_type == refused_filesystems[i])
			return true;
	}
	return (uint32_t)fs.f_type == TMPFS_MAGIC && is_dev(dev);
}

bool
share_ignores_case(int fd)
{
	struct statfs fs;

	for (size_t i = 0; fstatfs(fd, &fs) == 0 && i < COUNT_OF(caseless_filesystems); i++) {
		if ((uint32_t)fs.f_type == caseless_filesystems[i])
			return true;
	}
	return false;
}

bool
share_goes_by_names(const struct conf_share *conf)
{
	return conf->rule_count > 0 || conf->hide.count > 0 || conf->deny.count > 0;
}

bool
share_allows_dev(struct share *share, int fd, dev_t dev)
{
	bool allowed;

	if (dev == share->dev)
		return true;
	for (size_t i = 0; i < share->dev_count; i++) {
		if (share->devs[i].dev == dev)
			return share->devs[i].allowed;
	}
	allowed = !share_refuses_filesystem(fd, dev);
	if (share->dev_count < SHARE_DEVS_MAX) {
		share->devs[share->dev_count].dev = dev;
		share->devs[share->dev_count++].allowed = allowed;
	}
	return allowed;
}

static const char *
explain(int err)
{
	switch (err) {
	case -ELOOP:
	case -ENOTDIR:
		return "a part of the path is a symbolic link or no directory: write the real path";
	case -ENOENT:
		return "the directory does not exist (create: yes would make it)";
	case -EACCES:
		return "the user may not enter the directory";
	case -EINVAL:
		return "the path with %u and %h filled in is no absolute path of plain names";
	case -EPERM:
		return "the user is not a member of the share's force-group";
	case -EXDEV:
		return "such a filesystem (proc, sys, dev...) is never served";
	case -EOPNOTSUPP:
		return "names on this filesystem (vfat, CIFS...) are the same in capitals: paths, "
		       "hide and deny cannot be kept there";
	default:
		return "";
	}
}

int
share_open(const struct conf_share *conf, const struct account *account, struct share *ret_share)
{
	FD_OWN int root = -1;
	char room[VFS_PATH_MAX];
	struct stat st;
	int err;

	err = share_path(conf, account, room, sizeof(room));
	if (err == 0)
		err = walk(room, conf->create ? conf->dir_mode & 0777 : 0, &root);
	if (err < 0)
		return err;
	if (fstat(root, &st) < 0)
		return -errno;
	if (share_refuses_filesystem(root, st.st_dev))
		return -EXDEV;
	if (share_goes_by_names(conf) && share_ignores_case(root))
		return -EOPNOTSUPP;
	if (conf->force_group && share_group(account, conf->force_group, &ret_share->group) < 0)
		return -EPERM;
	ret_share->forces_group = conf->force_group != NULL;
	ret_share->conf = conf;
	ret_share->path = mem_dup(room);
	ret_share->mount_len = conf->mount[1] ? strlen(conf->mount) : 0;
	ret_share->tally.fd = -1;
	ret_share->dev = st.st_dev;
	ret_share->tracks = rule_tracks(conf);
	ret_share->root = fd_give(&root);
	return 0;
}

int
share_open_all(const struct conf *conf, const struct account *account, struct share_list *ret_list)
{
	struct share_list list = { .at = mem_new(conf->share_count + 1, sizeof(*list.at)) };

	for (size_t i = 0; i < conf->share_count; i++) {
		const struct conf_share *share = &conf->shares[i];
		struct log_value name, path;
		int err;

		if (!share_is_for(share, account))
			continue;
		err = share_open(share, account, &list.at[list.count]);
		if (err == 0)
			list.count++;
		else
			log_warn("share", "name=%s path=%s result=%s why=\"%s\" rule=%s:%u",
				 log_q(&name, share->name), log_q(&path, share->path),
				 strerrorname_np(-err), explain(err),
				 share->place.file ? share->place.file : "-", share->place.line);
	}
	if (list.count == 0) {
		share_close_all(&list);
		return -ENOENT;
	}
	*ret_list = list;
	return 0;
}

void
share_close(struct share *share)
{
	if (share->tally.fd >= 0)
		tally_close(&share->tally);
	fd_close(&share->root);
	free(share->path);
	share->path = NULL;
}

void
share_close_all(struct share_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		share_close(&list->at[i]);
	free(list->at);
	list->at = NULL;
	list->count = 0;
}
