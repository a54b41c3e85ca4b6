/* SPDX-License-Identifier: ISC */
/* mem.h - memory that is always zeroed, never NULL, and wiped when it held a secret. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* Marks a function whose result must be looked at. */
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN __attribute__((noreturn))

/* For the rare result that nobody can use; the reason stands beside the call. */
static inline void
ignore_result(int result)
{
	(void)result;
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Zeroed memory for count objects of size bytes; the process dies when there is none. */
void *mem_new(size_t count, size_t size);

/* Grows old to count objects of size bytes (contents kept, the new part is not zeroed). */
void *mem_grow(void *old, size_t count, size_t size);

/* A copy of the string, or NULL for NULL. The caller frees it. */
char *mem_dup(const char *text);

/* Overwrites memory in a way that the compiler may not leave out. */
void mem_wipe(void *at, size_t len);

#endif
