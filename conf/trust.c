/* SPDX-License-Identifier: ISC */
/*
 * trust.c - opening files that decide about security. The verdict is made on the open descriptor,
 * so that nobody can exchange the file between look and use.
 */
#include "conf/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "server/base/fd.h"

int
trust_check(const struct stat *st, mode_t forbidden, struct text *why)
{
	mode_t bad = st->st_mode & forbidden;

	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		text_printf(why,
			    "belongs to uid %lu: it must belong to root or to the one who starts "
			    "the server",
			    (unsigned long)st->st_uid);
		return -EPERM;
	}
	if (bad) {
		text_printf(why, "has mode %04o: others than its owner can %s it (chmod %04o)",
			    (unsigned int)(st->st_mode & 07777),
			    bad & TRUST_OTHERS_WRITE ? "change" : "read",
			    (unsigned int)(st->st_mode & 07777 & ~forbidden));
		return -EPERM;
	}
	return 0;
}

int
trust_open(const char *path, mode_t forbidden, struct text *why, int *ret_fd)
{
	FD_OWN int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int err = -errno;

		text_printf(why, "cannot be opened: %s", strerror(-err));
		return err;
	}
	if (!S_ISREG(st.st_mode)) {
		text_puts(why, "is not a regular file");
		return -EINVAL;
	}
	if (trust_check(&st, forbidden, why) < 0)
		return -EPERM;
	*ret_fd = fd_give(&fd);
	return 0;
}

int
trust_above(const char *path, struct text *why)
{
	char dir[4096], *slash;
	struct stat st;

	if (text_copy(dir, sizeof(dir), path) < 0)
		return -ENAMETOOLONG;
	while ((slash = strrchr(dir, '/'))) {
		slash[slash == dir] = '\0';
		if (stat(dir, &st) < 0) {
			int err = -errno;

			text_printf(why, "lies in %s: %s", dir, strerror(-err));
			return err;
		}
		text_printf(why, "lies in %s, which ", dir);
		if (trust_check(&st, st.st_mode & S_ISVTX ? 0 : TRUST_OTHERS_WRITE, why) < 0)
			return -EPERM;
		text_reset(why);
		if (slash == dir)
			return 0;
	}
	return 0;
}
