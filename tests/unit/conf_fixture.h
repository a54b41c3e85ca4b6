/* SPDX-License-Identifier: ISC */
/*
 * conf_fixture.h - a configuration is loaded, and all complaints are heard; from text, or from
 * files in a directory that is made for a test and removed again.
 */
#ifndef TESTS_UNIT_CONF_FIXTURE_H
#define TESTS_UNIT_CONF_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "server/base/fd.h"

/* The least that is a configuration; 2 lines. */
#define LEAST                                                   \
	"listeners: { sftp: { protocol: sftp, port: 2222 } }\n" \
	"shares: { files: { path: /srv/files } }\n"

/* Complaints, one "file:line:column: text" a line. */
struct heard {
	char text[32768];
	size_t len;
};

static inline void
hear(void *ctx, const struct conf_place *place, const char *text)
{
	struct heard *h = ctx;
	int n = snprintf(h->text + h->len, sizeof(h->text) - h->len, "%s:%u:%u: %s\n",
			 place->file ? place->file : "-", place->line, place->column, text);

	assert_true(n > 0 && (size_t)n < sizeof(h->text) - h->len);
	h->len += (size_t)n;
}

static struct heard heard;

static inline int
load(const char *text, struct conf **ret_conf)
{
	heard = (struct heard) { .len = 0 };
	return conf_load_text("c.yaml", text, strlen(text), hear, &heard, ret_conf);
}

static inline struct conf *
load_good(const char *text)
{
	struct conf *conf = NULL;

	if (load(text, &conf) < 0)
		print_error("%s", heard.text);
	assert_non_null(conf);
	assert_string_equal(heard.text, "");
	return conf;
}

static inline size_t
count_lines(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* ---- a directory for files ---- */

static char dir[64];

static inline int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/coffer-conf-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static inline int
remove_dir(void **state)
{
	static const char *const names[] = { "coffer.yaml",
					     "key",
					     "cert",
					     "users",
					     "conf.d/10-a.yaml",
					     "conf.d/20-b.yaml",
					     "conf.d/.hidden.yaml",
					     "conf.d/note.txt" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/conf.d", dir);
	rmdir(path);
	return rmdir(dir);
}

static inline const char *
put(const char *name, const char *text, mode_t mode)
{
	static char path[128];
	FD_OWN int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path); /* the last one may have been read-only, and we need not be root */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_full(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	return path;
}

/* A test that puts files there. */
#define FILES(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

#endif
