/* SPDX-License-Identifier: ISC */
/*
 * penalty_file.c - penalties as bytes: for the next image of the listener, and in a file of
 * state-dir for the next start. A file that others could have written is not read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/penalty_in.h"

#define STATE_VERSION 2u
/* Bytes of the file: as many entries as there may be. */
#define FILE_MAX                                          \
	((size_t)PENALTY_SOURCES * PENALTY_SOURCE_BYTES + \
	 (size_t)PENALTY_NAMES * PENALTY_CODE_BYTES + 64)

void
penalty_put(struct buf *b, uint64_t now)
{
	size_t sources = penalty_sources_count(now), codes = penalty_codes_count(now);
	size_t room = buf_room(b), head = 16;

	/* Codes first: they are few, and one that is forgotten is good again. */
	if (room < head + codes * PENALTY_CODE_BYTES)
		codes = 0;
	head += codes * PENALTY_CODE_BYTES;
	if (room < head || sources > (room - head) / PENALTY_SOURCE_BYTES)
		sources = room < head ? 0 : (room - head) / PENALTY_SOURCE_BYTES;
	buf_put_u32(b, STATE_VERSION);
	buf_put_u32(b, (uint32_t)codes);
	if (codes)
		penalty_codes_put(b, now);
	buf_put_u32(b, (uint32_t)sources);
	penalty_sources_put(b, now, sources);
}

int
penalty_get(struct buf *b, uint64_t elapsed_ms, uint64_t now)
{
	uint32_t version = buf_get_u32(b), count = buf_get_u32(b);

	if (b->bad || version != STATE_VERSION || count > PENALTY_NAMES ||
	    penalty_codes_get(b, count, elapsed_ms, now) < 0)
		return -EBADMSG;
	count = buf_get_u32(b);
	if (b->bad || count > PENALTY_SOURCES)
		return -EBADMSG;
	return penalty_sources_get(b, count, elapsed_ms, now);
}

static void
file_names(const char *dir, char *file, char *temp, size_t size)
{
	struct text t;

	text_init(&t, file, size);
	text_printf(&t, "%s/penalties", dir);
	text_init(&t, temp, size);
	text_printf(&t, "%s/penalties.new", dir);
}

void
penalty_save(const char *state_dir)
{
	char file[4096], temp[4096];
	uint8_t *room = mem_new(1, FILE_MAX);
	FD_OWN int fd = -1;
	struct buf b;
	int err;

	file_names(state_dir, file, temp, sizeof(file));
	buf_init(&b, room, FILE_MAX);
	buf_put_u64(&b, (uint64_t)time(NULL));
	penalty_put(&b, clock_ms());
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	err = fd < 0 ? -errno : fd_write_full(fd, room, b.end);
	if (err == 0)
		err = fd_close_check(&fd);
	if (err == 0 && rename(temp, file) < 0)
		err = -errno;
	free(room);
	if (err < 0 && err != -ENOENT)
		log_warn("penalties", "result=not-saved reason=\"%s\"", strerror(-err));
}

void
penalty_load(const char *state_dir)
{
	char file[4096], temp[4096], *bytes = NULL;
	time_t now = time(NULL);
	FD_OWN int fd = -1;
	struct stat st;
	uint64_t saved;
	struct buf b;
	size_t len;
	int err;

	file_names(state_dir, file, temp, sizeof(file));
	fd = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return; /* there is none yet */
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
		err = -EPERM;
	else
		err = fd_read_file(fd, FILE_MAX, &bytes, &len);
	if (err == 0) {
		buf_init_read(&b, bytes, len);
		saved = buf_get_u64(&b);
		/* A clock that was set back forgives nothing, and one that was set forward all. */
		err = penalty_get(&b, (uint64_t)now > saved ? ((uint64_t)now - saved) * SECOND : 0,
				  clock_ms());
	}
	free(bytes);
	if (err < 0)
		log_warn("penalties", "result=not-read reason=\"%s\"", strerror(-err));
}
