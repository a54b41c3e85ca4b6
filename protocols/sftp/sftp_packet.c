/* SPDX-License-Identifier: ISC */
/*
 * sftp_packet.c - the codec of SFTP version 3.
 * Owns: every length that a client wrote. Must not: copy data, allocate, or know what a request
 * means. Invariant: a decoded request points only into its packet.
 */
#include "protocols/sftp/sftp_packet.h"

#include <errno.h>
#include <string.h>

#include "server/base/mem.h"

#define TYPE_EXTENDED 200
#define ATTR_EXTENDED 0x80000000u

/*
 * Fields of a request: s string, q u64, d u32, A attributes, N nothing that we look at. Requests of
 * type EXTENDED are found by name.
 */
static const struct layout {
	uint8_t type;
	enum sftp_op op;
	const char *fields;
	const char *name;
} layouts[] = {
	{ 1, SFTP_OP_INIT, "N", NULL },
	{ 3, SFTP_OP_OPEN, "sdA", NULL },
	{ 4, SFTP_OP_CLOSE, "s", NULL },
	{ 5, SFTP_OP_READ, "sqd", NULL },
	{ 6, SFTP_OP_WRITE, "sqs", NULL },
	{ 7, SFTP_OP_LSTAT, "s", NULL },
	{ 8, SFTP_OP_FSTAT, "s", NULL },
	{ 9, SFTP_OP_SETSTAT, "sA", NULL },
	{ 10, SFTP_OP_FSETSTAT, "sA", NULL },
	{ 11, SFTP_OP_OPENDIR, "s", NULL },
	{ 12, SFTP_OP_READDIR, "s", NULL },
	{ 13, SFTP_OP_REMOVE, "s", NULL },
	{ 14, SFTP_OP_MKDIR, "sA", NULL },
	{ 15, SFTP_OP_RMDIR, "s", NULL },
	{ 16, SFTP_OP_REALPATH, "s", NULL },
	{ 17, SFTP_OP_STAT, "s", NULL },
	{ 18, SFTP_OP_RENAME, "ss", NULL },
	{ 19, SFTP_OP_READLINK, "s", NULL },
	{ 20, SFTP_OP_SYMLINK, "ss", NULL },
	{ TYPE_EXTENDED, SFTP_OP_POSIX_RENAME, "ss", "posix-rename@openssh.com" },
	{ TYPE_EXTENDED, SFTP_OP_STATVFS, "s", "statvfs@openssh.com" },
	{ TYPE_EXTENDED, SFTP_OP_FSTATVFS, "s", "fstatvfs@openssh.com" },
	{ TYPE_EXTENDED, SFTP_OP_HARDLINK, "ss", "hardlink@openssh.com" },
	{ TYPE_EXTENDED, SFTP_OP_FSYNC, "s", "fsync@openssh.com" },
	{ TYPE_EXTENDED, SFTP_OP_LSETSTAT, "sA", "lsetstat@openssh.com" },
	{ TYPE_EXTENDED, SFTP_OP_LIMITS, "", "limits@openssh.com" },
	{ TYPE_EXTENDED, SFTP_OP_EXPAND_PATH, "s", "expand-path@openssh.com" },
	{ TYPE_EXTENDED, SFTP_OP_COPY_DATA, "sqqsq", "copy-data" },
	{ TYPE_EXTENDED, SFTP_OP_HOME_DIRECTORY, "s", "home-directory" },
	{ TYPE_EXTENDED, SFTP_OP_USERS_GROUPS, "ss", "users-groups-by-id@openssh.com" },
	{ TYPE_EXTENDED, SFTP_OP_SPACE_AVAILABLE, "s", "space-available" },
	{ TYPE_EXTENDED, SFTP_OP_VENDOR_ID, "sssq", "vendor-id" },
	{ TYPE_EXTENDED, SFTP_OP_CHECK_FILE_NAME, "ssqqd", "check-file-name" },
	{ TYPE_EXTENDED, SFTP_OP_CHECK_FILE_HANDLE, "ssqqd", "check-file-handle" },
	{ TYPE_EXTENDED, SFTP_OP_CHECK_FILE_HANDLE, "ssqqd", "check-file" },
};

int
sftp_packet_size(const void *at, size_t len, size_t *ret_size)
{
	struct buf b;
	uint32_t size;

	if (len < 4)
		return -EAGAIN;
	buf_init_read(&b, at, 4);
	size = buf_get_u32(&b);
	if (size == 0 || size > SFTP_PACKET_MAX)
		return -EMSGSIZE;
	*ret_size = (size_t)size + 4;
	return 0;
}

static void
get_attrs(struct buf *b, struct sftp_attrs *a)
{
	uint32_t flags = buf_get_u32(b), pairs;
	size_t len;

	a->flags =
	    flags & (SFTP_ATTR_SIZE | SFTP_ATTR_UIDGID | SFTP_ATTR_PERMISSIONS | SFTP_ATTR_TIMES);
	if (flags & SFTP_ATTR_SIZE)
		a->size = buf_get_u64(b);
	if (flags & SFTP_ATTR_UIDGID) {
		a->uid = buf_get_u32(b);
		a->gid = buf_get_u32(b);
	}
	if (flags & SFTP_ATTR_PERMISSIONS)
		a->mode = buf_get_u32(b);
	if (flags & SFTP_ATTR_TIMES) {
		a->atime = buf_get_u32(b);
		a->mtime = buf_get_u32(b);
	}
	if (!(flags & ATTR_EXTENDED))
		return;
	pairs = buf_get_u32(b);
	for (uint32_t i = 0; i < pairs && !b->bad; i++) { /* each takes 8 bytes at least */
		(void)buf_get_string(b, &len);
		(void)buf_get_string(b, &len);
	}
}

