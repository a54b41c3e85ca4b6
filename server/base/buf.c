/* SPDX-License-Identifier: ISC */
/* buf.c - bounded bytes. Lengths are checked before contents are looked at. */
#include "server/base/buf.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

void
buf_init(struct buf *b, void *storage, size_t size)
{
	b->at = storage;
	b->size = size;
	buf_reset(b);
}

void
buf_init_read(struct buf *b, const void *bytes, size_t len)
{
	/* The cast drops const; nothing is ever put, because size leaves no room. */
	b->at = (uint8_t *)(uintptr_t)bytes;
	b->size = len;
	buf_reset(b);
	b->end = len;
}

void
buf_reset(struct buf *b)
{
	b->end = 0;
	b->pos = 0;
	b->bad = false;
}

static uint8_t *
put(struct buf *b, size_t len)
{
	uint8_t *at;

	if (b->bad || len > b->size - b->end) {
		b->bad = true;
		return NULL;
	}
	at = b->at + b->end;
	b->end += len;
	return at;
}

void
buf_put_u8(struct buf *b, uint8_t v)
{
	uint8_t *at = put(b, 1);

	if (at)
		*at = v;
}

void
buf_put_u16(struct buf *b, uint16_t v)
{
	uint8_t *at = put(b, sizeof(v));

	v = htobe16(v);
	if (at)
		memcpy(at, &v, sizeof(v));
}

void
buf_put_u32(struct buf *b, uint32_t v)
{
	uint8_t *at = put(b, sizeof(v));

	v = htobe32(v);
	if (at)
		memcpy(at, &v, sizeof(v));
}

void
buf_put_u64(struct buf *b, uint64_t v)
{
	uint8_t *at = put(b, sizeof(v));

	v = htobe64(v);
	if (at)
		memcpy(at, &v, sizeof(v));
}

void
buf_put_bytes(struct buf *b, const void *bytes, size_t len)
{
	uint8_t *at = put(b, len);

	if (at && len)
		memcpy(at, bytes, len);
}

void
buf_put_string(struct buf *b, const void *bytes, size_t len)
{
	if (len > UINT32_MAX) {
		b->bad = true;
		return;
	}
	buf_put_u32(b, (uint32_t)len);
	buf_put_bytes(b, bytes, len);
}

void
buf_put_cstring(struct buf *b, const char *text)
{
	buf_put_string(b, text, text ? strlen(text) : 0);
}

const uint8_t *
buf_get_bytes(struct buf *b, size_t len)
{
	const uint8_t *at;

	if (b->bad || len > b->end - b->pos) {
		b->bad = true;
		return NULL;
	}
	at = b->at + b->pos;
	b->pos += len;
	return at;
}

uint8_t
buf_get_u8(struct buf *b)
{
	const uint8_t *at = buf_get_bytes(b, 1);

	return at ? *at : 0;
}

uint16_t
buf_get_u16(struct buf *b)
{
	const uint8_t *at = buf_get_bytes(b, sizeof(uint16_t));
	uint16_t v = 0;

	if (at)
		memcpy(&v, at, sizeof(v));
	return be16toh(v);
}

uint32_t
buf_get_u32(struct buf *b)
{
	const uint8_t *at = buf_get_bytes(b, sizeof(uint32_t));
	uint32_t v = 0;

	if (at)
		memcpy(&v, at, sizeof(v));
	return be32toh(v);
}

uint64_t
buf_get_u64(struct buf *b)
{
	const uint8_t *at = buf_get_bytes(b, sizeof(uint64_t));
	uint64_t v = 0;

	if (at)
		memcpy(&v, at, sizeof(v));
	return be64toh(v);
}

const uint8_t *
buf_get_string(struct buf *b, size_t *ret_len)
{
	uint32_t len = buf_get_u32(b);
	const uint8_t *at = buf_get_bytes(b, len);

	*ret_len = at ? len : 0;
	return at;
}

char *
buf_get_cstring(struct buf *b, char *room, size_t size)
{
	size_t len;
	const uint8_t *at = buf_get_string(b, &len);

	room[0] = '\0';
	if (!at)
		return room;
	if (len >= size || memchr(at, '\0', len)) {
		b->bad = true;
		return room;
	}
	memcpy(room, at, len);
	room[len] = '\0';
	return room;
}

size_t
buf_left(const struct buf *b)
{
	return b->end - b->pos;
}

size_t
buf_room(const struct buf *b)
{
	return b->size - b->end;
}

int
buf_done(const struct buf *b)
{
	return b->bad || b->pos != b->end ? -EBADMSG : 0;
}
