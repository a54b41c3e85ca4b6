/* SPDX-License-Identifier: ISC */
/*
 * ctl_explain.c - `cofferctl explain`: may this user do that, and which line of the configuration
 * says so. It asks the code that decides in a session (share, rule, place). What the kernel thinks
 * of owner and mode of the file is its own matter and is said beside it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/rights.h"
#include "server/base/fd.h"
#include "server/base/net.h"
#include "server/base/text.h"
#include "server/ctl.h"
#include "server/vfs/place.h"
#include "server/vfs/share.h"
#include "server/vfs/world.h"

/* What an operation takes. makes: its path need not exist. */
static const struct op {
	const char *name;
	uint32_t rights;
	bool makes;
	const char *commands;
} ops[] = {
	{ "list", RIGHT_LIST, false, "MLSD LIST NLST, OPENDIR" },
	{ "read", RIGHT_READ, false, "RETR, OPEN for reading" },
	{ "create", RIGHT_CREATE, true, "STOR of a new file, OPEN with CREAT" },
	{ "overwrite", RIGHT_OVERWRITE, false, "STOR over a file, OPEN for writing, truncate" },
	{ "append", RIGHT_APPEND, false, "APPE" },
	{ "rename", RIGHT_RENAME, false, "RNFR, RENAME" },
	{ "delete", RIGHT_DELETE, false, "DELE, REMOVE" },
	{ "mkdir", RIGHT_MKDIR, true, "MKD, MKDIR" },
	{ "rmdir", RIGHT_RMDIR, false, "RMD, RMDIR" },
	{ "chmod", RIGHT_CHMOD, false, "SITE CHMOD, SETSTAT" },
	{ "times", RIGHT_TIMES, false, "MFMT, SETSTAT" },
	{ "symlink", RIGHT_SYMLINK, true, "SITE SYMLINK, SYMLINK" },
	{ "link", RIGHT_LINK, false, "hardlink@openssh.com" },
	{ "trash", RIGHT_TRASH, false, "to see .coffer-trash" },
};

/* What people say instead: put is to create what is not there, and to overwrite what is. */
static const struct {
	const char *name, *old, *missing;
} aliases[] = {
	{ "get", "read", "read" },
	{ "put", "overwrite", "create" },
};

struct question {
	const char *user, *path, *op, *file, *protocol, *addr;
};

static void
print_place(const struct conf_place *place)
{
	if (place->line)
		printf("  rule: %s:%u:%u\n", place->file, place->line, place->column);
	else
		printf("  rule: a default (nothing is written about it)\n");
}

static void
print_rights(const char *what, uint32_t rights)
{
	char room[256];
	struct text t;

	text_init(&t, room, sizeof(room));
	rights_put(&t, rights);
	printf("  %s: %s\n", what, t.at);
}

/* What lies there, for the one thing that no rule knows. */
static void
print_kernel(struct world *w, struct place *p)
{
	FD_OWN int fd = -1;
	struct stat st;
	int err = place_look(w, p, true, &fd, &st);

	if (err < 0)
		printf("  there: %s%s%s\n", strerror(-err), w->why_room[0] ? ", " : "",
		       w->why_room);
	else
		printf("  there: %s of uid %u, gid %u, mode %04o; the session has uid %u, gid %u, "
		       "which the kernel looks at too\n",
		       S_ISDIR(st.st_mode)   ? "a directory"
		       : S_ISREG(st.st_mode) ? "a file"
					     : "something",
		       st.st_uid, st.st_gid, st.st_mode & 07777, w->account->uid, w->account->gid);
}

/* One operation. Returns whether it is allowed. */
static bool
judge(struct world *w, const char *path, const struct op *op, bool all)
{
	struct place *p = &w->here;
	int err;

	w->why_room[0] = '\0';
	err = place_find(w, path, op->makes ? PLACE_NEW : PLACE_OLD, p);
	if (err == 0 && p->share && !p->is_mount) {
		FD_OWN int fd = -1;
		struct stat st;
		int seen = place_look(w, p, true, &fd, &st); /* a link moves the place */

		if (seen == -EACCES || seen == -ELOOP)
			err = seen;
		else
			w->why_room[0] = '\0';
	}
	if (err == 0 && !p->share)
		err = op->rights == RIGHT_LIST
			  ? 0
			  : world_why(w, -EACCES, "this directory only leads to shares");
	else if (err == 0)
		err = world_need(w, p, op->rights);
	if (all) {
		printf("  %-10s %s  (%s)\n", op->name, err == 0 ? "yes" : "no ", op->commands);
		return err == 0;
	}
	printf("%s: %s%s%s\n", op->name, err == 0 ? "allowed" : "refused",
	       w->why_room[0] ? ": "
	       : err < 0      ? ": "
			      : "",
	       w->why_room[0] ? w->why_room
	       : err < 0      ? strerror(-err)
			      : "");
	return err == 0;
}

