/* SPDX-License-Identifier: ISC */
/*
 * vfs_fixture.h - a session's virtual filesystem in one process: vfs_call asks, vfs_serve answers
 * over a real socket pair, in a temporary directory. Functions do_x() ask, wait, and return the
 * errno.
 */
#ifndef TESTS_UNIT_VFS_FIXTURE_H
#define TESTS_UNIT_VFS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/account.h"
#include "conf/conf.h"
#include "server/base/ask.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/vfs/vfs.h"
#include "server/vfs/vfs_msg.h"
#include "server/vfs/vfs_serve.h"

#define RIGHTS_ALL 0x3fffu

/* One session: its own worker side and its own wire side. */
struct session_fx {
	struct vfs_serve *serve;
	struct ask *ask;
	struct vfs *vfs;
	int sock; /* the worker's end */
};

/* The last answer, with copies of what it pointed to. */
struct answer {
	bool came;
	struct vfs_reply r;
	char why[512], text[VFS_PATH_MAX];
	int fd;
	struct vfs_entry entries[2048];
	size_t entry_count;
};

static struct conf fx_conf;
static struct conf_share fx_shares[4];
static struct account fx_account;
static char fx_dir[64];
static struct session_fx fx; /* the session that do_x() speaks in */
static struct answer fx_answer;
static char fx_log[256 * 1024];

static inline void
fx_take_log(void *ctx, enum log_level level, const char *event, const char *fields)
{
	size_t len = strlen(fx_log);

	(void)ctx;
	(void)level;
	snprintf(fx_log + len, sizeof(fx_log) - len, "%s %s\n", event, fields);
}

static inline const char *
fx_path(const char *rest)
{
	static char room[8][VFS_PATH_MAX + 64];
	static int next;

	next = (next + 1) % 8;
	snprintf(room[next], sizeof(room[next]), "%s%s", fx_dir, rest);
	return room[next];
}

static inline void
fx_share(size_t i, const char *name, const char *mount, const char *sub, uint32_t rights)
{
	struct conf_share *s = &fx_shares[i];

	free(s->name);
	free(s->mount);
	free(s->path);
	memset(s, 0, sizeof(*s));
	s->name = mem_dup(name);
	s->mount = mem_dup(mount);
	s->path = mem_dup(fx_path(sub));
	s->rights = rights;
	s->rights_place.file = "test.yaml";
	s->rights_place.line = 7;
	s->file_mode = 0755;
	s->dir_mode = 0755;
	s->partial_keep_ms = 24ull * 3600 * 1000;
	if (sub[0])
		(void)mkdir(s->path, 0755);
	if (fx_conf.share_count <= i)
		fx_conf.share_count = i + 1;
}

/*
 * A directory, an account, one share over it mounted at "/". Changes to fx_shares come before
 * fx_begin.
 */
