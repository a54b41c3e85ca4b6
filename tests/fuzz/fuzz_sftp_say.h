/* SPDX-License-Identifier: ISC */
/* fuzz_sftp_say.h - SFTP requests, as the next bytes of the program want them. */
#ifndef TESTS_FUZZ_FUZZ_SFTP_SAY_H
#define TESTS_FUZZ_FUZZ_SFTP_SAY_H

#include "protocols/sftp/sftp_packet.h"
#include "tests/fuzz/fuzz_share.h"

#define HANDLES 8
static uint8_t handles[HANDLES][SFTP_HANDLE_BYTES]; /* those that the server gave */

static inline void
put_attrs(struct buf *b)
{
	uint32_t flags = byte() & 0x0f;

	if (byte() > 0xf8)
		flags |= 0x80000000u;
	buf_put_u32(b, flags);
	if (flags & SFTP_ATTR_SIZE)
		buf_put_u64(b, number());
	if (flags & SFTP_ATTR_UIDGID)
		buf_put_u64(b, number());
	if (flags & SFTP_ATTR_PERMISSIONS)
		buf_put_u32(b, (uint32_t)number());
	if (flags & SFTP_ATTR_TIMES)
		buf_put_u64(b, number());
	if (flags & 0x80000000u) {
		buf_put_u32(b, 1);
		buf_put_string(b, "a", 1);
		buf_put_string(b, "b", 1);
	}
}

static inline void
put_handle(struct buf *b)
{
	uint8_t which = byte();

	if (which < 0xf0)
		buf_put_string(b, handles[which % HANDLES], SFTP_HANDLE_BYTES);
	else
		buf_put_string(b, "0123456789abcdef", which & 15);
}

/* The fields of a request: p path, h handle, 4 and 8 numbers, A attributes, D data, F flags, i ids,
 * s sums. */
static const struct shape {
	uint8_t type;
	const char *fields, *name;
} shapes[] = {
	{ 3, "pFA", NULL },
	{ 4, "h", NULL },
	{ 5, "h84", NULL },
	{ 6, "h8D", NULL },
	{ 7, "p", NULL },
	{ 8, "h", NULL },
	{ 9, "pA", NULL },
	{ 10, "hA", NULL },
	{ 11, "p", NULL },
	{ 12, "h", NULL },
	{ 13, "p", NULL },
	{ 14, "pA", NULL },
	{ 15, "p", NULL },
	{ 16, "p", NULL },
	{ 17, "p", NULL },
	{ 18, "pp", NULL },
	{ 19, "p", NULL },
	{ 20, "pp", NULL },
	{ 200, "pp", "posix-rename@openssh.com" },
	{ 200, "p", "statvfs@openssh.com" },
	{ 200, "h", "fstatvfs@openssh.com" },
	{ 200, "pp", "hardlink@openssh.com" },
	{ 200, "h", "fsync@openssh.com" },
	{ 200, "pA", "lsetstat@openssh.com" },
	{ 200, "", "limits@openssh.com" },
	{ 200, "p", "expand-path@openssh.com" },
	{ 200, "h88h8", "copy-data" },
	{ 200, "p", "home-directory" },
	{ 200, "ii", "users-groups-by-id@openssh.com" },
	{ 200, "p", "space-available" },
	{ 200, "ppp8", "vendor-id" },
	{ 200, "ps884", "check-file-name" },
	{ 200, "hs884", "check-file-handle" },
	{ 200, "p", "nothing@nobody" },
	{ 99, "p", NULL },
};

static inline void
put_field(struct buf *b, char field)
{
	static const uint8_t data[40000] = "data";
	uint8_t ids[32];

	switch (field) {
	case 'p':
		put_path(b);
		break;
	case 'h':
		put_handle(b);
		break;
	case '4':
		buf_put_u32(b, (uint32_t)number());
		break;
	case '8':
		buf_put_u64(b, number());
		break;
	case 'A':
		put_attrs(b);
		break;
	case 'F':
		buf_put_u32(b, byte());
		break;
	case 'D':
		buf_put_string(b, data, (size_t)number() % sizeof(data));
		break;
	case 'i':
		for (size_t i = 0; i < sizeof(ids); i++)
			ids[i] = i % 4 == 3 ? byte() : 0;
		buf_put_string(b, ids, byte() % (sizeof(ids) + 1));
		break;
	case 's':
		buf_put_cstring(b, byte() & 1 ? "sha256,md5" : "crc32");
		break;
	}
}

/* A whole packet. */
static inline void
put_request(struct buf *b, uint32_t id)
{
	const struct shape *s = &shapes[byte() % COUNT_OF(shapes)];

	buf_put_u32(b, 0);
	buf_put_u8(b, s->type);
	buf_put_u32(b, id);
	if (s->name)
		buf_put_cstring(b, s->name);
	for (const char *f = s->fields; *f; f++)
		put_field(b, *f);
	for (int i = 0; i < 4; i++)
		b->at[i] = (uint8_t)((b->end - 4) >> (24 - 8 * i));
}

#endif