static void
print_where(struct world *w, const char *path)
{
	struct place *p = &w->here;
	int err;

	w->why_room[0] = '\0';
	err = place_find(w, path, PLACE_OLD, p);
	printf("  path: %s\n", p->path);
	if (p->share) {
		printf("  share: %s (%s:%u), mounted at %s, which is %s\n", p->share->conf->name,
		       p->share->conf->place.file, p->share->conf->place.line,
		       p->share->conf->mount, p->share->path);
		if (err == 0)
			print_kernel(w, p);
		else
			printf("  names: %s\n",
			       w->why_room[0]
				   ? w->why_room
				   : "one of them is hidden (hide), so nothing is there");
		if (p->inner == p->room)
			printf("  a link leads to: %s\n", p->inner);
		print_rights("rights", p->rights);
		print_place(p->rule ? p->rule : &p->share->conf->rights_place);
	} else if (p->is_above_mount) {
		printf("  no share: the directory is there because shares are mounted below it\n");
	} else {
		printf("  no share of %s is there\n", w->account->name);
	}
}

static const struct op *
find_op(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(ops); i++) {
		if (strcmp(ops[i].name, name) == 0)
			return &ops[i];
	}
	return NULL;
}

/* Is something there, as far as the session sees? */
static bool
is_there(struct world *w, const char *path)
{
	struct place *p = &w->here;
	FD_OWN int fd = -1;
	struct stat st;

	return place_find(w, path, PLACE_OLD, p) == 0 && p->share &&
	       place_look(w, p, true, &fd, &st) == 0;
}

static int
explain(const struct question *q, const struct conf *conf)
{
	const struct op *op = NULL;
	const char *missing = NULL;
	struct account account;
	struct world *w;
	bool comes = true;
	int status = 1;

	op = q->op ? find_op(q->op) : NULL;
	for (size_t i = 0; q->op && i < COUNT_OF(aliases); i++) {
		if (strcmp(aliases[i].name, q->op) == 0) {
			op = find_op(aliases[i].old);
			missing = aliases[i].missing;
		}
	}
	if (q->op && !op) {
		fprintf(stderr, "cofferctl: no operation is called \"%s\": they are called", q->op);
		for (size_t i = 0; i < COUNT_OF(ops); i++)
			fprintf(stderr, " %s", ops[i].name);
		for (size_t i = 0; i < COUNT_OF(aliases); i++)
			fprintf(stderr, " %s", aliases[i].name);
		fprintf(stderr, "\n");
		return 2;
	}
	if (ctl_account(conf, q->user, &account) < 0)
		return 1;
	if (!q->path || q->addr || q->protocol)
		comes = ctl_explain_login(conf, &account, q->protocol, q->addr);
	if (!q->path) {
		account_clear(&account);
		return !comes;
	}
	w = mem_new(1, sizeof(*w));
	w->conf = conf;
	w->account = &account;
	if (share_open_all(conf, &account, &w->shares) < 0) {
		printf("refused: %s gets no share that can be opened\n", account.name);
	} else if (op) {
		if (missing && !is_there(w, q->path))
			op = find_op(missing);
		status = !judge(w, q->path, op, false) || !comes;
		print_where(w, q->path);
	} else {
		print_where(w, q->path);
		for (size_t i = 0; i < COUNT_OF(ops); i++)
			(void)judge(w, q->path, &ops[i], true);
		status = !comes;
	}
	share_close_all(&w->shares);
	free(w);
	account_clear(&account);
	return status;
}

int
ctl_explain(int argc, char *argv[])
{
	struct question q = { .file = CTL_CONF };
	const struct ctl_option options[] = {
		{ "config", 'c', &q.file }, { "user", 0, &q.user },	 { "path", 0, &q.path },
		{ "op", 0, &q.op },	    { "proto", 0, &q.protocol }, { "addr", 0, &q.addr },
	};
	struct conf *conf;
	int status;

	if (!ctl_options(argc, argv, options, COUNT_OF(options)))
		return ctl_usage("explain");
	if (optind != argc || !q.user || (!q.path && q.op) ||
	    (q.protocol && strcmp(q.protocol, "ftps") != 0 && strcmp(q.protocol, "sftp") != 0) ||
	    (q.addr && (strchr(q.addr, '/') || !net_is_network(q.addr))))
		return ctl_usage("explain");
	if (conf_load(q.file, ctl_complain, NULL, &conf) < 0)
		return 1;
	for (size_t i = 0; i < conf->share_count; i++)
		conf->shares[i].create = false; /* asking makes nothing */
	status = explain(&q, conf);
	conf_free(conf);
	return status;
}
