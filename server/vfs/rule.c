/* SPDX-License-Identifier: ISC */
/* rule.c - the configuration's rules applied to paths and names. No file is asked. */
#include "server/vfs/rule.h"

#include <fnmatch.h>
#include <string.h>

#include "server/vfs/vfs.h"

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

uint32_t
rule_rights(const struct conf_share *share, const char *inner, const struct conf_place **ret_place)
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

bool
rule_stands_below(const struct conf_share *share, const char *inner)
{
	size_t inner_len = strlen(inner);

	for (size_t i = 0; i < share->rule_count; i++) {
		size_t len;
		const char *path = rule_inner(&share->rules[i], &len);

		if (inner_len == 0 || (len >= inner_len && strncmp(path, inner, inner_len) == 0 &&
				       (len == inner_len || path[inner_len] == '/')))
			return true;
	}
	return false;
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
	if (name[0] == '.' && strncmp(name, RULE_OUR_PREFIX, strlen(RULE_OUR_PREFIX)) == 0)
		return RULE_NAME_HIDDEN;
	if (share->hide.count && matches(&share->hide, name))
		return RULE_NAME_HIDDEN;
	if (share->deny.count && matches(&share->deny, name))
		return RULE_NAME_DENIED;
	return has_control(name) ? RULE_NAME_ODD : RULE_NAME_OK;
}

enum rule_name
rule_path(const struct conf_share *share, const char *inner, enum rule_name *ret_last)
{
	enum rule_name before = RULE_NAME_OK, last = RULE_NAME_OK;

	while (*inner) {
		size_t len = (size_t)(strchrnul(inner, '/') - inner);
		char name[VFS_NAME_MAX];

		if (last == RULE_NAME_HIDDEN || (last == RULE_NAME_DENIED && !before))
			before = last;
		if (len >= sizeof(name))
			return RULE_NAME_HIDDEN; /* there is no such name */
		memcpy(name, inner, len);
		name[len] = '\0';
		last = rule_name(share, name);
		inner += len;
		while (*inner == '/')
			inner++;
	}
	*ret_last = last;
	return before;
}
