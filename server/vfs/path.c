/* SPDX-License-Identifier: ISC */
/*
 * path.c - arithmetic on virtual paths, byte by byte. No file is asked and nothing is decoded:
 * "%2e%2e" and overlong UTF-8 are names like others.
 */
#include "server/vfs/path.h"

#include <errno.h>
#include <string.h>

#define COMPONENT_MAX 255

/* Length of the first component of s. */
static size_t
component(const char *s)
{
	return (size_t)(strchrnul(s, '/') - s);
}

/* Takes the last component off the len bytes of room; nothing is above "". */
static size_t
pop(const char *room, size_t len)
{
	while (len > 0 && room[--len] != '/')
		;
	return len;
}

int
path_join(const char *cwd, const char *path, char *room, size_t size)
{
	size_t len = 0;

	if (*path == '\0')
		return -ENOENT;
	if (*path != '/' && cwd[1] != '\0') {
		len = strlen(cwd);
		if (len >= size)
			return -ENAMETOOLONG;
		memcpy(room, cwd, len);
	}
	while (*path) {
		size_t n = component(path);

		if (n > COMPONENT_MAX)
			return -ENAMETOOLONG;
		if (n == 2 && path[0] == '.' && path[1] == '.') {
			len = pop(room, len);
		} else if (n > 0 && !(n == 1 && path[0] == '.')) {
			if (n + 1 >= size - len)
				return -ENAMETOOLONG;
			room[len++] = '/';
			memcpy(room + len, path, n);
			len += n;
		}
		path += n;
		while (*path == '/')
			path++;
	}
	if (size < 2)
		return -ENAMETOOLONG;
	if (len == 0)
		room[len++] = '/';
	room[len] = '\0';
	return 0;
}

bool
path_is_clean(const char *path)
{
	if (path[0] != '/')
		return false;
	if (path[1] == '\0')
		return true;
	while (*path) {
		size_t n = component(++path);

		if (n == 0 || n > COMPONENT_MAX || (n == 1 && path[0] == '.') ||
		    (n == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += n;
	}
	return true;
}

bool
path_is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (len == 1)
		return true;
	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

const char *
path_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

void
path_dir(const char *path, char *room, size_t size)
{
	size_t len = (size_t)(path_name(path) - path);

	/* The '/' goes too, unless it is all that there is. */
	if (len > 1)
		len--;
	if (len >= size)
		len = size - 1;
	memmove(room, path, len);
	room[len] = '\0';
}