static inline int
fx_setup(void **state)
{
	(void)state;
	umask(0);
	fx_answer.fd = -1;
	memset(&fx_conf, 0, sizeof(fx_conf));
	memset(&fx_account, 0, sizeof(fx_account));
	snprintf(fx_dir, sizeof(fx_dir), "%.40s/coffer-vfs-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(fx_dir));
	assert_int_equal(chmod(fx_dir, 0755), 0);
	snprintf(fx_account.name, sizeof(fx_account.name), "anna");
	fx_account.uid = geteuid();
	fx_account.gid = getegid();
	fx_account.home = mem_dup(fx_dir);
	fx_conf.shares = fx_shares;
	fx_conf.sftp.max_handles = 16;
	fx_share(0, "main", "/", "", RIGHTS_ALL);
	fx_log[0] = '\0';
	log_to(fx_take_log, NULL);
	return 0;
}

static inline int
fx_open_session(struct session_fx *s)
{
	int ends[2], err;

	memset(s, 0, sizeof(*s));
	err = vfs_serve_new(&fx_conf, &fx_account, &s->serve);
	if (err < 0)
		return err;
	assert_int_equal(ipc_pair(ends), 0);
	s->ask = ask_new(ends[0]);
	s->sock = ends[1];
	s->vfs = vfs_new(s->ask);
	return 0;
}

static inline void
fx_close_session(struct session_fx *s)
{
	vfs_serve_free(s->serve);
	vfs_free(s->vfs);
	ask_free(s->ask);
	fd_close(&s->sock);
	memset(s, 0, sizeof(*s));
}

static inline void
fx_begin(void)
{
	assert_int_equal(fx_open_session(&fx), 0);
}

/* Tests leave directories behind that may not be entered. */
static inline int
fx_open_up(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return type == FTW_D || type == FTW_DNR ? chmod(path, 0700) : 0;
}

static inline int
fx_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int
fx_teardown(void **state)
{
	(void)state;
	if (fx.serve)
		fx_close_session(&fx);
	fd_close(&fx_answer.fd);
	for (size_t i = 0; i < fx_conf.share_count; i++) {
		free(fx_shares[i].name);
		free(fx_shares[i].mount);
		free(fx_shares[i].path);
	}
	memset(fx_shares, 0, sizeof(fx_shares));
	free(fx_account.home);
	(void)nftw(fx_dir, fx_open_up, 8, FTW_PHYS);
	return nftw(fx_dir, fx_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* Lets the worker side answer everything that was asked. */
static inline int
fx_pump(void)
{
	static uint8_t room[IPC_MESSAGE_MAX];
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err;

	assert_int_equal(ask_pump(fx.ask), 0);
	while ((err = ipc_recv(fx.sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL)) ==
	       0) {
		err = vfs_serve_message(fx.serve, fx.sock, type, id, &b);
		if (err < 0)
			return err;
	}
	assert_int_equal(err, -EAGAIN);
	assert_int_equal(ask_pump(fx.ask), 0);
	return 0;
}

static inline void
fx_on_answer(void *ctx, struct vfs_reply *reply)
{
	struct answer *a = ctx;

	a->came = true;
	a->r = *reply;
	snprintf(a->why, sizeof(a->why), "%s", reply->why);
	snprintf(a->text, sizeof(a->text), "%s", reply->text);
	fd_close(&a->fd);
	a->fd = reply->fd ? fd_give(reply->fd) : -1;
	if (reply->entries) {
		while (a->entry_count < COUNT_OF(a->entries) &&
		       vfs_entry_get(reply->entries, &a->entries[a->entry_count]))
			a->entry_count++;
		assert_int_equal(buf_done(reply->entries), 0);
	}
}

static inline int
fx_wait(int sent)
{
	if (sent < 0)
		return sent;
	fx_answer.came = false;
	assert_int_equal(fx_pump(), 0);
	assert_true(fx_answer.came);
	return fx_answer.r.err;
}

#define FX_ASK(call, ...) fx_wait(call(fx.vfs, __VA_ARGS__, fx_on_answer, &fx_answer))

static inline int
do_open(const char *path, uint32_t flags, uint64_t offset)
{
	return FX_ASK(vfs_open, path, flags, VFS_MODE_DEFAULT, offset);
}

static inline int
do_stat(const char *path)
{
	return FX_ASK(vfs_stat, path, 0);
}

static inline int
do_commit(uint32_t ticket, uint64_t bytes)
{
	return FX_ASK(vfs_commit, ticket, bytes);
}

static inline int
do_abort(uint32_t ticket, uint64_t bytes)
{
	return FX_ASK(vfs_abort, ticket, bytes, "connection-lost");
}

static inline int
do_rename(const char *from, const char *to, uint32_t flags)
{
	return FX_ASK(vfs_rename, from, to, flags);
}

/* Lists all of it into fx_answer.entries. */
static inline int
do_list(const char *path)
{
	uint32_t ticket;
	int err;

	fx_answer.entry_count = 0;
	err = FX_ASK(vfs_opendir, path, 0);
	ticket = fx_answer.r.ticket;
	while (err == 0 && !fx_answer.r.last)
		err = FX_ASK(vfs_readdir, ticket);
	if (err == 0)
		assert_int_equal(FX_ASK(vfs_closedir, ticket), 0);
	return err;
}

static inline const struct vfs_entry *
fx_entry(const char *name)
{
	for (size_t i = 0; i < fx_answer.entry_count; i++) {
		if (strcmp(fx_answer.entries[i].name, name) == 0)
			return &fx_answer.entries[i];
	}
	return NULL;
}

/* Writes the text at the offset that open gave, closes, keeps the ticket. */
static inline uint32_t
fx_send(const char *text)
{
	uint32_t ticket = fx_answer.r.ticket;
	uint64_t at = fx_answer.r.offset;

	if (fx_answer.r.needs_begin) {
		int fd = fx_answer.fd;

		fx_answer.fd = -1;
		assert_int_equal(FX_ASK(vfs_begin, ticket), 0);
		fx_answer.fd = fd;
	}
	assert_true(fx_answer.fd >= 0);
	assert_int_equal(fd_pwrite_full(fx_answer.fd, text, strlen(text), at), 0);
	fd_close(&fx_answer.fd);
	return ticket;
}

#define STOR (VFS_OPEN_WRITE | VFS_OPEN_CREATE | VFS_OPEN_TRUNC | VFS_OPEN_STREAM)
#define APPE (VFS_OPEN_WRITE | VFS_OPEN_CREATE | VFS_OPEN_APPEND | VFS_OPEN_STREAM)
#define REST (VFS_OPEN_WRITE | VFS_OPEN_CREATE | VFS_OPEN_RESUME | VFS_OPEN_STREAM)
#define SFTP_PUT (VFS_OPEN_WRITE | VFS_OPEN_CREATE | VFS_OPEN_TRUNC)

/* A whole upload. */
static inline int
do_put(const char *path, uint32_t flags, uint64_t offset, const char *text)
{
	int err = do_open(path, flags, offset);

	return err < 0 ? err : do_commit(fx_send(text), strlen(text));
}

/* One that breaks after the text was written. */
static inline int
do_break(const char *path, uint32_t flags, uint64_t offset, const char *text)
{
	int err = do_open(path, flags, offset);

	return err < 0 ? err : do_abort(fx_send(text), strlen(text));
}

/* Makes a real file. */
static inline void
fx_write(const char *rest, const char *text)
{
	FILE *f = fopen(fx_path(rest), "we");

	assert_non_null(f);
	assert_int_equal(fputs(text, f) < 0, 0);
	assert_int_equal(fclose(f), 0);
}

/* The content of a real file; "<none>" when it is not there. */
static inline const char *
fx_read(const char *rest)
{
	static char room[4][4096];
	static int next;
	FILE *f = fopen(fx_path(rest), "re");
	size_t n;

	next = (next + 1) % 4;
	if (!f)
		return "<none>";
	n = fread(room[next], 1, sizeof(room[next]) - 1, f);
	room[next][n] = '\0';
	fclose(f);
	return room[next];
}

/* Hidden files of uploads in a real directory. */
static inline size_t
fx_hidden(const char *rest)
{
	DIR *d = opendir(fx_path(rest));
	struct dirent *e;
	size_t count = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		count += strncmp(e->d_name, ".coffer-", 8) == 0;
	closedir(d);
	return count;
}

#define FX_TEST(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)

#endif
