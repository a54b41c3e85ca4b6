/* SPDX-License-Identifier: ISC */
/*
 * path.h - arithmetic on virtual paths: no files, no policy. The one normaliser of the program;
 * wire uses it for manners, worker for truth.
 */
#ifndef SERVER_VFS_PATH_H
#define SERVER_VFS_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/mem.h"

/*
 * Writes the clean form of path, seen from the directory cwd (both virtual), into room: absolute,
 * components with one '/' between them, no "." and "..", nothing above "/", no '/' at the end. cwd
 * must be clean. Returns 0, -ENAMETOOLONG (also for a component over 255 bytes), -ENOENT (path is
 * "").
 */
int path_join(const char *cwd, const char *path, char *room, size_t size) MUST_CHECK;

/* Is it the form that path_join makes? */
bool path_is_clean(const char *path);

/* Does a clean path lie at or below the clean directory? "/a" covers "/a" and "/a/b", not "/ab". */
bool path_is_below(const char *path, const char *dir);

/* The last component of a clean path ("" for "/"); points into path. */
const char *path_name(const char *path);

/* Writes the directory of a clean path into room ("/" for "/a"). */
void path_dir(const char *path, char *room, size_t size);

#endif
