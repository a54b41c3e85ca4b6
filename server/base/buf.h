/* SPDX-License-Identifier: ISC */
/*
 * buf.h - bounded bytes: a cursor for reading, an end for writing, and a failure that sticks, so
 * that a whole message is put or taken and looked at once: if (buf_done(&b) < 0) ...
 *
 * Numbers are big-endian. A string is a u32 length and its bytes.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/mem.h"

struct buf {
	uint8_t *at;
	size_t size; /* bytes that at can hold */
	size_t end;  /* bytes put so far */
	size_t pos;  /* bytes taken so far */
	bool bad;    /* something did not fit, or was not there */
};

/* Over storage of the caller, empty. */
void buf_init(struct buf *b, void *storage, size_t size);

/* Over bytes that are already there, for reading. They are not changed. */
void buf_init_read(struct buf *b, const void *bytes, size_t len);

/* Empties it and forgets a failure. */
void buf_reset(struct buf *b);

void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_bytes(struct buf *b, const void *bytes, size_t len);
/* u32 length and bytes; NULL is the empty string. */
void buf_put_string(struct buf *b, const void *bytes, size_t len);
void buf_put_cstring(struct buf *b, const char *text);

uint8_t buf_get_u8(struct buf *b);
uint16_t buf_get_u16(struct buf *b);
uint32_t buf_get_u32(struct buf *b);
uint64_t buf_get_u64(struct buf *b);
/* A pointer into the buffer, or NULL (and bad) when fewer than len bytes are left. */
const uint8_t *buf_get_bytes(struct buf *b, size_t len);
/* A string in place; *ret_len is its length. NULL and bad when it is cut short. */
const uint8_t *buf_get_string(struct buf *b, size_t *ret_len);
/*
 * A string copied to room with an ending 0. Bad (and room is "") when it is longer than size - 1 or
 * contains a 0 byte. Returns room.
 */
char *buf_get_cstring(struct buf *b, char *room, size_t size);

/* Bytes not yet taken. */
size_t buf_left(const struct buf *b);
/* Bytes that can still be put. */
size_t buf_room(const struct buf *b);

/* 0 when nothing failed and nothing is left over, else -EBADMSG. For the end of a message. */
int buf_done(const struct buf *b) MUST_CHECK;

#endif
