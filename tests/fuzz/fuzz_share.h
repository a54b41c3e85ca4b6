/* SPDX-License-Identifier: ISC */
/*
 * fuzz_share.h - a share of some kind in memory, a directory beside it that must stay as it is, and
 * the bytes of a fuzzer as a program: byte() and number() are its next words.
 */
#ifndef TESTS_FUZZ_FUZZ_SHARE_H
#define TESTS_FUZZ_FUZZ_SHARE_H

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/account.h"
#include "conf/conf.h"
#include "server/base/buf.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/vfs/vfs.h"

#define SECRET "beside the share"

/* Shares of many kinds over the same directory; a program begins with the number of one. */
static const char *const kinds[] = {
	"rights: [ read-write, symlink, link, trash ], symlinks: inside",
	"rights: read-write, upload: direct, quota-bytes: 64k, quota-files: 12",
	"rights: [ read-write, symlink, link, trash ], trash: 30d, versions: 2, quota-bytes: 64k, "
	"quota-files: 40",
	"rights: [ read-write, symlink, link, trash ], trash: 30d, versions: 1, upload: direct, "
	"durable: yes",
	"rights: read-write, hide: [ \"h*\" ], deny: [ \"*.x\" ], paths: { /a/b: read-only, /c: "
	"drop-box }",
	"rights: drop-box, versions: 2",
	"rights: append-only, symlinks: never, max-file-size: 5000",
};

static struct conf *confs[COUNT_OF(kinds)];
static struct account account;
static char top[64];
static struct stat beside;

/* What is left of it. */
static const uint8_t *program;
static size_t left;

static inline const char *
under_top(const char *rest)
{
	static char room[4][VFS_PATH_MAX];
	static unsigned int next;

	next = (next + 1) % COUNT_OF(room);
	snprintf(room[next], sizeof(room[next]), "%s%s", top, rest);
	return room[next];
}

static inline void
complain(void *ctx, const struct conf_place *place, const char *text)
{
	(void)ctx;
	fprintf(stderr, "%u:%u: %s\n", place->line, place->column, text);
}

static inline void
no_log(void *ctx, enum log_level level, const char *event, const char *fields)
{
	(void)ctx, (void)level, (void)event, (void)fields;
}

static inline int
delete_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline int
open_up(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)ftw;
	return type == FTW_D || type == FTW_DNR ? chmod(path, 0700) : 0;
}

