/* SPDX-License-Identifier: ISC */
/*
 * part.c - the hidden files of one upload: how they are called, and what becomes of them when it
 * breaks. Must not: decide by itself whether a writer lives (part_life.c).
 * Invariant: a part is only taken over by the user who wrote it, and only while nobody holds its
 * lock.
 */
#include "server/vfs/part.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/text.h"
#include "server/vfs/charge.h"
#include "server/vfs/part_in.h"
#include "server/vfs/resolve.h"
#include "server/vfs/rule.h"
#include "server/vfs/world.h"

/* Bytes of the real name that stand in the hidden one. */
#define SHOWN_MAX 40

static const char *const prefixes[] = {
	[PART_ACTIVE] = RULE_OUR_PREFIX "part~",
	[PART_KEPT] = RULE_OUR_PREFIX "kept~",
	[PART_MARK] = RULE_OUR_PREFIX "mark~",
};

void
part_name(enum part_kind kind, const char *user, const char *name, char room[PART_NAME_MAX])
{
	size_t shown = strlen(name);

	/* Some filesystems take UTF-8 only, so no character may be cut in two. */
	if (shown > SHOWN_MAX) {
		shown = SHOWN_MAX;
		while (shown > 0 && ((unsigned char)name[shown] & 0xc0) == 0x80)
			shown--;
	}
	(void)snprintf(room, PART_NAME_MAX, "%s%s%s%016" PRIx64 "~%.*s", prefixes[kind],
		       kind == PART_ACTIVE ? "" : user, kind == PART_ACTIVE ? "" : "~",
		       text_hash(name), (int)shown, name);
}

bool
part_is_named(enum part_kind kind, const char *hidden)
{
	return strncmp(hidden, prefixes[kind], strlen(prefixes[kind])) == 0;
}

bool
part_belongs(const struct world *w, const char *hidden)
{
	const char *user = w->account->name;
	size_t len = strlen(user);

	for (enum part_kind kind = PART_KEPT; kind <= PART_MARK; kind++) {
		size_t head = strlen(prefixes[kind]);

		if (part_is_named(kind, hidden) && strncmp(hidden + head, user, len) == 0 &&
		    hidden[head + len] == '~')
			return true;
	}
	return false;
}

static void
name_of(const struct world *w, enum part_kind kind, const char *name, char room[PART_NAME_MAX])
{
	part_name(kind, w->account->name, name, room);
}

/* What we would go on writing must be ours alone: not planted, not linked from elsewhere. */
static bool
is_ours(const struct world *w, const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == w->account->uid && st->st_nlink == 1;
}

int
part_find_kept(struct world *w, struct share *share, int dir, const char *name, struct stat *ret_st)
{
	char hidden[PART_NAME_MAX];
	struct stat st;

	name_of(w, PART_KEPT, name, hidden);
	if (fstatat(dir, hidden, &st, AT_SYMLINK_NOFOLLOW) < 0 || !is_ours(w, &st))
		return -ENOENT;
	if (part_is_over(share, PART_KEPT, &st)) {
		part_remove(w, share, PART_KEPT, dir, name);
		return -ENOENT;
	}
	*ret_st = st;
	return 0;
}