static void
get_fields(struct buf *b, const char *fields, struct sftp_request *r)
{
	unsigned int strings = 0, wides = 0;

	for (; *fields; fields++) {
		switch (*fields) {
		case 's':
			r->string[strings].at = buf_get_string(b, &r->string[strings].len);
			strings++;
			break;
		case 'q':
			r->wide[wides++] = buf_get_u64(b);
			break;
		case 'd':
			r->number = buf_get_u32(b);
			break;
		case 'A':
			get_attrs(b, &r->attrs);
			break;
		default: /* the extension pairs of INIT */
			(void)buf_get_bytes(b, buf_left(b));
			break;
		}
	}
}

/* The row for a packet; of EXTENDED ones the name is taken first. */
static const struct layout *
find_layout(uint8_t type, struct buf *b)
{
	const uint8_t *name = NULL;
	size_t len = 0;

	if (type == TYPE_EXTENDED)
		name = buf_get_string(b, &len);
	for (size_t i = 0; i < COUNT_OF(layouts); i++) {
		const struct layout *l = &layouts[i];

		if (l->type != type)
			continue;
		if (!l->name)
			return l;
		if (name && strlen(l->name) == len && memcmp(l->name, name, len) == 0)
			return l;
	}
	return NULL;
}

int
sftp_packet_decode(const void *at, size_t size, struct sftp_request *ret_request)
{
	struct sftp_request r = { .op = SFTP_OP_UNKNOWN };
	const struct layout *layout;
	struct buf b;
	uint8_t type;

	buf_init_read(&b, at, size);
	(void)buf_get_u32(&b);
	type = buf_get_u8(&b);
	r.id = buf_get_u32(&b);
	if (b.bad)
		return -EPROTO;
	layout = find_layout(type, &b);
	if (layout) {
		r.op = layout->op;
		get_fields(&b, layout->fields, &r);
	}
	*ret_request = r;
	/* Bytes behind the fields are nobody's: pkg/sftp of Go (rclone) sends such WRITEs. */
	return b.bad ? -EBADMSG : 0;
}

int
sftp_packet_text(const struct sftp_bytes *s, char *room, size_t size)
{
	if (s->len >= size)
		return -ENAMETOOLONG;
	if (s->len > 0 && memchr(s->at, 0, s->len))
		return -EINVAL;
	if (s->len > 0)
		memcpy(room, s->at, s->len);
	room[s->len] = 0;
	return 0;
}

static void
put_be32(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 24);
	at[1] = (uint8_t)(v >> 16);
	at[2] = (uint8_t)(v >> 8);
	at[3] = (uint8_t)v;
}

size_t
sftp_reply_begin(struct buf *b, uint8_t type, uint32_t id)
{
	size_t began = b->end;

	buf_put_u32(b, 0);
	buf_put_u8(b, type);
	buf_put_u32(b, id);
	return began;
}

void
sftp_reply_end(struct buf *b, size_t began)
{
	if (!b->bad)
		put_be32(b->at + began, (uint32_t)(b->end - began - 4));
}

void
sftp_put_status(struct buf *b, uint32_t id, enum sftp_status status, const char *text)
{
	size_t began = sftp_reply_begin(b, SFTP_REPLY_STATUS, id);

	buf_put_u32(b, status);
	buf_put_cstring(b, text);
	buf_put_cstring(b, ""); /* language tag */
	sftp_reply_end(b, began);
}

void
sftp_put_data_head(uint8_t *at, uint32_t id, uint32_t len)
{
	put_be32(at, len + SFTP_DATA_HEAD - 4);
	at[4] = SFTP_REPLY_DATA;
	put_be32(at + 5, id);
	put_be32(at + 9, len);
}

/* Version 3 has 32 bits for seconds: what lies outside is moved to their ends. */
static uint32_t
seconds32(int64_t seconds)
{
	if (seconds < 0)
		return 0;
	return seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

void
sftp_put_attrs(struct buf *b, const struct vfs_attr *attr)
{
	/* The file type stands in the mode, as stat(2) has it everywhere. */
	static const uint32_t types[] = { [VFS_FILE] = 0100000,
					  [VFS_DIR] = 0040000,
					  [VFS_LINK] = 0120000,
					  [VFS_OTHER] = 0060000 };

	if (!attr) {
		buf_put_u32(b, 0);
		return;
	}
	buf_put_u32(b, SFTP_ATTR_SIZE | SFTP_ATTR_UIDGID | SFTP_ATTR_PERMISSIONS | SFTP_ATTR_TIMES);
	buf_put_u64(b, attr->size);
	buf_put_u32(b, attr->uid);
	buf_put_u32(b, attr->gid);
	buf_put_u32(b,
		    (attr->type < COUNT_OF(types) ? types[attr->type] : 0) | (attr->mode & 07777));
	buf_put_u32(b, seconds32(attr->atime));
	buf_put_u32(b, seconds32(attr->mtime));
}