/* A session may have closed directories to its own user. */
static inline int
delete_below(const char *path)
{
	(void)nftw(path, open_up, 8, FTW_PHYS);
	return nftw(path, delete_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void
delete_all(void)
{
	(void)delete_below(top);
}

static inline void
write_file(const char *rest, const char *text)
{
	FD_OWN int fd = open(under_top(rest), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert(fd >= 0 && fd_write_full(fd, text, strlen(text)) == 0);
}

static inline void
begin_all(void)
{
	const struct rlimit small = { 1 << 20, 1 << 20 };
	char text[2048];

	snprintf(top, sizeof(top), "%s/coffer-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert(mkdtemp(top));
	atexit(delete_all);
	umask(0);
	signal(SIGXFSZ, SIG_IGN);
	assert(setrlimit(RLIMIT_FSIZE, &small) == 0);
	assert(mkdir(under_top("/beside"), 0755) == 0);
	write_file("/beside/secret", SECRET);
	assert(stat(under_top("/beside"), &beside) == 0);
	snprintf(account.name, sizeof(account.name), "anna");
	account.uid = geteuid();
	account.gid = getegid();
	account.home = top;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		snprintf(text, sizeof(text),
			 "mode: personal\n"
			 "state-dir: %s/state%zu\nrun-dir: %s\n"
			 "listeners: { sftp: { protocol: sftp, port: 2222 } }\n"
			 "sftp: { max-handles: 8, max-channels: 3, scp: yes }\n"
			 "ftps: { active: yes, recursive-lists: yes }\n"
			 "shares: { main: { path: %s/share, mount: /, %s } }\n",
			 top, i, top, top, kinds[i]);
		assert(conf_load_text("fuzz", text, strlen(text), complain, NULL, &confs[i]) == 0);
		assert(mkdir(confs[i]->state_dir, 0700) == 0);
	}
	log_to(no_log, NULL);
}

static inline uint8_t
byte(void)
{
	if (left == 0)
		return 0;
	left--;
	return *program++;
}

static inline uint64_t
number(void)
{
	static const uint64_t odd[] = { 0,	    1,	       2,	   4,	       7,
					8,	    4095,      4096,	   65536,      1 << 20,
					0xffffffff, INT64_MAX, UINT64_MAX, 1ull << 63, 1ull << 32 };
	uint8_t choice = byte();
	uint64_t n = 0;

	if (choice < COUNT_OF(odd))
		return odd[choice];
	if (choice < 0xf0)
		return choice - COUNT_OF(odd);
	for (int i = choice & 7; i >= 0; i--)
		n = n << 8 | byte();
	return n;
}

static inline void
put_path(struct buf *b)
{
	static const char *const names[] = {
		"a",
		"b",
		"c",
		"f",
		"g",
		"..",
		".",
		"",
		"out",
		"in",
		"loop",
		"pipe",
		"hid",
		"no.x",
		".coffer-trash",
		"v01~f",
		".coffer-part~0~f",
		".coffer-kept~anna~0~f",
		"a\nb",
		"\xff",
		"*",
		"[a-c]?*",
	};
	char room[VFS_PATH_MAX + 64];
	uint8_t steps = byte();
	size_t n = 0;

	if (steps > 0xf8) { /* bytes as they are, which may hold a 0 or be too many */
		n = steps == 0xff ? sizeof(room) : byte();
		for (size_t i = 0; i < n; i++)
			room[i] = (char)(steps == 0xff ? 'n' : byte());
	} else {
		for (uint8_t i = 0; i <= steps % 5; i++) {
			const char *name = names[byte() % COUNT_OF(names)];

			n += (size_t)snprintf(room + n, sizeof(room) - n, "/%s", name);
		}
	}
	buf_put_string(b, room, n);
}

/* Somebody at work in the same directories, who follows no link himself. */
static inline void
beside_us(uint8_t how)
{
	FD_OWN int share = open(under_top("/share"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	FD_OWN int a = openat(share, "a", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	FD_OWN int f = openat(share, "f", O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	switch (how % 6) {
	case 0:
		ignore_result(renameat2(share, "a", share, "out", RENAME_EXCHANGE));
		break;
	case 1:
		ignore_result(renameat(a, "b", share, "moved"));
		break;
	case 2:
		ignore_result(unlinkat(share, "f", 0));
		ignore_result(mkfifoat(share, "f", 0644));
		break;
	case 3:
		ignore_result(unlinkat(share, "g", 0));
		ignore_result(symlinkat("../beside/secret", share, "g"));
		break;
	case 4:
		ignore_result(symlinkat("../../beside", a, "c"));
		break;
	case 5:
		ignore_result(ftruncate(f, 100));
		break;
	}
}

static inline void
make_share(void)
{
	assert(mkdir(under_top("/share"), 0755) == 0);
	assert(mkdir(under_top("/share/a"), 0755) == 0);
	assert(mkdir(under_top("/share/a/b"), 0755) == 0);
	write_file("/share/f", "old");
	write_file("/share/a/f", "old too");
	write_file("/share/hid", "hidden");
	assert(symlink("../beside", under_top("/share/out")) == 0);
	assert(symlink("a/b", under_top("/share/in")) == 0);
	assert(symlink("loop", under_top("/share/loop")) == 0);
	assert(mkfifo(under_top("/share/pipe"), 0644) == 0);
}

static inline void
check_beside(void)
{
	char room[64] = "";
	struct stat st;
	FD_OWN int fd = open(under_top("/beside/secret"), O_RDONLY | O_CLOEXEC);

	assert(fd >= 0 && read(fd, room, sizeof(room)) == (ssize_t)strlen(SECRET) &&
	       strcmp(room, SECRET) == 0);
	assert(fstat(fd, &st) == 0 && st.st_nlink == 1 && (st.st_mode & 07777) == 0644);
	assert(stat(under_top("/beside"), &st) == 0 && st.st_mode == beside.st_mode);
	assert(memcmp(&st.st_mtim, &beside.st_mtim, sizeof(st.st_mtim)) == 0);
}

static inline unsigned int
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

#endif
