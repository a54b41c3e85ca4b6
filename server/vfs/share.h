/* SPDX-License-Identifier: ISC */
/*
 * share.h - the shares of one account: which ones he gets, where they stand in the virtual tree,
 * and the descriptors of their roots. The union of them is his whole world.
 */
#ifndef SERVER_VFS_SHARE_H
#define SERVER_VFS_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "auth/account.h"
#include "conf/conf.h"
#include "server/vfs/tally.h"

#define SHARE_DEVS_MAX 8

struct share {
	const struct conf_share *conf;
	char *path;	  /* the real directory, with %u and %h filled in; for logs */
	size_t mount_len; /* of conf->mount; 0 for "/" */
	int root;	  /* O_PATH */
	dev_t dev;   /* of the root: what lies on another device is looked at (share_allows_dev) */
	bool tracks; /* some right is missing somewhere, so what the session makes is remembered */
	struct {
		dev_t dev;
		bool allowed;
	} devs[SHARE_DEVS_MAX]; /* devices met below the root */
	size_t dev_count;
	bool forces_group; /* everything new gets group */
	gid_t group;
	struct tally tally;	 /* of its quota; closed where it has none */
	uint64_t tally_root;	 /* who shares a uid and a directory shares a quota */
	uint32_t record;	 /* the user's own */
	uint64_t reserved_us[2]; /* by enum lane_way: lane_reserve() */
};

struct share_list {
	struct share *at;
	size_t count;
};

/* Does the account get the share? */
bool share_is_for(const struct conf_share *share, const struct account *account);

/*
 * Writes the path of the share with %u, %h and %% filled in. Returns 0, -EINVAL, -ENAMETOOLONG.
 */
int share_path(const struct conf_share *share, const struct account *account, char *room,
	       size_t size) MUST_CHECK;

/*
 * The gid of force-group, of which the account must be a member. Its list of names tells gids only
 * while no group in it is without a name. Returns 0 or -EPERM.
 */
int share_group(const struct account *account, const char *name, gid_t *ret_gid) MUST_CHECK;

/*
 * Makes the missing directories of the account's shares with create: yes, for root in system mode,
 * before it becomes the user: the last one is the user's and has dir-mode, those on the way are
 * root's. Only where nobody but root can write; elsewhere the user makes them himself, when their
 * roots are opened.
 */
void share_make_all(const struct conf *conf, const struct account *account);

/*
 * Is what fd stands for, on the device dev, the kernel's (proc, sys, dev...)? Nothing of it is ever
 * served, wherever it is mounted.
 */
bool share_refuses_filesystem(int fd, dev_t dev);

/*
 * Opens the roots of all shares that the account gets, as the calling process. One that cannot be
 * opened is logged and left out. Returns 0 or -ENOENT: none is left.
 */
int share_open_all(const struct conf *conf, const struct account *account,
		   struct share_list *ret_list) MUST_CHECK;
/* Opens one. Returns 0 or -errno. */
int share_open(const struct conf_share *conf, const struct account *account,
	       struct share *ret_share) MUST_CHECK;
/* Closes one. */
void share_close(struct share *share);
void share_close_all(struct share_list *list);

/*
 * The share that a clean path belongs to, by the longest mount, and in *ret_inner where in it: a
 * pointer into path, without a '/' in front, "" for its root. NULL: the path is in no share.
 */
struct share *share_find(const struct share_list *list, const char *path, const char **ret_inner);

/* Is a share mounted below this clean path, at it excepted? */
bool share_is_above_mount(const struct share_list *list, const char *path);

/*
 * If share i is mounted below the clean directory: copies the name of the entry of that directory
 * which leads to it, unless a share before i had the same, and returns true. *ret_at is the share
 * when it is mounted right there, NULL when it is deeper.
 */
bool share_child(const struct share_list *list, size_t i, const char *dir, char *name, size_t size,
		 const struct share **ret_at);

/* Has the directory an entry of this name that leads to a mount? */
bool share_has_child(const struct share_list *list, const char *dir, const char *name);

/*
 * May files of the device be served, of which fd is one (also O_PATH)? Not those of procfs, sysfs
 * and their like. Cheap after the first time.
 */
bool share_allows_dev(struct share *share, int fd, dev_t dev);

/*
 * Is the descriptor on a filesystem that is known to find names whatever their letters' case? Rules
 * for paths and names cannot be kept there, so a share that goes by them is not opened. Single
 * directories of ext4 and others that were made so (casefold), and FUSE, are not known.
 */
bool share_ignores_case(int fd);
bool share_goes_by_names(const struct conf_share *conf);

#endif
