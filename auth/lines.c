/* SPDX-License-Identifier: ISC */
/*
 * lines.c - the files behind users.c and groups.c. Distrusts their owner and mode. Reading is
 * monitor's and cofferctl's; changing is cofferctl's alone, by a new file beside the old one that
 * takes its name.
 */
#include "auth/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "server/base/fd.h"

/* Bytes of the largest file: about fifty thousand users. */
#define FILE_MAX ((size_t)8 * 1024 * 1024)
/* Somebody else edits: so often and so long it is waited for him. */
#define LOCK_TRIES 50
#define LOCK_WAIT_US 100000

/* Of lines_hold(). */
static int held = -1;

int
lines_read(const char *file, char **ret_bytes, size_t *ret_len, struct stat *ret_st)
{
	FD_OWN int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int err;

	if (fd < 0 || fstat(fd, ret_st) < 0)
		return -errno;
	if (!S_ISREG(ret_st->st_mode) || (ret_st->st_mode & (S_IWGRP | S_IWOTH)) ||
	    (ret_st->st_uid != 0 && ret_st->st_uid != geteuid()))
		return -EPERM;
	err = fd_read_file(fd, FILE_MAX, ret_bytes, ret_len);
	if (err == 0 && strlen(*ret_bytes) != *ret_len) { /* what stands behind a 0 would be lost */
		mem_wipe(*ret_bytes, *ret_len);
		free(*ret_bytes);
		err = -EBADMSG;
	}
	return err;
}

char *
lines_next(char **rest)
{
	char *line = strsep(rest, "\n");
	size_t len = line ? strlen(line) : 0;

	if (len > 0 && line[len - 1] == '\r')
		line[len - 1] = '\0';
	return line;
}

int
lines_text(char *room, size_t size, const char *field)
{
	if (!field)
		return -EINVAL;
	for (const char *p = field; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return -EINVAL;
	}
	return text_copy(room, size, field);
}

int
lines_id(const char *field, uint32_t *ret_id)
{
	uint64_t value;

	/* The largest number is -1, which means "unchanged" to the kernel. */
	if (!field || num_u64(field, UINT32_MAX - 1, &value) < 0)
		return -EINVAL;
	*ret_id = (uint32_t)value;
	return 0;
}

bool
lines_are(const char *line, const char *name)
{
	size_t len = strlen(name);

	return strncmp(line, name, len) == 0 && line[len] == ':';
}

bool
lines_field_ok(const char *text)
{
	for (; *text; text++) {
		if (*text == ':' || (unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	}
	return true;
}

/* Opens the file's directory. *ret_name is the file's own name. */
static int
open_directory(const char *file, const char **ret_name, int *ret_fd)
{
	const char *slash = strrchr(file, '/');
	char *dir = slash ? strndup(file, (size_t)(slash - file + 1)) : strdup(".");
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int err = fd < 0 ? -errno : 0;

	free(dir);
	*ret_name = slash ? slash + 1 : file;
	*ret_fd = fd;
	return err;
}

/*
 * Keeps others from editing. The lock is a file of its own, which only those can open who may edit.
 */
static int
lock(int dir, const char *name, int *ret_fd)
{
	FD_OWN int fd = -1;
	char temp[300];
	int err;

	snprintf(temp, sizeof(temp), ".%.255s.lock", name);
	fd = openat(dir, temp, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	err = fd < 0 ? -errno : -EAGAIN;
	for (int i = 0; fd >= 0 && err == -EAGAIN && i < LOCK_TRIES; i++) {
		err = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
		if (err == -EAGAIN)
			usleep(LOCK_WAIT_US);
	}
	if (err == 0)
		*ret_fd = fd_give(&fd);
	return err;
}

int
lines_hold(const char *file)
{
	char *real = realpath(file, NULL);
	FD_OWN int dir = -1;
	const char *name;
	int err = held >= 0 ? 0 : open_directory(real ? real : file, &name, &dir);

	if (err == 0 && held < 0)
		err = lock(dir, name, &held);
	free(real);
	return err;
}

/*
 * Puts old, with name's line replaced by line (NULL: left out), into fd. *ret_found: it was there.
 */
static int
write_changed(int fd, char *old, const char *name, const struct text *line, bool *ret_found)
{
	char *at = old;
	int err = 0;

	while (*at && err == 0) {
		size_t len = strcspn(at, "\n");
		bool ended = at[len] == '\n';

		if (!lines_are(at, name))
			err = fd_write_full(fd, at, len);
		else if (line && !*ret_found)
			err = fd_write_full(fd, line->at, line->len - 1);
		/* A last line without its end gets one: another could follow. */
		if (err == 0 && (!lines_are(at, name) || (line && !*ret_found)))
			err = fd_write_full(fd, "\n", 1);
		*ret_found |= lines_are(at, name);
		at += len + ended;
	}
	if (err == 0 && line && !*ret_found)
		err = fd_write_full(fd, line->at, line->len);
	return err;
}

/* Makes what was written to temp the file, on the disk. */
static int
publish(int dir, int *fd, const char *temp, const char *name, const struct stat *old)
{
	int err = 0;

	if (old->st_nlink > 0 &&
	    (fchown(*fd, old->st_uid, old->st_gid) < 0 || fchmod(*fd, old->st_mode & 0644) < 0))
		return -errno;
	if (fsync(*fd) < 0)
		return -errno;
	err = fd_close_check(fd);
	if (err == 0 && renameat(dir, temp, dir, name) < 0)
		err = -errno;
	if (err == 0 && fsync(dir) < 0)
		err = -errno;
	return err;
}

int
lines_change(const char *file, const char *name, const struct text *line)
{
	char *real = realpath(file, NULL), *old = NULL, temp[300];
	FD_OWN int dir = -1, fd = -1, own_lock = -1;
	const char *own_name = "";
	struct stat st = { 0 };
	bool found = false;
	size_t len = 0;
	int err = open_directory(real ? real : file, &own_name, &dir);

	if (err == 0 && held < 0)
		err = lock(dir, own_name, &own_lock);
	if (err == 0)
		err = lines_read(real ? real : file, &old, &len, &st);
	if (err == -ENOENT && line && dir >= 0) {
		old = mem_dup("");
		err = 0;
	}
	if (err < 0)
		goto out;
	snprintf(temp, sizeof(temp), ".%.255s.new", own_name);
	unlinkat(dir, temp, 0); /* of an edit that was killed; we hold the lock */
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	err = fd < 0 ? -errno : write_changed(fd, old, name, line, &found);
	if (err == 0 && !line && !found)
		err = -ENOENT;
	if (err == 0)
		err = publish(dir, &fd, temp, own_name, &st);
	if (err < 0)
		unlinkat(dir, temp, 0);
out:
	if (old)
		mem_wipe(old, len);
	free(old);
	free(real);
	return err;
}
