/* SPDX-License-Identifier: ISC */
/*
 * handover.c - the listener executes its own program again.
 * What is handed over stands in a memfd whose number is an argument; the descriptors in it lose
 * their CLOEXEC for the moment of the exec.
 */
#include "server/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/cluster.h"
#include "server/penalty.h"
#include "server/process.h"

/* As many connections as there may be, and the rest; what is not written is never touched. */
#define STATE_MAX ((size_t)CONNS_LIMIT * CONNS_ROW_BYTES + 4 * 1024 * 1024)

static char program[4096];

int
handover_init(void)
{
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (n < 0)
		return -errno;
	program[n] = '\0';
	return 0;
}

static void
set_cloexec(const struct doors *doors, const struct conns *conns, int state, int flag)
{
	for (size_t i = 0; i < doors->count; i++)
		(void)fcntl(doors->at[i].fd, F_SETFD, flag);
	for (size_t i = 0; i < conns->max; i++)
		if (conns->at[i].pid && conns->at[i].sock >= 0)
			(void)fcntl(conns->at[i].sock, F_SETFD, flag);
	(void)fcntl(state, F_SETFD, flag);
}

static int
write_state(const struct doors *doors, const struct conns *conns, int *ret_fd)
{
	FD_OWN int fd = memfd_create("coffer-handover", MFD_CLOEXEC);
	uint8_t *room = mem_new(1, STATE_MAX);
	struct buf b;
	int err;

	if (fd < 0) {
		free(room);
		return -errno;
	}
	buf_init(&b, room, STATE_MAX);
	buf_put_u32(&b, HANDOVER_VERSION);
	buf_put_u64(&b, clock_ms());
	buf_put_u32(&b, (uint32_t)doors->count);
	for (size_t i = 0; i < doors->count; i++)
		buf_put_u32(&b, (uint32_t)doors->at[i].fd);
	conns_put(conns, &b);
	cluster_put(&b);
	penalty_put(&b, clock_ms());
	err = b.bad ? -E2BIG : fd_write_full(fd, room, b.end);
	free(room);
	if (err == 0)
		*ret_fd = fd_give(&fd);
	return err;
}

int
handover_exec(const char *conf_file, const struct doors *doors, const struct conns *conns)
{
	char number[16];
	char *const argv[] = { program,
			       (char[]) { "-c" },
			       (char *)(uintptr_t)conf_file,
			       (char[]) { "--resume" },
			       number,
			       NULL };
	FD_OWN int state = -1;
	int err = write_state(doors, conns, &state);

	if (err < 0)
		return err;
	ignore_result(snprintf(number, sizeof(number), "%d", state));
	set_cloexec(doors, conns, state, 0);
	execve(program, argv, environ);
	err = -errno;
	set_cloexec(doors, conns, state, FD_CLOEXEC);
	return err;
}

void
handover_try(const char *conf_file, const struct doors *doors)
{
	const struct conns none = { 0 };
	char version[16], number[16];
	char *const argv[] = { program,
			       (char[]) { "-t" },
			       (char[]) { "-c" },
			       (char *)(uintptr_t)conf_file,
			       (char[]) { "--takes-over" },
			       version,
			       (char[]) { "--resume" },
			       number,
			       NULL };
	int keep[DOORS_MAX + 1], state, err = write_state(doors, &none, &state);

	if (err < 0)
		die("what is handed over cannot be written: %s", strerror(-err));
	for (size_t i = 0; i < doors->count; i++)
		keep[i] = doors->at[i].fd;
	keep[doors->count] = state;
	process_complain_to_log();
	process_keep(keep, doors->count + 1, true);
	set_cloexec(doors, &none, state, 0);
	ignore_result(snprintf(version, sizeof(version), "%u", HANDOVER_VERSION));
	ignore_result(snprintf(number, sizeof(number), "%d", state));
	execve(program, argv, environ);
	die("cannot execute %s: %s", program, strerror(errno));
}

int
handover_resume(int fd, struct conns *conns, struct handover *ret)
{
	uint8_t *room = mem_new(1, STATE_MAX);
	struct buf b;
	ssize_t n;
	int err = 0;

	n = pread(fd, room, STATE_MAX, 0);
	close(fd);
	buf_init_read(&b, room, n > 0 ? (size_t)n : 0);
	memset(ret, 0, sizeof(*ret));
	if (buf_get_u32(&b) != HANDOVER_VERSION)
		b.bad = true;
	ret->last_ms = buf_get_u64(&b);
	ret->doors.count = buf_get_u32(&b);
	if (ret->doors.count > DOORS_MAX)
		b.bad = true;
	for (size_t i = 0; !b.bad && i < ret->doors.count; i++)
		ret->doors.at[i].fd = (int)buf_get_u32(&b);
	if (!b.bad && conns_get(conns, &b) < 0)
		b.bad = true;
	cluster_get(&b);
	if (b.bad || penalty_get(&b, 0, clock_ms()) < 0 || buf_done(&b) < 0)
		err = -EBADMSG;
	free(room);
	if (err == 0)
		set_cloexec(&ret->doors, conns, -1, FD_CLOEXEC);
	return err;
}
