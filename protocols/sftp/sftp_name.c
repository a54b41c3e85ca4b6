/* SPDX-License-Identifier: ISC */
/*
 * sftp_name.c - requests by path. Each is one question to worker, except REALPATH, which is
 * arithmetic.
 */
#include <errno.h>
#include <string.h>

#include "protocols/sftp/sftp_channel.h"

void
sftp_reply_name(struct sftp_channel *ch, uint32_t id, const char *name)
{
	size_t len = strlen(name);
	struct buf *b = sftp_room(ch, 2 * len + 64);
	size_t began = sftp_reply_begin(b, SFTP_REPLY_NAME, id);

	buf_put_u32(b, 1);
	buf_put_string(b, name, len);
	buf_put_string(b, name, len);
	sftp_put_attrs(b, NULL);
	sftp_reply_end(b, began);
}

void
sftp_answer_attrs(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	uint32_t id = a->id;
	struct sftp_channel *ch = sftp_ask_done(a);
	struct buf *b;
	size_t began;

	if (!ch)
		return;
	if (reply->err < 0) {
		sftp_reply_errno(ch, id, reply->err, reply->why);
		return;
	}
	sftp_saw_names(ch->f, &reply->attr);
	b = sftp_room(ch, 64);
	began = sftp_reply_begin(b, SFTP_REPLY_ATTRS, id);
	sftp_put_attrs(b, &reply->attr);
	sftp_reply_end(b, began);
}

static void
answer_readlink(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	uint32_t id = a->id;
	struct sftp_channel *ch = sftp_ask_done(a);

	if (ch && reply->err < 0)
		sftp_reply_errno(ch, id, reply->err, reply->why);
	else if (ch)
		sftp_reply_name(ch, id, reply->text);
}

static int
stat_path(struct sftp_channel *ch, const struct sftp_request *r, uint32_t flags)
{
	char path[VFS_PATH_MAX];
	struct sftp_ask *a;
	int err = sftp_path(ch, r, 0, path);

	if (err < 0)
		return err;
	a = sftp_ask_new(ch, r->id, NULL);
	sftp_ask_attributes(a);
	return sftp_asked(a, vfs_stat(ch->f->s->vfs, path, flags, sftp_answer_attrs, a));
}

int
sftp_lstat(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	(void)none;
	return stat_path(ch, r, VFS_NOFOLLOW);
}

int
sftp_stat(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	(void)none;
	return stat_path(ch, r, 0);
}

static int
set_path(struct sftp_channel *ch, const struct sftp_request *r, uint32_t flags)
{
	char path[VFS_PATH_MAX];
	struct vfs_change change;
	struct sftp_ask *a;
	int err = sftp_path(ch, r, 0, path);

	if (err == 0)
		err = sftp_change(&r->attrs, &change);
	if (err < 0)
		return err;
	if (change.set == 0) { /* as OpenSSH's server: nothing is done, so nothing is looked at */
		sftp_reply_status(ch, r->id, SFTP_OK, NULL);
		return 0;
	}
	a = sftp_ask_new(ch, r->id, NULL);
	sftp_ask_attributes(a);
	if (change.set & VFS_SET_SIZE)
		sftp_ask_changes(a);
	return sftp_asked(a,
			  vfs_setattr(ch->f->s->vfs, path, flags, &change, sftp_answer_status, a));
}

int
sftp_setstat(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	(void)none;
	return set_path(ch, r, 0);
}

int
sftp_lsetstat(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	(void)none;
	if (r->attrs.flags & SFTP_ATTR_SIZE) /* of a link, that means nothing */
		return -EINVAL;
	return set_path(ch, r, VFS_NOFOLLOW);
}

typedef int one_path_fn(struct vfs *v, const char *path, vfs_fn *fn, void *ctx);

static int
one_path(struct sftp_channel *ch, const struct sftp_request *r, one_path_fn *ask, vfs_fn *answer)
{
	char path[VFS_PATH_MAX];
	struct sftp_ask *a;
	int err = sftp_path(ch, r, 0, path);

	if (err < 0)
		return err;
	a = sftp_ask_new(ch, r->id, NULL);
	return sftp_asked(a, ask(ch->f->s->vfs, path, answer, a));
}

int
sftp_remove(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	(void)none;
	return one_path(ch, r, vfs_unlink, sftp_answer_status);
}

int
sftp_rmdir(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	(void)none;
	return one_path(ch, r, vfs_rmdir, sftp_answer_status);
}

int
sftp_readlink(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	(void)none;
	return one_path(ch, r, vfs_readlink, answer_readlink);
}

int
sftp_mkdir(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	char path[VFS_PATH_MAX];
	struct sftp_ask *a;
	int err = sftp_path(ch, r, 0, path);

	(void)none;
	if (err < 0)
		return err;
	a = sftp_ask_new(ch, r->id, NULL);
	return sftp_asked(
	    a, vfs_mkdir(ch->f->s->vfs, path, sftp_mode(&r->attrs), sftp_answer_status, a));
}

int
sftp_realpath(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	char path[VFS_PATH_MAX];
	int err = sftp_path(ch, r, 0, path);

	(void)none;
	if (err == 0)
		sftp_reply_name(ch, r->id, path);
	return err;
}

static int
two_paths(struct sftp_channel *ch, const struct sftp_request *r, char from[VFS_PATH_MAX],
	  char to[VFS_PATH_MAX])
{
	int err = sftp_path(ch, r, 0, from);

	return err < 0 ? err : sftp_path(ch, r, 1, to);
}

static int
rename_paths(struct sftp_channel *ch, const struct sftp_request *r, uint32_t flags)
{
	char from[VFS_PATH_MAX], to[VFS_PATH_MAX];
	struct sftp_ask *a;
	int err = two_paths(ch, r, from, to);

	if (err < 0)
		return err;
	a = sftp_ask_new(ch, r->id, NULL);
	return sftp_asked(a, vfs_rename(ch->f->s->vfs, from, to, flags, sftp_answer_status, a));
}

/* Version 3 never replaces (draft, section 6.5); who wants that says posix-rename. */
int
sftp_rename(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	(void)none;
	return rename_paths(ch, r, 0);
}

int
sftp_posix_rename(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	(void)none;
	return rename_paths(ch, r, VFS_REPLACE);
}

int
sftp_hardlink(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	char from[VFS_PATH_MAX], to[VFS_PATH_MAX];
	struct sftp_ask *a;
	int err = two_paths(ch, r, from, to);

	(void)none;
	if (err < 0)
		return err;
	a = sftp_ask_new(ch, r->id, NULL);
	return sftp_asked(a, vfs_link(ch->f->s->vfs, from, to, sftp_answer_status, a));
}

/*
 * The target first, the link's own path second: the order of OpenSSH, and not the draft's. Some
 * clients follow the draft here, since our name is not OpenSSH's.
 */
int
sftp_symlink(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	char target[VFS_PATH_MAX], path[VFS_PATH_MAX];
	const unsigned int link = ssh_wire_is_link_first(ch->f->wire) ? 0 : 1;
	struct sftp_ask *a;
	int err = sftp_packet_text(&r->string[1 - link], target, sizeof(target));

	(void)none;
	if (err == 0 && target[0] == 0)
		err = -ENOENT;
	if (err == 0)
		err = sftp_path(ch, r, link, path);
	if (err < 0)
		return err;
	a = sftp_ask_new(ch, r->id, NULL);
	return sftp_asked(a, vfs_symlink(ch->f->s->vfs, target, path, sftp_answer_status, a));
}
