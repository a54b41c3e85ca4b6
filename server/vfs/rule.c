/* SPDX-License-Identifier: ISC */
/* rule.c - the configuration's rules applied to paths and names. No file is asked. */
#include "server/vfs/rule.h"

#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "server/vfs/trash_name.h"
#include "server/vfs/vfs.h"

/* What can be done in the trash: look, take out, throw away. */
#define TRASH_RIGHTS \
	(RIGHT_LIST | RIGHT_READ | RIGHT_RENAME | RIGHT_DELETE | RIGHT_RMDIR | RIGHT_TRASH)

/* A rule's path inside the share without its '/' in front, and without one behind. */
static const char *
rule_inner(const struct conf_rule *rule, size_t *ret_len)
{
	const char *path = rule->path;
	size_t len;

	while (*path == '/')
		path++;
	len = strlen(path);
	while (len > 0 && path[len - 1] == '/')
		len--;
	*ret_len = len;
	return path;
}

static uint32_t
nearest(const struct conf_share *share, const char *inner, const struct conf_place **ret_place)
{
	uint32_t rights = share->rights;
	size_t best = 0;

	*ret_place = &share->rights_place;
	for (size_t i = 0; i < share->rule_count; i++) {
		size_t len;
		const char *path = rule_inner(&share->rules[i], &len);

		if (len < best || strncmp(inner, path, len) != 0 ||
		    (len > 0 && inner[len] != '/' && inner[len] != '\0'))
			continue;
		best = len;
		rights = share->rules[i].rights;
		*ret_place = &share->rules[i].place;
	}
	return rights;
}

static uint32_t
rights_in_trash(const struct conf_share *share, const char *inner,
		const struct conf_place **ret_place)
{
	char before[VFS_PATH_MAX];

	if (trash_name_origin(inner, before, sizeof(before)) == 0)
		return nearest(share, before, ret_place) & TRASH_RIGHTS;
	/* Its name was cut: a rule that was meant for it could not be found. */
	*ret_place = &share->rights_place;
	return share->rule_count > 0 ? RIGHT_NONE : share->rights & TRASH_RIGHTS;
}

uint32_t
rule_rights(const struct conf_share *share, const char *inner, const struct conf_place **ret_place)
{
	if (strstr(inner, TRASH_DIR) && trash_name_is_inside(inner))
		return rights_in_trash(share, inner, ret_place);
	return nearest(share, inner, ret_place);
}

/* Is it written for this path or for one below it? */
static bool
is_below(const struct conf_rule *rule, const char *inner)
{
	size_t inner_len = strlen(inner), len;
	const char *path = rule_inner(rule, &len);

	return inner_len == 0 || (len >= inner_len && strncmp(path, inner, inner_len) == 0 &&
				  (len == inner_len || path[inner_len] == '/'));
}

bool
rule_stands_below(const struct conf_share *share, const char *inner)
{
	for (size_t i = 0; i < share->rule_count; i++) {
		if (is_below(&share->rules[i], inner))
			return true;
	}
	return false;
}

uint32_t
rule_rights_below(const struct conf_share *share, const char *inner)
{
	uint32_t rights = RIGHT_NONE;

	for (size_t i = 0; i < share->rule_count; i++) {
		if (is_below(&share->rules[i], inner))
			rights |= share->rules[i].rights;
	}
	return rights;
}

bool
rule_tracks(const struct conf_share *share)
{
	const uint32_t wanted = RIGHT_LIST | RIGHT_OVERWRITE | RIGHT_RENAME | RIGHT_DELETE |
				RIGHT_RMDIR | RIGHT_TIMES | RIGHT_CHMOD;

	if ((share->rights & wanted) != wanted)
		return true;
	for (size_t i = 0; i < share->rule_count; i++) {
		if ((share->rules[i].rights & wanted) != wanted)
			return true;
	}
	return false;
}

static bool
matches(const struct conf_list *patterns, const char *name)
{
	/* glibc backtracks to the last '*' only, so that this is bounded by name times pattern. */
	for (size_t i = 0; i < patterns->count; i++) {
		if (fnmatch(patterns->at[i], name, 0) == 0)
			return true;
	}
	return false;
}

static bool
has_control(const char *name)
{
	for (; *name; name++) {
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			return true;
	}
	return false;
}

enum rule_name
rule_name(const struct conf_share *share, const char *name)
{
	/* In any case: on some filesystems .COFFER-part is our .coffer-part. */
	if (name[0] == '.' && strncasecmp(name, RULE_OUR_PREFIX, strlen(RULE_OUR_PREFIX)) == 0)
		return RULE_NAME_HIDDEN;
	if (share->hide.count && matches(&share->hide, name))
		return RULE_NAME_HIDDEN;
	if (share->deny.count && matches(&share->deny, name))
		return RULE_NAME_DENIED;
	return has_control(name) ? RULE_NAME_ODD : RULE_NAME_OK;
}

const char *
rule_true_name(const char *name, bool in_trash)
{
	struct trash_label l;

	return in_trash && trash_name_get(name, &l) ? l.name : name;
}

enum rule_name
rule_path(const struct conf_share *share, const char *inner, bool sees_trash,
	  enum rule_name *ret_last)
{
	enum rule_name before = RULE_NAME_OK, last = RULE_NAME_OK;
	bool in_trash = false;

	while (*inner) {
		size_t len = (size_t)(strchrnul(inner, '/') - inner);
		char name[VFS_NAME_MAX];

		if (last == RULE_NAME_HIDDEN || (last == RULE_NAME_DENIED && !before))
			before = last;
		if (len >= sizeof(name))
			return RULE_NAME_HIDDEN; /* there is no such name */
		memcpy(name, inner, len);
		name[len] = '\0';
		if (sees_trash && strcmp(name, TRASH_DIR) == 0) {
			last = RULE_NAME_OK;
			in_trash = true;
		} else {
			last = rule_name(share, rule_true_name(name, in_trash));
			in_trash = false;
		}
		inner += len;
		while (*inner == '/')
			inner++;
	}
	*ret_last = last;
	return before;
}
