/* SPDX-License-Identifier: ISC */
/*
 * attr.c - attributes as they are shown: stat. Owns: how they are packed, names for ids, and what
 * may be seen at all. Must not: change anything (attr_set.c).
 */
#include "server/vfs/attr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "server/base/fd.h"
#include "server/base/text.h"
#include "server/vfs/world.h"
#include "server/vfs/writing.h"

/* The group's name, when the account brought it. */
static const char *
group_name(const struct account *account, gid_t gid)
{
	for (size_t i = 0; account->group_names && account->group_names[i]; i++)
		if (account->group_gids[i] == gid)
			return account->group_names[i];
	return NULL;
}

static size_t
put_name(char *room, const char *name, uint32_t id)
{
	int n = name ? snprintf(room, VFS_OWNER_MAX, "%s", name)
		     : snprintf(room, VFS_OWNER_MAX, "%u", id);

	return n < VFS_OWNER_MAX ? (size_t)n : VFS_OWNER_MAX - 1;
}

/* Listings ask for the same ids over and over. */
static void
learn_names(struct world *w, uid_t uid, gid_t gid)
{
	const struct account *account = w->account;
	struct world_names *names = &w->names;

	if (names->known && names->uid == uid && names->gid == gid)
		return;
	names->owner_len = put_name(names->owner, uid == account->uid ? account->name : NULL, uid);
	names->group_len = put_name(names->group, group_name(account, gid), gid);
	names->uid = uid;
	names->gid = gid;
	names->known = true;
}

static enum vfs_type
type_of(mode_t mode)
{
	return S_ISREG(mode)   ? VFS_FILE
	       : S_ISDIR(mode) ? VFS_DIR
	       : S_ISLNK(mode) ? VFS_LINK
			       : VFS_OTHER;
}

void
attr_put(struct world *w, struct buf *out, const struct share *share, const struct stat *st,
	 uint32_t rights)
{
	bool hidden = share && share->conf->owners == CONF_OWNERS_HIDDEN;
	uid_t uid = hidden ? w->account->uid : st->st_uid;
	gid_t gid = hidden ? w->account->gid : st->st_gid;
	const struct world_names *names = &w->names;

	learn_names(w, uid, gid);
	buf_put_u8(out, (uint8_t)type_of(st->st_mode));
	buf_put_u32(out, st->st_mode & 0777);
	buf_put_u32(out, st->st_nlink > UINT32_MAX ? UINT32_MAX : (uint32_t)st->st_nlink);
	buf_put_u32(out, uid);
	buf_put_u32(out, gid);
	buf_put_u64(out, (uint64_t)st->st_size);
	buf_put_u64(out, st->st_dev);
	buf_put_u64(out, st->st_ino);
	buf_put_u64(out, (uint64_t)st->st_mtim.tv_sec);
	buf_put_u64(out, (uint64_t)st->st_atim.tv_sec);
	buf_put_u32(out, (uint32_t)st->st_mtim.tv_nsec);
	buf_put_string(out, names->owner, names->owner_len);
	if (hidden)
		buf_put_string(out, names->owner, names->owner_len);
	else
		buf_put_string(out, names->group, names->group_len);
	buf_put_u32(out, rights);
}

void
attr_put_virtual(struct world *w, struct buf *out, const char *path)
{
	struct stat st = {
		.st_mode = S_IFDIR | 0555,
		.st_ino = text_hash(path),
		.st_nlink = 2,
		.st_uid = w->account->uid,
		.st_gid = w->account->gid,
	};

	attr_put(w, out, NULL, &st, RIGHT_LIST);
}

bool
attr_is_visible(struct world *w, const struct place *p, int fd, const struct stat *st)
{
	/* Who may rename it learns that it is there anyway; and FTP's RNFR has to ask first. */
	return (p->rights & (RIGHT_LIST | RIGHT_READ | RIGHT_RENAME)) || S_ISDIR(st->st_mode) ||
	       own_wrote(&w->own, fd, "");
}

/* Where shares are mounted, or lead to one, nothing is renamed or removed. */
static uint32_t
rights_at(const struct place *p)
{
	return p->is_mount || p->is_above_mount ? p->rights & ~ATTR_NOT_OF_MOUNTS : p->rights;
}

int
attr_stat(struct world *w, const char *path, uint32_t flags, struct buf *out)
{
	struct place *p = &w->here;
	FD_OWN int fd = -1;
	struct stat st;
	int err = place_find(w, path, PLACE_OLD, p);

	if (err < 0)
		return err;
	if (!p->share) {
		attr_put_virtual(w, out, p->path);
		return 0;
	}
	if (writing_stat(w, p, &st)) {
		attr_put(w, out, p->share, &st, p->rights);
		return 0;
	}
	err = place_look(w, p, !(flags & VFS_NOFOLLOW), &fd, &st);
	if (err == -ENOENT && p->is_above_mount) {
		attr_put_virtual(w, out, p->path);
		return 0;
	}
	if (p->inner == p->room && writing_stat(w, p, &st))
		err = 0; /* a link led to what we are writing */
	else if (err == -ENOENT)
		err = writing_stat_kept(w, p, &st);
	else if (err == 0 && !attr_is_visible(w, p, fd, &st))
		err = -ENOENT;
	else if (err == 0 && (flags & VFS_ENTER) && S_ISDIR(st.st_mode) &&
		 fstatat(fd, ".", &st, 0) < 0)
		err = -errno;
	if (err == 0)
		attr_put(w, out, p->share, &st, rights_at(p));
	return err;
}
