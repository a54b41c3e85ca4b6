/* SPDX-License-Identifier: ISC */
/* text.c - bounded text and numbers from outside. */
#include "server/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
text_init(struct text *t, char *storage, size_t size)
{
	t->at = storage;
	t->size = size;
	text_reset(t);
}

void
text_reset(struct text *t)
{
	t->len = 0;
	t->cut = false;
	t->at[0] = '\0';
}

void
text_putn(struct text *t, const char *s, size_t len)
{
	size_t room = t->size - 1 - t->len;

	if (len > room) {
		t->cut = true;
		len = room;
	}
	memcpy(t->at + t->len, s, len);
	t->len += len;
	t->at[t->len] = '\0';
}

void
text_puts(struct text *t, const char *s)
{
	text_putn(t, s, strlen(s));
}

void
text_putc(struct text *t, char c)
{
	text_putn(t, &c, 1);
}

void
text_printf(struct text *t, const char *fmt, ...)
{
	size_t room = t->size - t->len;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(t->at + t->len, room, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room) {
		t->cut = true;
		t->len += strlen(t->at + t->len);
		return;
	}
	t->len += (size_t)n;
}

void
text_quote(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (*s == '"')
			text_putc(t, '"');
		text_putc(t, *s);
	}
}

void
text_printable(struct text *t, const char *s)
{
	for (; *s; s++)
		text_putc(t, (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
}

int
text_copy(char *room, size_t size, const char *src)
{
	size_t len = strlen(src);

	if (len >= size) {
		room[0] = '\0';
		return -ENAMETOOLONG;
	}
	memcpy(room, src, len + 1);
	return 0;
}

static int
number(const char *s, unsigned int base, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (*s == '\0')
		return -EINVAL;
	for (; *s; s++) {
		unsigned int digit = (unsigned char)*s - (unsigned int)'0';

		if (digit >= base || value > (UINT64_MAX - digit) / base)
			return -EINVAL;
		value = value * base + digit;
	}
	if (value > max)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

int
num_u64(const char *s, uint64_t max, uint64_t *ret_value)
{
	return number(s, 10, max, ret_value);
}

int
num_octal(const char *s, uint32_t max, uint32_t *ret_value)
{
	uint64_t value;

	if (number(s, 8, max, &value) < 0)
		return -EINVAL;
	*ret_value = (uint32_t)value;
	return 0;
}

bool
text_is_utf8(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	while (*p) {
		unsigned int more, low = 0x80, high = 0xbf;

		if (*p < 0x80) {
			p++;
			continue;
		}
		if (*p >= 0xc2 && *p <= 0xdf)
			more = 1;
		else if (*p >= 0xe0 && *p <= 0xef)
			more = 2;
		else if (*p >= 0xf0 && *p <= 0xf4)
			more = 3;
		else
			return false;
		/* The second byte carries the rules against long forms and surrogates. */
		if (*p == 0xe0)
			low = 0xa0;
		else if (*p == 0xed)
			high = 0x9f;
		else if (*p == 0xf0)
			low = 0x90;
		else if (*p == 0xf4)
			high = 0x8f;
		p++;
		if (*p < low || *p > high)
			return false;
		p++;
		while (--more) {
			if (*p < 0x80 || *p > 0xbf)
				return false;
			p++;
		}
	}
	return true;
}

uint64_t
text_hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return h;
}
