/* SPDX-License-Identifier: ISC */
/* file_copy.c - bytes from one open file to another, without passing wire. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/vfs/file.h"
#include "server/vfs/world.h"

/* Bytes that are copied by hand where the kernel cannot. */
#define COPY_ROOM (256u * 1024)
/* Bytes that copy_file_range is asked for at once. */
#define COPY_CHUNK (64u * 1024 * 1024)

/* Byte by byte, for filesystems that share nothing, and behind what is there with O_APPEND. */
static int
copy_by_hand(int from, uint64_t from_at, uint64_t length, int to, uint64_t to_at,
	     uint64_t *ret_bytes)
{
	char *room = mem_new(1, COPY_ROOM);
	int err = 0;

	while (err == 0 && length > 0) {
		size_t want = length < COPY_ROOM ? (size_t)length : COPY_ROOM;
		ssize_t n = pread(from, room, want, (off_t)from_at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n < 0 ? -errno : 0;
			break;
		}
		err = fd_pwrite_full(to, room, (size_t)n, to_at);
		if (err == 0) {
			from_at += (uint64_t)n;
			to_at += (uint64_t)n;
			length -= (uint64_t)n;
			*ret_bytes += (uint64_t)n;
		}
	}
	free(room);
	return err;
}

int
file_copy_range(int from, uint64_t from_at, uint64_t length, int to, uint64_t to_at,
		uint64_t *ret_bytes)
{
	*ret_bytes = 0;
	while (length > 0) {
		off_t in = (off_t)from_at, to_off = (off_t)to_at;
		size_t want = length < COPY_CHUNK ? (size_t)length : COPY_CHUNK;
		ssize_t n = copy_file_range(from, &in, to, &to_off, want, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
			      errno == EOPNOTSUPP || errno == EPERM))
			return copy_by_hand(from, from_at, length, to, to_at, ret_bytes);
		if (n < 0)
			return errno == EBADF ? -EACCES : -errno;
		if (n == 0)
			return 0;
		from_at += (uint64_t)n;
		to_at += (uint64_t)n;
		length -= (uint64_t)n;
		*ret_bytes += (uint64_t)n;
	}
	return 0;
}

int
file_copy(struct world *w, uint32_t from_ticket, uint64_t from_at, uint64_t length,
	  uint32_t to_ticket, uint64_t to_at, struct buf *out)
{
	struct file *from = file_of(w, from_ticket), *to = file_of(w, to_ticket);
	uint64_t bytes = 0;
	bool appends;
	struct stat st;
	int err;

	if (!from || !to)
		return -EBADF;
	if (!(from->flags & VFS_OPEN_READ) || to->kind == FILE_READ)
		return -EACCES;
	if (fstat(from->fd, &st) < 0)
		return -errno;
	if (from_at > INT64_MAX || to_at > INT64_MAX || length > INT64_MAX)
		return -EINVAL;
	if (from_at >= (uint64_t)st.st_size)
		length = 0;
	else if (length == 0 || length > (uint64_t)st.st_size - from_at)
		length = (uint64_t)st.st_size - from_at;
	appends = to->flags & VFS_OPEN_APPEND;
	if (appends && fstat(to->fd, &st) < 0)
		return -errno;
	if (appends)
		to_at = (uint64_t)st.st_size;
	if (from->dev == to->dev && from->ino == to->ino && from_at < to_at + length &&
	    to_at < from_at + length)
		return world_why(w, -EINVAL, "the two parts of the file overlap");
	err = charge_grow(w, to, to_at + length);
	if (err == 0 && appends) /* which copy_file_range() does not take */
		err = copy_by_hand(from->fd, from_at, length, to->fd, to_at, &bytes);
	else if (err == 0)
		err = file_copy_range(from->fd, from_at, length, to->fd, to_at, &bytes);
	if (err == 0)
		buf_put_u64(out, bytes);
	return err;
}
