/* SPDX-License-Identifier: ISC */
/*
 * text.h - bounded text: always ended by a 0, and it remembers that it was cut. Also reading of
 * numbers from outside, and making strangers' bytes harmless.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/mem.h"

struct text {
	char *at;    /* always ended by a 0 */
	size_t size; /* bytes of storage, at least 1 */
	size_t len;  /* without the 0 */
	bool cut;    /* something did not fit */
};

void text_init(struct text *t, char *storage, size_t size);
void text_reset(struct text *t);
void text_putc(struct text *t, char c);
void text_puts(struct text *t, const char *s);
void text_putn(struct text *t, const char *s, size_t len);
void text_printf(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Puts s with every " doubled (RFC 959, appendix II: path names in replies). */
void text_quote(struct text *t, const char *s);
/* Puts bytes with control bytes (C0, DEL) replaced by '?', other bytes as they are. */
void text_printable(struct text *t, const char *s);

/* A copy of src in a room of size bytes. Returns 0, or -ENAMETOOLONG and room is "". */
int text_copy(char *room, size_t size, const char *src) MUST_CHECK;

/* Decimal digits only, the whole string, at most max. Returns 0 or -EINVAL. */
int num_u64(const char *s, uint64_t max, uint64_t *ret_value) MUST_CHECK;
/* The same in octal, for modes. */
int num_octal(const char *s, uint32_t max, uint32_t *ret_value) MUST_CHECK;

/* FNV-1a: tells names apart in tables and file names; it resists nobody who wants two alike. */
uint64_t text_hash(const char *s);

/* Is it well-formed UTF-8 (RFC 3629: shortest forms, no surrogates, up to U+10FFFF)? */
bool text_is_utf8(const char *s);

#endif
