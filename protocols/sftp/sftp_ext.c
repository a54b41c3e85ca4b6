/* SPDX-License-Identifier: ISC */
/*
 * sftp_ext.c - INIT and the extensions: those of OpenSSH's PROTOCOL file, and of
 * draft-ietf-secsh-filexfer-extensions-00 (home-directory, space-available, vendor-id, copy-data).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "protocols/sftp/sftp_channel.h"
#include "server/vfs/path.h"

/* What VERSION announces. Clients look for the name, and of OpenSSH's for the version beside it. */
static const struct {
	const char *name, *data;
} extensions[] = {
	{ "posix-rename@openssh.com", "1" },
	{ "statvfs@openssh.com", "2" },
	{ "fstatvfs@openssh.com", "2" },
	{ "hardlink@openssh.com", "1" },
	{ "fsync@openssh.com", "1" },
	{ "lsetstat@openssh.com", "1" },
	{ "limits@openssh.com", "1" },
	{ "expand-path@openssh.com", "1" },
	{ "copy-data", "1" },
	{ "home-directory", "1" },
	{ "users-groups-by-id@openssh.com", "1" },
	{ "space-available", "" },
	{ "check-file-name", "1" },
	{ "check-file-handle", "1" },
	{ "check-file", "1" }, /* paramiko's name of the latter; WinSCP looks for it */
};

/* We speak version 3, whatever the client can: one that cannot will say so. */
int
sftp_init(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	struct buf *b = sftp_room(ch, 1024);
	size_t began = sftp_reply_begin(b, SFTP_REPLY_VERSION, SFTP_VERSION);

	(void)none;
	(void)r;
	for (size_t i = 0; i < COUNT_OF(extensions); i++) {
		buf_put_cstring(b, extensions[i].name);
		buf_put_cstring(b, extensions[i].data);
	}
	sftp_reply_end(b, began);
	return 0;
}

/* Of the flags of statvfs(3) OpenSSH's PROTOCOL knows two; the kernel's others mean nothing. */
#define FLAG_RDONLY 1u
#define FLAG_NOSUID 2u

/* The eleven numbers of statvfs(3), in OpenSSH's order. */
static void
answer_statvfs(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	uint32_t id = a->id;
	struct sftp_channel *ch = sftp_ask_done(a);
	const struct vfs_space *s = &reply->space;
	const uint64_t numbers[] = { s->block_size,   s->fragment_size,
				     s->blocks,	      s->blocks_free,
				     s->blocks_avail, s->files,
				     s->files_free,   s->files_avail,
				     s->fsid,	      s->flags & (FLAG_RDONLY | FLAG_NOSUID),
				     s->name_max };
	struct buf *b;
	size_t began;

	if (!ch)
		return;
	if (reply->err < 0) {
		sftp_reply_errno(ch, id, reply->err, reply->why);
		return;
	}
	b = sftp_room(ch, 128);
	began = sftp_reply_begin(b, SFTP_REPLY_EXTENDED, id);
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		buf_put_u64(b, numbers[i]);
	sftp_reply_end(b, began);
}

static uint64_t
bytes_of(uint64_t blocks, uint64_t size)
{
	uint64_t bytes;

	return __builtin_mul_overflow(blocks, size, &bytes) ? UINT64_MAX : bytes;
}

uint64_t
sftp_kib(uint64_t blocks, uint64_t size)
{
	return bytes_of(blocks, size) / 1024;
}

static void
answer_space(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	uint32_t id = a->id;
	struct sftp_channel *ch = sftp_ask_done(a);
	const struct vfs_space *s = &reply->space;
	struct buf *b;
	size_t began;

	if (!ch)
		return;
	if (reply->err < 0) {
		sftp_reply_errno(ch, id, reply->err, reply->why);
		return;
	}
	b = sftp_room(ch, 64);
	began = sftp_reply_begin(b, SFTP_REPLY_EXTENDED, id);
	buf_put_u64(b, bytes_of(s->blocks, s->fragment_size));	     /* on the device */
	buf_put_u64(b, bytes_of(s->blocks_free, s->fragment_size));  /* unused there */
	buf_put_u64(b, bytes_of(s->blocks, s->fragment_size));	     /* of the user */
	buf_put_u64(b, bytes_of(s->blocks_avail, s->fragment_size)); /* unused of those */
	buf_put_u32(b, s->block_size > UINT32_MAX ? UINT32_MAX : (uint32_t)s->block_size);
	sftp_reply_end(b, began);
}

static int
space_of(struct sftp_channel *ch, const struct sftp_request *r, vfs_fn *answer)
{
	char path[VFS_PATH_MAX];
	struct sftp_ask *a;
	int err = sftp_path(ch, r, 0, path);

	if (err < 0)
		return err;
	a = sftp_ask_new(ch, r->id, NULL);
	return sftp_asked(a, vfs_statvfs(ch->f->s->vfs, path, answer, a));
}

int
sftp_statvfs(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	(void)none;
	return space_of(ch, r, answer_statvfs);
}

int
sftp_space_available(struct sftp_channel *ch, const struct sftp_request *r,
		     struct sftp_handle *none)
{
	(void)none;
	return space_of(ch, r, answer_space);
}

/*
 * Space is a matter of the share. A file that is being written may have no name yet, so it is asked
 * for by its directory.
 */
