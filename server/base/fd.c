/* SPDX-License-Identifier: ISC */
/* fd.c - owning, closing, and moving all bytes of a descriptor. */
#include "server/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void
fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void
fd_cleanup(int *fd)
{
	int saved = errno;

	fd_close(fd);
	errno = saved;
}

int
fd_close_check(int *fd)
{
	int old = fd_give(fd);

	/* EINTR: Linux has closed it all the same, and a second close could hit a stranger's. */
	if (old >= 0 && close(old) < 0 && errno != EINTR)
		return -errno;
	return 0;
}

int
fd_give(int *fd)
{
	int given = *fd;

	*fd = -1;
	return given;
}

int
fd_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

ssize_t
fd_read_full(int fd, void *at, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)at + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int
fd_write_full(int fd, const void *at, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, (const char *)at + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

int
fd_pwrite_full(int fd, const void *at, size_t len, uint64_t offset)
{
	size_t done = 0;

	if (offset > INT64_MAX || len > INT64_MAX - offset)
		return -EFBIG;
	while (done < len) {
		ssize_t n = pwrite(fd, (const char *)at + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

int
fd_read_file(int fd, size_t max, char **ret_at, size_t *ret_len)
{
	struct stat st;
	char *at;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	at = mem_new(1, (size_t)st.st_size + 1);
	n = fd_read_full(fd, at, (size_t)st.st_size);
	if (n < 0) {
		free(at);
		return (int)n;
	}
	at[n] = '\0';
	*ret_at = at;
	*ret_len = (size_t)n;
	return 0;
}
