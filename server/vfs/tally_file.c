/* SPDX-License-Identifier: ISC */
/*
 * tally_file.c - the file behind quotas as an array of entries. Owns: its layout, its head, and the
 * locks of entries. Must not: know what an entry means.
 */
#include "server/vfs/tally_in.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/fd.h"

#define ENTRY sizeof(struct tally_entry)
#define MAGIC 0x436f6666 /* kind of the head */
#define LAYOUT 1	 /* record of the head */
#define AT_ONCE 256	 /* entries that are read with one call */
#define TRIES 20000	 /* milliseconds that a lock is waited for */

_Static_assert(ENTRY == 128, "the layout of the file");

static off_t
place_of(uint32_t entry)
{
	return (off_t)entry * (off_t)ENTRY;
}

static int
lock_entry(int fd, uint32_t entry, short type)
{
	struct flock l = { .l_type = type,
			   .l_whence = SEEK_SET,
			   .l_start = place_of(entry),
			   .l_len = (off_t)ENTRY };

	return fcntl(fd, F_OFD_SETLK, &l) < 0 ? -errno : 0;
}

int
tally_try_lock(int fd, uint32_t entry)
{
	return lock_entry(fd, entry, F_WRLCK);
}

int
tally_lock(int fd, uint32_t entry)
{
	int err;

	/* Not in the kernel and not for ever: the filter knows no waiting for locks. */
	for (int i = 0; i < TRIES; i++) {
		err = tally_try_lock(fd, entry);
		if (err != -EAGAIN && err != -EACCES)
			return err;
		if (i >= 8) /* mostly it is a matter of microseconds */
			(void)poll(NULL, 0, 1);
	}
	return -EBUSY;
}

void
tally_unlock(int fd, uint32_t entry)
{
	ignore_result(lock_entry(fd, entry, F_UNLCK)); /* cannot fail: nothing is allocated */
}

bool
tally_is_held(int fd, uint32_t entry)
{
	struct flock l = { .l_type = F_WRLCK,
			   .l_whence = SEEK_SET,
			   .l_start = place_of(entry),
			   .l_len = (off_t)ENTRY };

	return fcntl(fd, F_OFD_GETLK, &l) < 0 || l.l_type != F_UNLCK;
}

int
tally_put(int fd, uint32_t entry, const struct tally_entry *e)
{
	return fd_pwrite_full(fd, e, ENTRY, (uint64_t)place_of(entry));
}

int
tally_get(int fd, uint32_t entry, struct tally_entry *ret_e)
{
	ssize_t n = pread(fd, ret_e, ENTRY, place_of(entry));

	return n < 0 ? -errno : n == (ssize_t)ENTRY ? 0 : -EBADMSG;
}

int
tally_walk(int fd, tally_walk_fn *each, void *ctx, uint32_t *ret_end)
{
	struct tally_entry *room = mem_new(AT_ONCE, ENTRY);
	uint32_t next = 0;
	bool go_on = true;
	int err = 0;

	while (go_on) {
		ssize_t n = pread(fd, room, AT_ONCE * ENTRY, place_of(next));
		size_t count = n > 0 ? (size_t)n / ENTRY : 0;

		if (n < 0)
			err = -errno;
		for (size_t i = 0; i < count && go_on; i++, next++)
			go_on = each(ctx, next, &room[i]);
		if (count == 0 || next >= TALLY_ENTRIES_MAX)
			break;
	}
	free(room);
	*ret_end = next;
	return err;
}

int
tally_check_head(int fd, bool make)
{
	struct tally_entry head = { .kind = MAGIC, .record = LAYOUT };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	if (st.st_size == 0 && make)
		return tally_put(fd, 0, &head);
	if (tally_get(fd, 0, &head) < 0 || head.kind != MAGIC || head.record != LAYOUT)
		return -EBADMSG;
	return 0;
}