int
part_check(int dir, const char *hidden, dev_t dev, ino_t ino)
{
	struct stat named;

	if (fstatat(dir, hidden, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? -ESTALE : -errno;
	return named.st_ino == ino && named.st_dev == dev ? 0 : -ESTALE;
}

/* Is it still the file behind fd? */
static int
check_fd(int dir, const char *hidden, int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? -errno : part_check(dir, hidden, st.st_dev, st.st_ino);
}

int
part_drop(int dir, const char *name, int fd)
{
	char hidden[PART_NAME_MAX];
	int err;

	part_name(PART_ACTIVE, NULL, name, hidden);
	err = check_fd(dir, hidden, fd);
	return err == 0 && unlinkat(dir, hidden, 0) < 0 ? -errno : err;
}

int
part_keep(struct world *w, const struct share *share, int dir, const char *name, int fd)
{
	char active[PART_NAME_MAX], kept[PART_NAME_MAX];
	int err;

	if (share->conf->partial_keep_ms == 0)
		return part_drop(dir, name, fd);
	name_of(w, PART_ACTIVE, name, active);
	err = check_fd(dir, active, fd);
	if (err < 0)
		return err;
	name_of(w, PART_KEPT, name, kept);
	return renameat(dir, active, dir, kept) < 0 ? -errno : 0;
}

int
part_remove_hidden(struct world *w, struct share *share, int dir, const char *hidden)
{
	if (part_is_named(PART_KEPT, hidden))
		return charge_remove(w, share, dir, hidden, 0);
	return unlinkat(dir, hidden, 0) < 0 ? -errno : 0;
}

void
part_remove(struct world *w, struct share *share, enum part_kind kind, int dir, const char *name)
{
	char hidden[PART_NAME_MAX];
	struct stat st;

	name_of(w, kind, name, hidden);
	/* Mostly it is not there, and a look costs a third; if it stays, its time runs out. */
	if (fstatat(dir, hidden, &st, AT_SYMLINK_NOFOLLOW) == 0)
		ignore_result(part_remove_hidden(w, share, dir, hidden));
}

/* What a mark says of the file that it stands for. */
static int
describe(const struct stat *st, char *room, size_t size)
{
	return snprintf(room, size, "%ju %jd %jd.%09ld\n", (uintmax_t)st->st_ino,
			(intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

int
part_mark(struct world *w, int dir, const char *name, const struct stat *was)
{
	FD_OWN int fd = -1;
	char hidden[PART_NAME_MAX], text[128];
	int len, err;

	name_of(w, PART_MARK, name, hidden);
	err = resolve_at(dir, hidden, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0600,
			 &fd);
	if (err < 0)
		return err;
	len = describe(was, text, sizeof(text));
	return fd_write_full(fd, text, (size_t)len);
}

bool
part_is_marked(struct world *w, struct share *share, int dir, const char *name,
	       const struct stat *now)
{
	FD_OWN int fd = -1;
	char hidden[PART_NAME_MAX], text[128], found[128];
	struct stat st;
	ssize_t n;
	int len;

	name_of(w, PART_MARK, name, hidden);
	if (resolve_at(dir, hidden, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &fd) < 0)
		return false;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	len = describe(now, text, sizeof(text));
	n = fd_read_full(fd, found, sizeof(found));
	/* A mark that could not be written whole (the disk was full) still warns. */
	if (!part_is_over(share, PART_MARK, &st) &&
	    (n == 0 || (n == len && memcmp(found, text, (size_t)n) == 0)))
		return true;
	part_remove(w, share, PART_MARK, dir, name);
	return false;
}

/* A block that was never written: the end of the file came before what stands in front of it. */
static bool
has_hole(int fd, const struct stat *st)
{
	off_t hole = lseek(fd, 0, SEEK_HOLE);

	return hole >= 0 && hole < st->st_size;
}

int
part_recover(struct world *w, struct share *share, int dir, const char *name,
	     const struct stat *target)
{
	FD_OWN int fd = -1;
	char hidden[PART_NAME_MAX];
	struct stat st;
	int err;

	name_of(w, PART_ACTIVE, name, hidden);
	err = part_seize(dir, hidden, &fd, &st);
	if (err == -ENOENT)
		return 0;
	if (err < 0)
		return err;
	if (fd < 0 && !part_is_abandoned(share, &st)) /* another user's: perhaps alive */
		return -EBUSY;
	charge_dirty(w, share); /* nobody has said what it was worth */
	/* Virtual users share a uid: whose it was cannot be told. */
	if (fd >= 0 && !target && is_ours(w, &st) && !w->account->is_virtual && st.st_size > 0 &&
	    !has_hole(fd, &st))
		return part_keep(w, share, dir, name, fd);
	if (fd >= 0 && target && is_ours(w, &st))
		err = part_mark(w, dir, name, target);
	if (err == 0 && unlinkat(dir, hidden, 0) < 0 && errno != ENOENT)
		err = -errno;
	return err;
}
