/* SPDX-License-Identifier: ISC */
/*
 * sandbox_landlock.c - Landlock by its system calls: Debian has no library for it.
 * Numbers of rights are those of the kernel's landlock.h, which may be older than the kernel
 * itself.
 */
#include "server/sandbox_landlock.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/base/fail.h"
#include "server/base/fd.h"

#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_REMOVE_DIR (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_DIR (1ull << 7)
#define FS_MAKE_REG (1ull << 8)
#define FS_MAKE_SYM (1ull << 12)
#define FS_REFER (1ull << 13)	 /* ABI 2: without it, no rename between two directories */
#define FS_TRUNCATE (1ull << 14) /* ABI 3 */

#define NET_ALL 3ull   /* ABI 4: bind and connect of TCP */
#define SCOPE_ALL 3ull /* ABI 6: abstract sockets and signals */

#define RULE_PATH_BENEATH 1
#define CREATE_VERSION 1u

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

struct path_attr {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

/* Everything that this ABI knows about files. */
static uint64_t
all_fs(int abi)
{
	static const unsigned int bits[] = {
		0, 13, 14, 15, 15, 16
	}; /* rights by ABI; ioctl from 5 on */
	size_t i = abi < (int)COUNT_OF(bits) ? (size_t)abi : COUNT_OF(bits) - 1;

	return (1ull << bits[i]) - 1;
}

void
landlock_begin(struct landlock *l, bool net)
{
	struct ruleset_attr attr = { 0 };
	size_t size;

	l->ruleset = -1;
	l->abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
	if (l->abi <= 0) {
		l->abi = 0;
		return;
	}
	attr.fs = all_fs(l->abi);
	size = sizeof(attr.fs);
	if (l->abi >= 4) {
		attr.net = net ? 0 : NET_ALL;
		size = sizeof(attr.fs) + sizeof(attr.net);
	}
	if (l->abi >= 6) {
		attr.scoped = SCOPE_ALL;
		size = sizeof(attr);
	}
	l->ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (l->ruleset < 0)
		die("landlock_create_ruleset: %s", strerror(errno));
}

void
landlock_allow(struct landlock *l, int root, bool write)
{
	struct path_attr attr = { .allowed = FS_READ_FILE | FS_READ_DIR, .parent = root };

	if (l->ruleset < 0)
		return;
	if (write)
		attr.allowed |= FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |
				FS_MAKE_REG | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE;
	attr.allowed &= all_fs(l->abi);
	if (syscall(SYS_landlock_add_rule, l->ruleset, RULE_PATH_BENEATH, &attr, 0) < 0)
		die("landlock_add_rule: %s", strerror(errno));
}

int
landlock_enter(struct landlock *l)
{
	if (l->ruleset < 0)
		return 0;
	if (syscall(SYS_landlock_restrict_self, l->ruleset, 0) < 0)
		die("landlock_restrict_self: %s", strerror(errno));
	fd_close(&l->ruleset);
	return l->abi;
}
