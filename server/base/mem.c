/* SPDX-License-Identifier: ISC */
/*
 * mem.c - allocation that cannot fail, and wiping.
 * Running out of memory ends this process, which is one connection: see fail.h.
 */
#include "server/base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/fail.h"

void *
mem_new(size_t count, size_t size)
{
	void *at = calloc(count ? count : 1, size ? size : 1);

	if (!at)
		die("out of memory (%zu objects of %zu bytes)", count, size);
	return at;
}

void *
mem_grow(void *old, size_t count, size_t size)
{
	void *at = reallocarray(old, count ? count : 1, size ? size : 1);

	if (!at)
		die("out of memory (%zu objects of %zu bytes)", count, size);
	return at;
}

char *
mem_dup(const char *text)
{
	char *copy;

	if (!text)
		return NULL;
	copy = strdup(text);
	if (!copy)
		die("out of memory (a string of %zu bytes)", strlen(text));
	return copy;
}

void
mem_wipe(void *at, size_t len)
{
	explicit_bzero(at, len);
}
