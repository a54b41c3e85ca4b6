/* SPDX-License-Identifier: ISC */
/*
 * logdisk.c - one file that is a disk, and a record of all that was written to it.
 *
 *	logdisk IMAGE RECORD MOUNTPOINT
 *
 * MOUNTPOINT/disk is IMAGE, for a loop device. RECORD gets one entry for each write, when it is
 * done, and for each flush, when it begins: 16 bytes of offset and length (little-endian, 8 each)
 * and the bytes written; a flush has offset and length of all ones. So every state that a power
 * failure could leave can be made from an old copy of IMAGE: all writes before the last flush, and
 * any of those behind it. Runs as root.
 */
#define FUSE_USE_VERSION 35

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int image, record;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const char disk[] = "/disk";

/* One entry is one write(2), so that a reader of the record sees whole ones only. */
static int
put(uint64_t offset, uint64_t len, const char *at)
{
	uint64_t head[] = { offset, len };
	struct iovec parts[] = { { head, sizeof(head) }, { (void *)(uintptr_t)at, at ? len : 0 } };
	size_t all = parts[0].iov_len + parts[1].iov_len;
	ssize_t n;

	pthread_mutex_lock(&lock);
	n = writev(record, parts, 2);
	pthread_mutex_unlock(&lock);
	return n == (ssize_t)all ? 0 : -EIO;
}

static int
d_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	if (strcmp(path, disk) == 0)
		return fstat(image, st) < 0 ? -errno : 0;
	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFDIR | 0755;
	st->st_nlink = 2;
	return strcmp(path, "/") == 0 ? 0 : -ENOENT;
}

static int
d_open(const char *path, struct fuse_file_info *fi)
{
	(void)fi;
	return strcmp(path, disk) == 0 ? 0 : -ENOENT;
}

static int
d_read(const char *path, char *at, size_t size, off_t offset, struct fuse_file_info *fi)
{
	ssize_t n = pread(image, at, size, offset);

	(void)path;
	(void)fi;
	return n < 0 ? -errno : (int)n;
}

static int
d_write(const char *path, const char *at, size_t size, off_t offset, struct fuse_file_info *fi)
{
	ssize_t n = pwrite(image, at, size, offset);

	(void)path;
	(void)fi;
	if (n != (ssize_t)size)
		return n < 0 ? -errno : -EIO;
	return put((uint64_t)offset, size, at) < 0 ? -EIO : (int)n;
}

static int
d_fsync(const char *path, int data, struct fuse_file_info *fi)
{
	(void)path;
	(void)data;
	(void)fi;
	return put(UINT64_MAX, UINT64_MAX, NULL);
}

static const struct fuse_operations operations = {
	.getattr = d_getattr,
	.open = d_open,
	.read = d_read,
	.write = d_write,
	.fsync = d_fsync,
};

int
main(int argc, char *argv[])
{
	char *arguments[] = { argv[0], (char[]) { "-f" }, NULL, NULL };

	if (argc != 4) {
		fputs("usage: logdisk IMAGE RECORD MOUNTPOINT\n", stderr);
		return 2;
	}
	image = open(argv[1], O_RDWR | O_CLOEXEC);
	record = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (image < 0 || record < 0) {
		perror("logdisk");
		return 1;
	}
	arguments[2] = argv[3];
	return fuse_main(3, arguments, &operations, NULL);
}
