/* SPDX-License-Identifier: ISC */
/*
 * groups.c - the groups file: read by monitor when somebody of the users file logs in, changed by
 * cofferctl.
 */
#include "auth/groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/lines.h"

/*
 * Names with commas between, and nothing else: a blank that somebody put behind a comma, as the
 * system's group(5) allows, would make another name of it, and no rule would find the member.
 */
static bool
members_ok(const char *members)
{
	char name[ACCOUNT_NAME_MAX];
	size_t len;

	for (; *members; members += len + (members[len] == ',')) {
		len = strcspn(members, ",");
		if (len >= sizeof(name))
			return false;
		memcpy(name, members, len);
		name[len] = '\0';
		if (len > 0 && !account_name_ok(name))
			return false;
	}
	return true;
}

/* Takes a line apart, which is changed; members points into it. Returns NULL, or what is wrong. */
static const char *
parse(char *line, struct group_line *ret)
{
	struct group_line g = { 0 };
	char *rest = line;
	const char *gid;
	uint32_t id = 0;

	if (lines_text(g.name, sizeof(g.name), strsep(&rest, ":")) < 0 || !account_name_ok(g.name))
		return "the name is not one that a group can have";
	if (!strsep(&rest, ":") || !(gid = strsep(&rest, ":")))
		return "a group has four fields: name:x:gid:members";
	g.has_gid = *gid != '\0';
	if (g.has_gid && (lines_id(gid, &id) < 0 || id == 0))
		return "the gid (third field) is not a number above 0, and not empty";
	g.gid = id;
	g.members = strsep(&rest, ":");
	if (!g.members || rest)
		return "a group has four fields: name:x:gid:members";
	if (!members_ok(g.members))
		return "the members (fourth field) are names with commas between, without blanks";
	*ret = g;
	return NULL;
}

bool
groups_has(const struct group_line *group, const char *user)
{
	size_t len = strlen(user);

	for (const char *at = group->members; *at; at += strcspn(at, ","), at += *at == ',')
		if (strcspn(at, ",") == len && strncmp(at, user, len) == 0)
			return true;
	return false;
}

/* A group of the file becomes one of the account. */
static int
give(struct account *a, const struct group_line *g)
{
	bool has = !g->has_gid;

	for (size_t i = 0; i < a->group_count && !has; i++)
		has = a->groups[i] == g->gid;
	if (!has && a->group_count == ACCOUNT_GROUPS_MAX)
		return -E2BIG;
	if (!has)
		a->groups[a->group_count++] = g->gid;
	account_add_group_name(a, g->name, g->has_gid ? g->gid : ACCOUNT_NO_GID);
	return 0;
}

/* The file, a line at a time. */
struct reading {
	char *bytes, *rest;
	unsigned int line;
	const char *about; /* a name, or NULL */
	bool mentions;	   /* it stands somewhere in this line */
	const char *fault; /* what is wrong with this line, or NULL: it is */
	struct group_line group;
};

/* Returns 0 or -errno. When 0, bytes are the caller's to free. */
static int
reading_start(struct reading *r, const char *file, const char *about)
{
	struct stat st;
	size_t len;
	int err;

	*r = (struct reading) { .about = about };
	err = lines_read(file, &r->bytes, &len, &st);
	r->rest = r->bytes;
	return err;
}

/* Goes to the next line that is to say something. False: there is none. */
static bool
reading_next(struct reading *r)
{
	char *line;

	while ((line = lines_next(&r->rest))) {
		r->line++;
		if (*line == '\0' || *line == '#')
			continue;
		r->mentions = r->about && strstr(line, r->about);
		r->fault = parse(line, &r->group);
		return true;
	}
	return false;
}

int
groups_add(const char *file, struct account *account)
{
	struct reading r;
	int err = reading_start(&r, file, account->name);

	if (err < 0)
		return err;
	while (err == 0 && reading_next(&r)) {
		if (r.fault)
			err = r.mentions ? -EBADMSG : 0; /* it may be one that keeps him out */
		else if (groups_has(&r.group, account->name))
			err = give(account, &r.group);
	}
	free(r.bytes);
	return err;
}

int
groups_each(const char *file, groups_each_fn *each, conf_complain_fn *complain, void *ctx)
{
	struct conf_place place = { .file = file, .column = 1 };
	struct reading r;
	int err = reading_start(&r, file, NULL);

	if (err < 0)
		return err;
	while (reading_next(&r)) {
		place.line = r.line;
		if (!r.fault)
			each(ctx, &r.group);
		else if (complain)
			complain(ctx, &place, r.fault);
	}
	free(r.bytes);
	return 0;
}

int
groups_find(const char *file, const char *name, struct group_line *ret)
{
	struct reading r;
	int err = reading_start(&r, file, NULL);

	if (err < 0)
		return err;
	err = -ENOENT;
	while (err == -ENOENT && reading_next(&r))
		if (!r.fault && strcmp(r.group.name, name) == 0)
			err = 0;
	if (err == 0) {
		r.group.members = mem_dup(r.group.members);
		*ret = r.group;
	}
	free(r.bytes);
	return err;
}

int
groups_set(const char *file, const struct group_line *group)
{
	char *storage;
	struct text line;
	size_t size = strlen(group->members) + LINES_MAX;
	int err = 0;

	if (!account_name_ok(group->name) || !members_ok(group->members))
		return -EINVAL;
	storage = mem_new(1, size);
	text_init(&line, storage, size);
	text_printf(&line, "%s:x:", group->name);
	if (group->has_gid)
		text_printf(&line, "%lu", (unsigned long)group->gid);
	text_printf(&line, ":%s\n", group->members);
	err = line.cut ? -ENOSPC : lines_change(file, group->name, &line);
	free(storage);
	return err;
}

int
groups_delete(const char *file, const char *name)
{
	return account_name_ok(name) ? lines_change(file, name, NULL) : -ENOENT;
}
