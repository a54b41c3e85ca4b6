/* SPDX-License-Identifier: ISC */
/*
 * faultfs.c - a directory as a filesystem that breaks when a test wants it to.
 *
 *	faultfs DIRECTORY CONTROL MOUNTPOINT
 *
 * Everything goes through to DIRECTORY. CONTROL is a file with one line "OPERATION ERRNO COUNT":
 * from the COUNT-th such operation on (counted from the last change of the file) all of them fail,
 * or, with STALL for an ERRNO, hang until the file changes. Operations: create open read readdir
 * write flush fsync rename unlink. An empty file: nothing fails. Runs as root; new things belong to
 * the caller.
 */
#define FUSE_USE_VERSION 35

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static int root;
static const char *control;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char line[64];
static long count;

static const struct {
	const char *name;
	int number;
} errors[] = { { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT }, { "EIO", EIO } };

static bool
read_line(char now[64])
{
	int fd = open(control, O_RDONLY | O_CLOEXEC);

	memset(now, 0, 64);
	if (fd < 0)
		return false;
	if (read(fd, now, 63) < 0)
		now[0] = '\0';
	close(fd);
	return true;
}

/* As an NFS server that is gone: nothing but its coming back ends this. */
static void
stall(const char *line_then)
{
	char now[64];

	while (read_line(now) && strcmp(now, line_then) == 0)
		usleep(20000);
}

/* Reads the line; says whether the operation breaks now, as -errno or 0. */
static int
breaks(const char *operation)
{
	char now[64], what[16] = "", error[16] = "";
	long from = 0;
	int err = 0;
	bool stalls = false;

	if (!read_line(now))
		return 0;
	pthread_mutex_lock(&lock);
	if (strcmp(now, line) != 0) {
		memcpy(line, now, sizeof(line));
		count = 0;
	}
	if (sscanf(now, "%15s %15s %ld", what, error, &from) == 3 && strcmp(what, operation) == 0 &&
	    count++ >= from) {
		stalls = strcmp(error, "STALL") == 0;
		for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
			if (strcmp(errors[i].name, error) == 0)
				err = -errors[i].number;
	}
	pthread_mutex_unlock(&lock);
	if (stalls)
		stall(now);
	return err;
}

static const char *
rel(const char *path)
{
	return path[1] ? path + 1 : ".";
}

static int
result(long n)
{
	return n < 0 ? -errno : 0;
}

static int
give_away(const char *path)
{
	const struct fuse_context *c = fuse_get_context();

	return result(fchownat(root, rel(path), c->uid, c->gid, AT_SYMLINK_NOFOLLOW));
}

static int
f_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	return result(fi ? fstat((int)fi->fh, st)
			 : fstatat(root, rel(path), st, AT_SYMLINK_NOFOLLOW));
}

static int
f_readlink(const char *path, char *room, size_t size)
{
	ssize_t n = readlinkat(root, rel(path), room, size - 1);

	if (n < 0)
		return -errno;
	room[n] = '\0';
	return 0;
}

static int
f_mkdir(const char *path, mode_t mode)
{
	int err = result(mkdirat(root, rel(path), mode));

	return err ? err : give_away(path);
}

static int
f_unlink(const char *path)
{
	int err = breaks("unlink");

	return err ? err : result(unlinkat(root, rel(path), 0));
}

static int
f_rmdir(const char *path)
{
	return result(unlinkat(root, rel(path), AT_REMOVEDIR));
}

static int
f_symlink(const char *target, const char *path)
{
	int err = result(symlinkat(target, root, rel(path)));

	return err ? err : give_away(path);
}

static int
f_rename(const char *from, const char *to, unsigned int flags)
{
	int err = breaks("rename");

	return err ? err : result(renameat2(root, rel(from), root, rel(to), flags));
}

static int
f_link(const char *from, const char *to)
{
	return result(linkat(root, rel(from), root, rel(to), 0));
}

static int
f_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	return result(fi ? fchmod((int)fi->fh, mode) : fchmodat(root, rel(path), mode, 0));
}

static int
f_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *fi)
{
	return result(fi ? fchown((int)fi->fh, uid, gid)
			 : fchownat(root, rel(path), uid, gid, AT_SYMLINK_NOFOLLOW));
}