int
sftp_fstatvfs(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *h)
{
	struct sftp_ask *a = sftp_ask_new(ch, r->id, NULL);
	char dir[VFS_PATH_MAX];
	const char *path = h->path;

	if (h->kind == SFTP_HANDLE_FILE) {
		path_dir(h->path, dir, sizeof(dir));
		path = dir;
	}
	return sftp_asked(a, vfs_statvfs(ch->f->s->vfs, path, answer_statvfs, a));
}

int
sftp_limits(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	struct buf *b = sftp_room(ch, 64);
	size_t began = sftp_reply_begin(b, SFTP_REPLY_EXTENDED, r->id);

	(void)none;
	buf_put_u64(b, SFTP_PACKET_LIMIT);
	buf_put_u64(b, SFTP_DATA_MAX); /* READ */
	buf_put_u64(b, SFTP_DATA_MAX); /* WRITE */
	buf_put_u64(b, ch->f->s->conf->sftp.max_handles);
	sftp_reply_end(b, began);
	return 0;
}

/* Home is where the session begins; homes of others are nobody's business. */
static bool
is_own_name(const struct sftp_channel *ch, const char *name, size_t len)
{
	const char *user = ch->f->s->user;

	return len == 0 || (strlen(user) == len && memcmp(user, name, len) == 0);
}

int
sftp_expand_path(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	char wish[VFS_PATH_MAX], path[VFS_PATH_MAX];
	const char *rest = wish;
	int err = sftp_packet_text(&r->string[0], wish, sizeof(wish));

	(void)none;
	if (err < 0)
		return err;
	if (wish[0] == '~') {
		size_t len = strcspn(wish + 1, "/");

		if (!is_own_name(ch, wish + 1, len))
			return -ENOENT;
		rest = wish + 1 + len;
		while (*rest == '/')
			rest++;
	}
	err = path_join(ch->f->s->start_dir, *rest ? rest : ".", path, sizeof(path));
	if (err == 0)
		sftp_reply_name(ch, r->id, path);
	return err;
}

int
sftp_home_directory(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	const struct sftp_bytes *name = &r->string[0];

	(void)none;
	if (!is_own_name(ch, (const char *)name->at, name->len))
		return -ENOENT;
	sftp_reply_name(ch, r->id, ch->f->s->start_dir);
	return 0;
}

static void
saw_name(struct sftp_name *names, unsigned int *count, uint32_t id, const char *name)
{
	unsigned int i;

	for (i = 0; i < *count && i < SFTP_NAMES_SEEN; i++) {
		if (names[i].id == id)
			return;
	}
	i = (*count)++ % SFTP_NAMES_SEEN; /* the oldest makes room */
	if (*count == 2 * SFTP_NAMES_SEEN)
		*count = SFTP_NAMES_SEEN;
	names[i].id = id;
	(void)snprintf(names[i].name, sizeof(names[i].name), "%s", name);
}

void
sftp_saw_names(struct sftp *f, const struct vfs_attr *attr)
{
	saw_name(f->users, &f->user_count, attr->uid, attr->owner);
	saw_name(f->groups, &f->group_count, attr->gid, attr->group);
}

/* One name for each id of the request: those that listings have shown, "" for every other. */
static void
put_names(struct buf *b, const struct sftp_bytes *ids, const struct sftp_name *names,
	  unsigned int count)
{
	size_t size_at = b->end;
	struct buf in, size;

	buf_init_read(&in, ids->at, ids->len);
	buf_put_u32(b, 0);
	while (buf_left(&in) >= 4) {
		uint32_t id = buf_get_u32(&in);
		const char *name = "";

		for (unsigned int i = 0; i < count && i < SFTP_NAMES_SEEN; i++) {
			if (names[i].id == id)
				name = names[i].name;
		}
		buf_put_cstring(b, name);
	}
	buf_init(&size, b->at + size_at, 4);
	buf_put_u32(&size, (uint32_t)(b->end - size_at - 4));
}

int
sftp_users_groups(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	const struct sftp_bytes *users = &r->string[0], *groups = &r->string[1];
	size_t ids = users->len / 4 + groups->len / 4;
	struct buf *b;
	size_t began;

	(void)none;
	if (users->len % 4 != 0 || groups->len % 4 != 0 || ids > 2048)
		return -EINVAL;
	b = sftp_room(ch, 64 + ids * (4 + VFS_OWNER_MAX));
	began = sftp_reply_begin(b, SFTP_REPLY_EXTENDED, r->id);
	put_names(b, users, ch->f->users, ch->f->user_count);
	put_names(b, groups, ch->f->groups, ch->f->group_count);
	sftp_reply_end(b, began);
	return 0;
}

/* The client tells who it is: good for the log. */
int
sftp_vendor_id(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *none)
{
	char product[64], version[64], both[130];

	(void)none;
	if (sftp_packet_text(&r->string[1], product, sizeof(product)) == 0 &&
	    sftp_packet_text(&r->string[2], version, sizeof(version)) == 0) {
		(void)snprintf(both, sizeof(both), "%s %s", product, version);
		session_client(ch->f->s, both);
	}
	sftp_reply_status(ch, r->id, SFTP_OK, NULL);
	return 0;
}
