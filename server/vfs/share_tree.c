/* SPDX-License-Identifier: ISC */
/*
 * share_tree.c - where shares stand in the virtual tree, by their mounts. Arithmetic on clean
 * paths.
 */
#include "server/vfs/share.h"

#include <string.h>

#include "server/base/text.h"
#include "server/vfs/path.h"

static bool
covers(const struct share *share, const char *path)
{
	size_t len = share->mount_len;

	return strncmp(path, share->conf->mount, len) == 0 &&
	       (path[len] == '/' || path[len] == '\0');
}

struct share *
share_find(const struct share_list *list, const char *path, const char **ret_inner)
{
	struct share *best = NULL;

	for (size_t i = 0; i < list->count; i++) {
		struct share *share = &list->at[i];

		if (covers(share, path) && (!best || share->mount_len > best->mount_len))
			best = share;
	}
	if (best) {
		*ret_inner = path + best->mount_len;
		if (**ret_inner == '/')
			(*ret_inner)++;
	}
	return best;
}

bool
share_is_above_mount(const struct share_list *list, const char *path)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *mount = list->at[i].conf->mount;

		if (path_is_below(mount, path) && strcmp(mount, path) != 0)
			return true;
	}
	return false;
}

/* The part of the mount below dir, or NULL. */
static const char *
below(const struct share *share, const char *dir)
{
	const char *mount = share->conf->mount;
	size_t len = dir[1] ? strlen(dir) : 0;

	if (strncmp(mount, dir, len) != 0 || mount[len] != '/' || mount[len + 1] == '\0')
		return NULL;
	return mount + len + 1;
}

static bool
same_component(const char *a, const char *b)
{
	size_t len = (size_t)(strchrnul(a, '/') - a);

	return strncmp(a, b, len) == 0 && (b[len] == '/' || b[len] == '\0');
}

bool
share_child(const struct share_list *list, size_t i, const char *dir, char *name, size_t size,
	    const struct share **ret_at)
{
	const char *rest = below(&list->at[i], dir);
	size_t len;

	if (!rest)
		return false;
	*ret_at = NULL;
	for (size_t k = 0; k < list->count; k++) {
		const char *other = below(&list->at[k], dir);

		if (!other || !same_component(rest, other))
			continue;
		if (k < i)
			return false;
		if (!strchr(other, '/'))
			*ret_at = &list->at[k];
	}
	len = (size_t)(strchrnul(rest, '/') - rest);
	if (len >= size)
		return false;
	memcpy(name, rest, len);
	name[len] = '\0';
	return true;
}

bool
share_has_child(const struct share_list *list, const char *dir, const char *name)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *rest = below(&list->at[i], dir);

		if (rest && same_component(name, rest))
			return true;
	}
	return false;
}
