/* SPDX-License-Identifier: ISC */
/* ctl_group.c - `cofferctl group`: the groups file. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/groups.h"
#include "auth/lines.h"
#include "server/base/text.h"
#include "server/ctl.h"

struct request {
	const char *file, *conf, *gid, *name, *user;
};

static int
fail(const struct request *r, int err)
{
	if (err == -ENOENT)
		fprintf(stderr, "cofferctl: there is no group \"%s\" in %s\n", r->name, r->file);
	else
		fprintf(stderr, "cofferctl: %s: %s\n", r->file,
			err == -EPERM
			    ? "the file must belong to root or to you, and nobody else may write it"
			: err == -EINVAL ? "a name has 1 to 64 letters, digits and _ . @ + -"
					 : strerror(-err));
	return 1;
}

static int
group_add(const struct request *r)
{
	struct group_line g = { .members = (char[]) { "" } };
	int err = groups_find(r->file, r->name, &g);
	uint64_t gid;

	if (err == 0) {
		free(g.members);
		fprintf(stderr, "cofferctl: \"%s\" is in %s already\n", r->name, r->file);
		return 1;
	}
	if (err != -ENOENT)
		return fail(r, err);
	g = (struct group_line) { .members = (char[]) { "" } };
	if (r->gid && (num_u64(r->gid, UINT32_MAX - 1, &gid) < 0 || gid == 0)) {
		fputs("cofferctl: --gid takes a number above 0\n", stderr);
		return 1;
	}
	if (r->gid) {
		g.has_gid = true;
		g.gid = (gid_t)gid;
	}
	err = text_copy(g.name, sizeof(g.name), r->name) < 0 ? -EINVAL : groups_set(r->file, &g);
	return err < 0 ? fail(r, err) : 0;
}

static int
group_del(const struct request *r)
{
	int err = groups_delete(r->file, r->name);

	return err < 0 ? fail(r, err) : 0;
}

/* The members without this one, and with him at the end if he joins. The caller's. */
static char *
members_with(const struct group_line *g, const char *user, bool joins)
{
	size_t size = strlen(g->members) + strlen(user) + 2;
	char *made = mem_new(1, size), *rest = g->members, *one;
	struct text t;

	text_init(&t, made, size);
	while (*g->members && (one = strsep(&rest, ",")))
		if (*one && strcmp(one, user) != 0)
			text_printf(&t, "%s%s", t.len ? "," : "", one);
	if (joins)
		text_printf(&t, "%s%s", t.len ? "," : "", user);
	return made;
}

static int
change(const struct request *r, bool joins)
{
	struct group_line g;
	char *old;
	int err;

	if (!account_name_ok(r->user))
		return fail(r, -EINVAL);
	err = lines_hold(r->file);
	if (err == 0)
		err = groups_find(r->file, r->name, &g);
	if (err < 0)
		return fail(r, err);
	old = g.members;
	g.members = members_with(&g, r->user, joins);
	free(old);
	err = groups_set(r->file, &g);
	free(g.members);
	return err < 0 ? fail(r, err) : 0;
}

static int
group_join(const struct request *r)
{
	return change(r, true);
}

static int
group_leave(const struct request *r)
{
	return change(r, false);
}

static void
print_group(void *ctx, const struct group_line *g)
{
	(void)ctx;
	printf("%-20s ", g->name);
	if (g->has_gid)
		printf("gid=%lu ", (unsigned long)g->gid);
	printf("%s\n", *g->members ? g->members : "-");
}

static int
group_list(const struct request *r)
{
	int err = groups_each(r->file, print_group, ctl_complain, NULL);

	return err < 0 ? fail(r, err) : 0;
}

static const struct action {
	const char *name;
	int (*run)(const struct request *r);
	int words;
} actions[] = {
	{ "add", group_add, 2 },     { "del", group_del, 2 },	{ "join", group_join, 3 },
	{ "leave", group_leave, 3 }, { "list", group_list, 1 },
};

int
ctl_group(int argc, char *argv[])
{
	struct request r = { .conf = CTL_CONF };
	const struct ctl_option options[] = {
		{ "file", 'f', &r.file },
		{ "config", 'c', &r.conf },
		{ "gid", 0, &r.gid },
	};
	const struct action *action = NULL;

	if (!ctl_options(argc, argv, options, COUNT_OF(options)))
		return ctl_usage("group");
	for (size_t i = 0; optind < argc && i < COUNT_OF(actions); i++)
		if (strcmp(argv[optind], actions[i].name) == 0)
			action = &actions[i];
	if (!action || argc - optind != action->words)
		return ctl_usage("group");
	r.name = action->words > 1 ? argv[optind + 1] : NULL;
	r.user = action->words > 2 ? argv[optind + 2] : NULL;
	if (!r.file)
		r.file =
		    ctl_file(r.conf, offsetof(struct conf, auth.groups_file), "auth.groups-file");
	return r.file ? action->run(&r) : 1;
}
