/* SPDX-License-Identifier: ISC */
/*
 * hooks_spool.c - files of events. Runs as hooks.user, in a directory that is his; names are made
 * by us alone. Nothing is synced to the disk: a power failure may cost the last events.
 */
#include "server/hooks_spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/text.h"

#define WAITING ".json"
#define FAILED ".failed"
/* Somebody else may have made room; looking costs reading the directory. */
#define LOOK_MS 1000

static const char *const counter_names[SPOOL_COUNTERS] = {
	[SPOOL_EVENTS] = "events",
	[SPOOL_DONE] = "done",
	[SPOOL_FAILED] = "failed",
	[SPOOL_LOST] = "lost",
};

static bool
ends_with(const char *name, const char *tail)
{
	size_t len = strlen(name), tail_len = strlen(tail);

	return len > tail_len && strcmp(name + len - tail_len, tail) == 0;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Keeps the smallest names of a directory, however large it is. */
static void
keep_small(struct spool *s, const char *name)
{
	if (s->batch_count == SPOOL_BATCH) {
		if (strcmp(name, s->batch[SPOOL_BATCH - 1]) >= 0)
			return;
		s->batch_count--;
	}
	if (text_copy(s->batch[s->batch_count], SPOOL_NAME_MAX, name) < 0)
		return; /* not one of ours */
	s->batch_count++;
	/*
	 * Mostly it is the largest; a directory that is read in any order costs a sort now and
	 * then.
	 */
	for (size_t i = s->batch_count - 1; i > 0 && strcmp(s->batch[i - 1], s->batch[i]) > 0;
	     i--) {
		char swap[SPOOL_NAME_MAX];

		memcpy(swap, s->batch[i], sizeof(swap));
		memcpy(s->batch[i], s->batch[i - 1], sizeof(swap));
		memcpy(s->batch[i - 1], swap, sizeof(swap));
	}
}

/* Reads the directory: how many files there are, and which are the oldest that wait. */
static void
look(struct spool *s)
{
	int copy = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	s->looked_ms = clock_ms();
	s->files = 0;
	s->batch_next = s->batch_count = 0;
	if (!list) {
		fd_close(&copy);
		return;
	}
	while ((entry = readdir(list))) {
		if (entry->d_name[0] == '.')
			continue;
		if (ends_with(entry->d_name, WAITING))
			keep_small(s, entry->d_name);
		else if (!ends_with(entry->d_name, FAILED))
			continue;
		s->files++;
	}
	closedir(list);
	qsort(s->batch, s->batch_count, SPOOL_NAME_MAX, compare);
}

int
spool_open(struct spool *s, const char *path, uint32_t max)
{
	memset(s, 0, sizeof(*s));
	s->lock = -1;
	s->max = max;
	s->dir = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return -errno;
	look(s);
	return 0;
}

int
spool_put(struct spool *s, enum hook_kind kind, uint64_t time_us, const char *text, size_t len)
{
	static unsigned int number;
	char name[SPOOL_NAME_MAX], hidden[SPOOL_NAME_MAX];
	FD_OWN int fd = -1;
	int err;

	if (s->files >= s->max && clock_ms() - s->looked_ms >= LOOK_MS)
		look(s);
	if (s->files >= s->max)
		return -ENOSPC;
	(void)snprintf(name, sizeof(name), "%016" PRIu64 "-%d-%u-%s" WAITING, time_us, getpid(),
		       number++, hook_kind_name(kind));
	(void)snprintf(hidden, sizeof(hidden), ".new-%d", getpid());
	fd = openat(s->dir, hidden, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	err = fd_write_full(fd, text, len);
	if (err == 0)
		err = fd_close_check(&fd);
	if (err == 0 && renameat(s->dir, hidden, s->dir, name) < 0)
		err = -errno;
	if (err < 0)
		ignore_result(unlinkat(s->dir, hidden, 0)); /* half of one; err counts */
	else
		s->files++;
	return err;
}

bool
spool_is_ours(struct spool *s)
{
	FD_OWN int fd = -1;

	if (s->lock >= 0)
		return true;
	fd = openat(s->dir, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return false;
	s->lock = fd_give(&fd);
	return true;
}

void
spool_leave(struct spool *s)
{
	fd_close(&s->lock);
}

bool
spool_next(struct spool *s, char ret_name[SPOOL_NAME_MAX])
{
	if (s->batch_next == s->batch_count)
		look(s);
	if (s->batch_next == s->batch_count)
		return false;
	memcpy(ret_name, s->batch[s->batch_next++], SPOOL_NAME_MAX);
	return true;
}

int
spool_file(struct spool *s, const char *name, int *ret_fd)
{
	int fd = openat(s->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

void
spool_end(struct spool *s, const char *name, bool good)
{
	char failed[SPOOL_NAME_MAX + sizeof(FAILED)];
	int stem = (int)(strlen(name) - strlen(WAITING));

	s->counters[good ? SPOOL_DONE : SPOOL_FAILED]++;
	if (good) {
		if (unlinkat(s->dir, name, 0) == 0 && s->files > 0)
			s->files--;
		return;
	}
	(void)snprintf(failed, sizeof(failed), "%.*s" FAILED, stem, name);
	/* One that cannot even be renamed goes: else it would be tried for ever. */
	if (renameat(s->dir, name, s->dir, failed) < 0)
		ignore_result(unlinkat(s->dir, name, 0));
}

/* The lines of .status, as far as they are ours. */
static void
read_status(int fd, uint64_t sums[SPOOL_COUNTERS])
{
	char room[512];
	ssize_t n = pread(fd, room, sizeof(room) - 1, 0);
	char *next = room;

	room[n > 0 ? n : 0] = '\0';
	while (*next) {
		char *line = next, *value;
		size_t len = strcspn(line, "\n");

		next = line + len + (line[len] == '\n');
		line[len] = '\0';
		value = strchr(line, ' ');
		if (!value)
			continue;
		*value++ = '\0';
		for (size_t i = 0; i < SPOOL_COUNTERS; i++) {
			if (strcmp(line, counter_names[i]) == 0 &&
			    num_u64(value, UINT64_MAX / 2, &sums[i]) < 0)
				sums[i] = 0;
		}
	}
}

int
spool_count(struct spool *s, uint64_t *ret_lost)
{
	FD_OWN int fd = openat(s->dir, ".status", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	uint64_t sums[SPOOL_COUNTERS] = { 0 };
	char room[512];
	struct text t;
	int err;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX) < 0) /* held for a moment, by us or the one before us */
		return -errno;
	read_status(fd, sums);
	text_init(&t, room, sizeof(room));
	for (size_t i = 0; i < SPOOL_COUNTERS; i++) {
		sums[i] += s->counters[i];
		text_printf(&t, "%s %" PRIu64 "\n", counter_names[i], sums[i]);
	}
	err = fd_pwrite_full(fd, t.at, t.len, 0);
	if (err == 0 && ftruncate(fd, (off_t)t.len) < 0)
		err = -errno;
	if (err < 0)
		return err;
	memset(s->counters, 0, sizeof(s->counters));
	*ret_lost = sums[SPOOL_LOST];
	return 0;
}
