/* SPDX-License-Identifier: ISC */
/*
 * lines.h - files of one line per name, as passwd(5) and group(5): `name:...`. Reading those that
 * nobody else can write, and changing one line so that a reader at any moment sees the old file or
 * the new one.
 */
#ifndef AUTH_LINES_H
#define AUTH_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "server/base/mem.h"
#include "server/base/text.h"

/* Bytes of the longest line that is written. */
#define LINES_MAX 2048

/*
 * Reads a file that is a regular one of root or of our own and that nobody else can write. The
 * bytes are the caller's, to be wiped and freed. Returns 0, -EPERM (it cannot be trusted), -EBADMSG
 * (there is a 0 in it), -errno.
 */
int lines_read(const char *file, char **ret_bytes, size_t *ret_len, struct stat *ret_st) MUST_CHECK;

/* Cuts the next line off *rest, which is NULL behind the last. An ending '\r' is cut off too. */
char *lines_next(char **rest);

/* Is it the line of this name? */
bool lines_are(const char *line, const char *name);

/*
 * Replaces the line of name by line (with its newline), or adds it at the end; NULL takes it out.
 * All other lines stay byte for byte, and only one edits at a time. The new file is on the disk
 * when this returns. Returns 0, -ENOENT (nothing to take out), -EPERM, -errno.
 */
int lines_change(const char *file, const char *name, const struct text *line) MUST_CHECK;

/*
 * Keeps others from editing the file until this process ends: for who reads first and changes then.
 * Returns 0 or -errno.
 */
int lines_hold(const char *file) MUST_CHECK;

/* May it stand between two colons? */
bool lines_field_ok(const char *text);

/*
 * Copies a field that has no control byte and fits. NULL is one that is not there. 0 or -EINVAL,
 * -ENOSPC.
 */
int lines_text(char *room, size_t size, const char *field) MUST_CHECK;

/* A uid or gid; the largest number means "unchanged" to the kernel and is none. 0 or -EINVAL. */
int lines_id(const char *field, uint32_t *ret_id) MUST_CHECK;

#endif
