/* SPDX-License-Identifier: ISC */
/*
 * resolve.c - turns a directory and a path below it into a descriptor.
 * Owns: every openat2(2) in the program. Must not: know users, rights or protocols.
 * Invariant: a descriptor leaves this file only if the kernel resolved it below the directory that
 * was given, without passing a link (but for the administrator's own, resolve_host_dir).
 */
#include "server/vfs/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/text.h"
#include "server/vfs/vfs.h"

#define TRIES 8
#define LINKS_MAX 40 /* as many as the kernel follows */

static int
try(int dir, const char *path, const struct open_how *how)
{
	long fd = -1;

	/* EAGAIN: a rename raced with us, or a lease is being broken. */
	for (int i = 0; i < TRIES; i++) {
		fd = syscall(SYS_openat2, dir, path, how, sizeof(*how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	if (fd < 0)
		return errno == EAGAIN ? -EBUSY : -errno;
	return (int)fd;
}

int
resolve_at(int dir, const char *path, int flags, uint32_t mode, int *ret_fd)
{
	const struct open_how how = {
		.flags = (uint64_t)(unsigned int)flags | O_CLOEXEC,
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	int fd = try(dir, *path ? path : ".", &how);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

int
resolve_host_dir(const char *path, int *ret_fd)
{
	const struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_MAGICLINKS,
	};
	int fd = try(AT_FDCWD, path, &how);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

int
resolve_slash(int *ret_fd)
{
	const struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	int fd = try(AT_FDCWD, "/", &how);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

/* The state of a walk: what is known to be free of links, and what still has to be gone. */
struct walk {
	char done[VFS_PATH_MAX];
	char rest[2 * VFS_PATH_MAX];
	char link[VFS_PATH_MAX];
	int links;
};

/* Takes the last component off done. */
static int
climb(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	if (w->done[0] == '\0')
		return -EXDEV;
	*(slash ? slash : w->done) = '\0';
	return 0;
}

/* Puts the link's text before the rest. */
static int
put_link(struct walk *w, int fd, const char *rest)
{
	size_t rest_len = strlen(rest);
	ssize_t n = readlinkat(fd, "", w->link, sizeof(w->link));

	if (n < 0)
		return -errno;
	if (n == 0 || (size_t)n == sizeof(w->link))
		return -ENAMETOOLONG;
	if (w->link[0] == '/')
		return -EXDEV;
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if ((size_t)n + 1 + rest_len + 1 > sizeof(w->rest))
		return -ENAMETOOLONG;
	memmove(w->rest + n + 1, rest, rest_len + 1);
	memcpy(w->rest, w->link, (size_t)n);
	w->rest[n] = '/';
	return 0;
}

/* Goes one component (len bytes at w->rest). */
static int
advance(struct walk *w, int root, size_t len, int last)
{
	FD_OWN int fd = -1;
	size_t old = strlen(w->done);
	const char *rest = w->rest + len;
	struct stat st;
	bool is_last;
	int err;

	while (*rest == '/')
		rest++;
	is_last = *rest == '\0';
	if (len == 2 && w->rest[0] == '.' && w->rest[1] == '.') {
		err = climb(w);
	} else if (len == 0 || (len == 1 && w->rest[0] == '.')) {
		err = 0;
	} else {
		if (old + 1 + len >= sizeof(w->done))
			return -ENAMETOOLONG;
		if (old > 0)
			w->done[old] = '/';
		memcpy(w->done + old + (old > 0), w->rest, len);
		w->done[old + (old > 0) + len] = '\0';
		err = is_last && !last ? -ENOENT
				       : resolve_at(root, w->done, O_PATH | O_NOFOLLOW, 0, &fd);
		if (err == -ENOENT && is_last)
			err = 0; /* left to the caller */
		else if (err == 0 && fstat(fd, &st) < 0)
			err = -errno;
		else if (err == 0 && S_ISLNK(st.st_mode)) {
			w->done[old] = '\0';
			return put_link(w, fd, rest);
		}
	}
	if (err == 0)
		memmove(w->rest, rest, strlen(rest) + 1);
	return err;
}

int
resolve_links(int root, const char *path, int last, char *room, size_t size)
{
	struct walk *w = mem_new(1, sizeof(*w));
	int err = text_copy(w->rest, sizeof(w->rest), path);

	while (err == 0 && w->rest[0])
		err = advance(w, root, (size_t)(strchrnul(w->rest, '/') - w->rest), last);
	if (err == 0)
		err = text_copy(room, size, w->done);
	free(w);
	return err;
}
