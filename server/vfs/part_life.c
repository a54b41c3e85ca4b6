/* SPDX-License-Identifier: ISC */
/*
 * part_life.c - is a hidden file still wanted? Owns: how long each kind is kept, and the locks by
 * which it is known whether a writer lives. Must not: change or remove anything.
 */
#include "server/vfs/part_in.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/vfs/resolve.h"

/* A part is locked right after it was made; until then it looks as if its writer had died. */
#define BIRTH_S 1
/*
 * How long a rolled-back upload is remembered where no part is kept; and how long a part whose lock
 * cannot be asked for is believed to be written: never for less than this.
 */
#define DAY_MS (24ull * 3600 * 1000)

static uint64_t
keep_ms(const struct share *share, enum part_kind kind)
{
	uint64_t ms = share->conf->partial_keep_ms;

	return kind == PART_MARK && ms == 0 ? DAY_MS : ms;
}

static bool
is_older(const struct stat *st, uint64_t ms)
{
	struct timespec now;

	/* The clock that files are stamped with. What seems to be from the future is not old. */
	if (clock_gettime(CLOCK_REALTIME_COARSE, &now) < 0)
		return false;
	return now.tv_sec > st->st_mtim.tv_sec &&
	       (uint64_t)(now.tv_sec - st->st_mtim.tv_sec) > ms / 1000;
}

bool
part_is_over(const struct share *share, enum part_kind kind, const struct stat *st)
{
	return is_older(st, keep_ms(share, kind));
}

bool
part_is_abandoned(const struct share *share, const struct stat *st)
{
	uint64_t ms = keep_ms(share, PART_ACTIVE);

	return is_older(st, ms > DAY_MS ? ms : DAY_MS);
}

/* Was it touched just now? */
static bool
is_fresh(const struct stat *st)
{
	struct timespec now;
	time_t age =
	    clock_gettime(CLOCK_REALTIME_COARSE, &now) < 0 ? 0 : now.tv_sec - st->st_ctim.tv_sec;

	return age >= 0 && age <= BIRTH_S;
}

int
part_seize(int dir, const char *hidden, int *ret_fd, struct stat *ret_st)
{
	FD_OWN int fd = -1;
	struct stat st, named;
	/* For writing: NFS locks nothing for readers. */
	int err = resolve_at(dir, hidden, O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0, &fd);

	if (err < 0 && err != -EACCES)
		return err;
	if (fstatat(dir, hidden, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	*ret_st = named;
	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* Somebody dealt with it while we came, or is about to lock what he has made. */
	if (st.st_ino != named.st_ino || st.st_dev != named.st_dev || is_fresh(&st))
		return -EBUSY;
	*ret_fd = fd_give(&fd);
	return 0;
}