static int
f_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	int err, fd;

	if (fi)
		return result(ftruncate((int)fi->fh, size));
	fd = openat(root, rel(path), O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = result(ftruncate(fd, size));
	close(fd);
	return err;
}

static int
f_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *fi)
{
	return result(fi ? futimens((int)fi->fh, times)
			 : utimensat(root, rel(path), times, AT_SYMLINK_NOFOLLOW));
}

static int
f_open(const char *path, struct fuse_file_info *fi)
{
	int err = breaks("open"), fd;

	if (err)
		return err;
	fd = openat(root, rel(path), (fi->flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW)) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	fi->fh = (uint64_t)fd;
	return 0;
}

static int
f_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	int err = breaks("create"), fd;

	if (err)
		return err;
	fd = openat(root, rel(path), fi->flags | O_CREAT | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	fi->fh = (uint64_t)fd;
	return give_away(path);
}

static int
f_read(const char *path, char *at, size_t size, off_t offset, struct fuse_file_info *fi)
{
	int err = breaks("read");
	ssize_t n;

	(void)path;
	if (err)
		return err;
	n = pread((int)fi->fh, at, size, offset);
	return n < 0 ? -errno : (int)n;
}

static int
f_write(const char *path, const char *at, size_t size, off_t offset, struct fuse_file_info *fi)
{
	int err = breaks("write");
	ssize_t n;

	(void)path;
	if (err)
		return err;
	n = pwrite((int)fi->fh, at, size, offset);
	return n < 0 ? -errno : (int)n;
}

static int
f_flush(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	(void)fi;
	return breaks("flush");
}

static int
f_release(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	return result(close((int)fi->fh));
}

static int
f_fsync(const char *path, int data, struct fuse_file_info *fi)
{
	int err = breaks("fsync");

	(void)path;
	(void)data;
	return err ? err : result(fsync((int)fi->fh));
}

static int
f_fsyncdir(const char *path, int data, struct fuse_file_info *fi)
{
	(void)path;
	(void)data;
	(void)fi;
	return breaks("fsync");
}

static int
f_statfs(const char *path, struct statvfs *fs)
{
	(void)path;
	return result(fstatvfs(root, fs));
}

static int
f_readdir(const char *path, void *room, fuse_fill_dir_t fill, off_t offset,
	  struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	int err = breaks("readdir"), fd;
	struct dirent *e;
	DIR *dir;

	(void)offset;
	(void)fi;
	(void)flags;
	if (err)
		return err;
	fd = openat(root, rel(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -errno;
	while ((e = readdir(dir)))
		fill(room, e->d_name, NULL, 0, 0);
	closedir(dir);
	return 0;
}

static void *
f_init(struct fuse_conn_info *conn, struct fuse_config *conf)
{
	(void)conn;
	conf->use_ino = 1;
	conf->hard_remove = 1; /* else libfuse renames open files, which may be what breaks */
	conf->kernel_cache = 0;
	conf->attr_timeout = conf->entry_timeout = conf->negative_timeout = 0;
	conf->nullpath_ok = 0;
	return NULL;
}

static const struct fuse_operations operations = {
	.init = f_init,
	.getattr = f_getattr,
	.readlink = f_readlink,
	.mkdir = f_mkdir,
	.unlink = f_unlink,
	.rmdir = f_rmdir,
	.symlink = f_symlink,
	.rename = f_rename,
	.link = f_link,
	.chmod = f_chmod,
	.chown = f_chown,
	.truncate = f_truncate,
	.utimens = f_utimens,
	.open = f_open,
	.create = f_create,
	.read = f_read,
	.write = f_write,
	.flush = f_flush,
	.release = f_release,
	.fsync = f_fsync,
	.fsyncdir = f_fsyncdir,
	.statfs = f_statfs,
	.readdir = f_readdir,
};

int
main(int argc, char *argv[])
{
	char *arguments[] = { argv[0],
			      (char[]) { "-f" },
			      (char[]) { "-o" },
			      (char[]) { "allow_other,default_permissions,fsname=faultfs" },
			      NULL,
			      NULL };

	if (argc != 4) {
		fputs("usage: faultfs DIRECTORY CONTROL MOUNTPOINT\n", stderr);
		return 2;
	}
	umask(0);
	root = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	control = argv[2];
	if (root < 0) {
		perror(argv[1]);
		return 1;
	}
	arguments[4] = argv[3];
	return fuse_main(5, arguments, &operations, NULL);
}
