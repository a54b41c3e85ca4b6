/* SPDX-License-Identifier: ISC */
/*
 * load.c - files to a configuration: the main file, then conf.d beside it, laid over one another.
 * Distrusts: files that somebody else could have written. Touches nothing but these files.
 */
#include "conf/conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/build.h"
#include "conf/trust.h"
#include "conf/origin.h"
#include "conf/report.h"
#include "conf/tree.h"
#include "server/base/fail.h"
#include "server/base/fd.h"

#define LOAD_FILE_MAX ((size_t)1 << 20)
#define LOAD_DROP_INS_MAX 256

/*
 * name must live as long as the configuration. Returns 0 and a tree, or -EINVAL after a complaint.
 */
static int
read_tree(const char *name, struct report *r, struct tree **ret_tree)
{
	struct conf_place place = { .file = name };
	char storage[256], *bytes;
	FD_OWN int fd = -1;
	struct text why;
	size_t len;
	int err;

	text_init(&why, storage, sizeof(storage));
	if (trust_open(name, TRUST_OTHERS_WRITE, &why, &fd) < 0) {
		report_error(r, &place, "the file %s", why.at);
		return -EINVAL;
	}
	err = fd_read_file(fd, LOAD_FILE_MAX, &bytes, &len);
	if (err < 0) {
		report_error(r, &place, "the file %s",
			     err == -EFBIG ? "is larger than 1 MiB" : strerror(-err));
		return -EINVAL;
	}
	err = tree_parse(name, bytes, len, r, ret_tree);
	free(bytes);
	return err;
}

static bool
is_drop_in(const char *name)
{
	size_t len = strlen(name), tail = sizeof(".yaml") - 1;

	return name[0] != '.' && len > tail && strcmp(name + len - tail, ".yaml") == 0;
}

static int
compare_names(const void *a, const void *b)
{
	char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/*
 * The names in the directory, sorted. Complains itself; what it could not read is not among them.
 */
static size_t
list_drop_ins(const char *path, struct report *r, char **names)
{
	struct conf_place place = { .file = path };
	DIR *dir = opendir(path);
	char storage[256];
	struct dirent *entry;
	struct text why;
	struct stat st;
	size_t count = 0;

	if (!dir) {
		if (errno != ENOENT)
			report_error(r, &place, "the directory cannot be opened: %s",
				     strerror(errno));
		return 0;
	}
	text_init(&why, storage, sizeof(storage));
	if (fstat(dirfd(dir), &st) < 0 || trust_check(&st, TRUST_OTHERS_WRITE, &why) < 0)
		report_error(r, &place, "the directory %s", why.at);
	while ((entry = readdir(dir))) {
		if (!is_drop_in(entry->d_name))
			continue;
		if (count == LOAD_DROP_INS_MAX) {
			report_error(r, &place, "there are more than %d files", LOAD_DROP_INS_MAX);
			break;
		}
		names[count++] = mem_dup(entry->d_name);
	}
	closedir(dir);
	qsort(names, count, sizeof(*names), compare_names);
	return count;
}

/* Lays the drop-ins over the tree. broken: one of them could not be read as YAML. */
static void
merge_drop_ins(struct conf *conf, struct tree *root, struct report *r, bool *broken)
{
	const char *slash = strrchr(conf->file, '/');
	int dir_len = slash ? (int)(slash - conf->file + 1) : 0;
	char **names = mem_new(LOAD_DROP_INS_MAX, sizeof(*names)), *dir, *path;
	size_t count;

	if (asprintf(&dir, "%.*sconf.d", dir_len, conf->file) < 0)
		die("out of memory");
	count = list_drop_ins(dir, r, names);
	for (size_t i = 0; i < count; i++) {
		struct tree *over;

		if (asprintf(&path, "%s/%s", dir, names[i]) < 0)
			die("out of memory");
		if (read_tree(origin_file(conf, path), r, &over) < 0)
			*broken = true;
		else
			tree_merge(root, over);
		free(path);
		free(names[i]);
	}
	free(dir);
	free(names);
}

/* The whole is there: does it serve anything? */
static void
check_whole(const struct conf *conf, struct report *r)
{
	const struct conf_place place = { .file = conf->file };

	if (conf->listener_count == 0)
		report_error(
		    r, &place,
		    "there are no listeners: write at least one, such as \"listeners: { sftp: "
		    "{ protocol: sftp, port: 2222 } }\"");
	if (conf->listener_count > CONF_LISTENERS_MAX)
		report_error(r, &conf->listeners[CONF_LISTENERS_MAX].place,
			     "listeners: there are %zu, and %d is the most", conf->listener_count,
			     CONF_LISTENERS_MAX);
	if (conf->share_count == 0)
		report_error(
		    r, &place,
		    "there are no shares, so nobody would see a file: write at least one, such as "
		    "\"shares: { files: { path: /srv/files } }\"");
}

/* Ends a load: fills conf from root, which is used up, and hands it out or frees it. */
static int
finish(struct conf *conf, struct tree *root, struct report *r, struct conf **ret_conf)
{
	if (root) {
		build_fill(conf, root, r);
		check_whole(conf, r);
	}
	tree_free(root);
	if (r->errors > 0) {
		conf_free(conf);
		return -EINVAL;
	}
	*ret_conf = conf;
	return 0;
}

int
conf_load(const char *file, conf_complain_fn *complain, void *ctx, struct conf **ret_conf)
{
	struct conf *conf = mem_new(1, sizeof(*conf));
	struct tree *root = NULL;
	struct report report;
	bool broken = false;

	report_init(&report, complain, ctx);
	conf->file = origin_file(conf, file);
	if (read_tree(conf->file, &report, &root) == 0)
		merge_drop_ins(conf, root, &report, &broken);
	/* Half of a configuration would be told that it lacks the other half. */
	if (broken) {
		tree_free(root);
		root = NULL;
	}
	return finish(conf, root, &report, ret_conf);
}

int
conf_load_text(const char *name, const char *bytes, size_t len, conf_complain_fn *complain,
	       void *ctx, struct conf **ret_conf)
{
	struct conf *conf = mem_new(1, sizeof(*conf));
	struct tree *root = NULL;
	struct report report;

	report_init(&report, complain, ctx);
	conf->file = origin_file(conf, name);
	if (tree_parse(conf->file, bytes, len, &report, &root) < 0)
		root = NULL;
	return finish(conf, root, &report, ret_conf);
}
