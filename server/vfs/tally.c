/* SPDX-License-Identifier: ISC */
/*
 * tally.c - the file behind quotas. Owns: its layout and its locks. Must not: know shares or words.
 * Invariant: held_* of a record is what its living slots hold, and perhaps more, until tally_bury.
 * The file is root's in system mode: a worker has the descriptor and nothing else.
 */
#include "server/vfs/tally.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/text.h"
#include "server/vfs/resolve.h"

#define ENTRY sizeof(struct tally_entry)
#define MAGIC 0x436f6666 /* kind of the head */
#define LAYOUT 1	 /* record of the head */
#define AT_ONCE 256	 /* entries that are read with one call */
#define TRIES 20000	 /* milliseconds that a lock is waited for */
#define ENTRIES_MAX (1u << 24)

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

/* Waits for the lock, but not for ever: the filter knows no waiting for locks. */
static int
wait_for_lock(int fd, uint32_t entry)
{
	int err;

	for (int i = 0; i < TRIES; i++) {
		err = lock_entry(fd, entry, F_WRLCK);
		if (err != -EAGAIN && err != -EACCES)
			return err;
		if (i >= 8) /* mostly it is a matter of microseconds */
			(void)poll(NULL, 0, 1);
	}
	return -EBUSY;
}

static void
unlock(int fd, uint32_t entry)
{
	ignore_result(lock_entry(fd, entry, F_UNLCK)); /* cannot fail: nothing is allocated */
}

/* Does a living session other than ours hold it? */
static bool
is_held(int fd, uint32_t entry)
{
	struct flock l = { .l_type = F_WRLCK,
			   .l_whence = SEEK_SET,
			   .l_start = place_of(entry),
			   .l_len = (off_t)ENTRY };

	return fcntl(fd, F_OFD_GETLK, &l) < 0 || l.l_type != F_UNLCK;
}

static int
put(int fd, uint32_t entry, const struct tally_entry *e)
{
	return fd_pwrite_full(fd, e, ENTRY, (uint64_t)place_of(entry));
}

static int
get(int fd, uint32_t entry, struct tally_entry *ret_e)
{
	ssize_t n = pread(fd, ret_e, ENTRY, place_of(entry));

	return n < 0 ? -errno : n == (ssize_t)ENTRY ? 0 : -EBADMSG;
}

uint64_t
tally_root(const char *path)
{
	return text_hash(path);
}

/*
 * Calls each with every entry until it says stop. Returns 0 or -errno; *ret_end: how many there
 * are.
 */
static int
walk(int fd, bool (*each)(void *ctx, uint32_t entry, const struct tally_entry *e), void *ctx,
     uint32_t *ret_end)
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
			go_on = !each || each(ctx, next, &room[i]);
		if (count == 0 || next >= ENTRIES_MAX)
			break;
	}
	free(room);
	*ret_end = next;
	return err;
}

/* The head of a file that may be new. Its lock is held by the caller. */
static int
check_head(int fd, bool make)
{
	struct tally_entry head = { .kind = MAGIC, .record = LAYOUT };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	if (st.st_size == 0 && make)
		return put(fd, 0, &head);
	if (get(fd, 0, &head) < 0 || head.kind != MAGIC || head.record != LAYOUT)
		return -EBADMSG;
	return 0;
}

/* The share's name in letters that a file's name may have. */
static int
file_name(const char *share, char *room, size_t size)
{
	struct text t;

	text_init(&t, room, size);
	for (const unsigned char *s = (const unsigned char *)share; *s; s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			     (*s >= '0' && *s <= '9') || *s == '-' || *s == '_';

		text_printf(&t, plain ? "%c" : "%%%02x", *s);
	}
	return t.cut ? -ENAMETOOLONG : 0;
}

int
tally_open(int dir, const char *share, bool make, struct tally *ret_tally)
{
	FD_OWN int fd = -1;
	char name[256];
	int err = file_name(share, name, sizeof(name));

	if (err == 0)
		err = resolve_at(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | (make ? O_CREAT : 0),
				 0600, &fd);
	if (err == 0)
		err = wait_for_lock(fd, 0);
	if (err < 0)
		return err;
	err = check_head(fd, make);
	unlock(fd, 0);
	if (err < 0)
		return err;
	*ret_tally = (struct tally) { .fd = fd_give(&fd) };
	return 0;
}

void
tally_close(struct tally *t)
{
	for (size_t i = 0; i < t->slot_count && t->fd >= 0; i++) {
		struct tally_deal deal;
		struct tally_entry slot;

		if (get(t->fd, t->slots[i], &slot) < 0 || slot.kind != TALLY_SLOT ||
		    tally_begin(t, slot.record, false, &deal) < 0)
			continue; /* our lock goes: whoever wants the room buries us */
		deal.rec.held_bytes -=
		    deal.mine.bytes < deal.rec.held_bytes ? deal.mine.bytes : deal.rec.held_bytes;
		deal.rec.held_files -=
		    deal.mine.files < deal.rec.held_files ? deal.mine.files : deal.rec.held_files;
		deal.mine = (struct tally_entry) { .kind = TALLY_FREE };
		tally_end(&deal);
	}
	free(t->slots);
	fd_close(&t->fd);
	*t = (struct tally) { .fd = -1 };
}

struct search {
	uint32_t uid;
	uint64_t root;
	uint32_t found; /* 0: not */
};

static bool
is_record(void *ctx, uint32_t entry, const struct tally_entry *e)
{
	struct search *s = ctx;

	if (e->kind == TALLY_RECORD && e->uid == s->uid && e->root == s->root)
		s->found = entry;
	return s->found == 0;
}

int
tally_find(struct tally *t, uint32_t uid, uint64_t root, const char *user, uint32_t *ret_record)
{
	struct tally_entry rec = { .kind = TALLY_RECORD, .uid = uid, .root = root };
	struct search s = { .uid = uid, .root = root };
	uint32_t end;
	int err = wait_for_lock(t->fd, 0);

	if (err < 0)
		return err;
	err = walk(t->fd, is_record, &s, &end);
	if (err == 0 && s.found == 0) {
		ignore_result(text_copy(rec.user, sizeof(rec.user), user)); /* for people */
		s.found = end;
		err = end < ENTRIES_MAX ? put(t->fd, end, &rec) : -EFBIG;
	}
	unlock(t->fd, 0);
	if (err == 0)
		*ret_record = s.found;
	return err;
}

struct visit {
	tally_fn *each;
	void *ctx;
};

static bool
visit(void *ctx, uint32_t entry, const struct tally_entry *e)
{
	struct visit *v = ctx;

	if (e->kind == TALLY_RECORD)
		v->each(v->ctx, entry, e);
	return true;
}

int
tally_each(struct tally *t, tally_fn *each, void *ctx)
{
	struct visit v = { .each = each, .ctx = ctx };
	uint32_t end;

	return walk(t->fd, visit, &v, &end);
}

struct hunt {
	const struct tally *t;
	uint32_t found;
};

/*
 * An entry that no record is, and that nobody holds. What a dead session left there is not lost:
 * tally_bury looks before a slot is taken again.
 */
static bool
is_free(void *ctx, uint32_t entry, const struct tally_entry *e)
{
	struct hunt *h = ctx;

	if (entry > 0 && e->kind == TALLY_FREE && lock_entry(h->t->fd, entry, F_WRLCK) == 0)
		h->found = entry;
	return h->found == 0;
}

/* Our slot of the record; made when we have none. */
static int
find_slot(struct tally *t, uint32_t record, uint32_t *ret_slot, struct tally_entry *ret_mine)
{
	struct tally_entry slot = { .kind = TALLY_SLOT, .record = record };
	struct hunt h = { .t = t };
	uint32_t end;
	int err;

	for (size_t i = 0; i < t->slot_count; i++) {
		if (get(t->fd, t->slots[i], ret_mine) == 0 && ret_mine->kind == TALLY_SLOT &&
		    ret_mine->record == record) {
			*ret_slot = t->slots[i];
			return 0;
		}
	}
	err = wait_for_lock(t->fd, 0);
	if (err < 0)
		return err;
	err = walk(t->fd, is_free, &h, &end);
	if (err == 0 && h.found == 0) {
		h.found = end;
		err = end < ENTRIES_MAX ? lock_entry(t->fd, end, F_WRLCK) : -EFBIG;
	}
	if (err == 0)
		err = put(t->fd, h.found, &slot);
	unlock(t->fd, 0);
	if (err < 0)
		return err;
	t->slots = mem_grow(t->slots, t->slot_count + 1, sizeof(*t->slots));
	t->slots[t->slot_count++] = h.found;
	*ret_slot = h.found;
	*ret_mine = slot;
	return 0;
}

int
tally_begin(struct tally *t, uint32_t record, bool busy, struct tally_deal *ret_deal)
{
	struct tally_deal *d = ret_deal;
	int err = wait_for_lock(t->fd, record);

	if (err < 0)
		return err;
	d->t = t;
	d->record = record;
	err = get(t->fd, record, &d->rec);
	if (err == 0 && d->rec.kind != TALLY_RECORD)
		err = -EBADMSG;
	if (err == 0)
		err = find_slot(t, record, &d->slot, &d->mine);
	if (err == 0 && busy) {
		d->mine.flags |= TALLY_BUSY;
		err = put(t->fd, d->slot, &d->mine);
	}
	if (err < 0)
		unlock(t->fd, record);
	return err;
}

void
tally_end(struct tally_deal *d)
{
	int err;

	d->mine.flags &= ~(uint32_t)TALLY_BUSY;
	err = put(d->t->fd, d->record, &d->rec);
	/* The slot last: until then a death means that somebody counts. */
	if (err == 0)
		err = put(d->t->fd, d->slot, &d->mine);
	unlock(d->t->fd, d->record);
	ignore_result(err); /* the disk is full or sick: the slot says that it has to be counted */
}

struct cover {
	const struct tally_deal *deal;
	uint64_t bytes;
};

static bool
add_cover(void *ctx, uint32_t entry, const struct tally_entry *e)
{
	struct cover *c = ctx;

	if (e->kind == TALLY_SLOT && e->record == c->deal->record && entry != c->deal->slot &&
	    e->held_bytes > 0 && is_held(c->deal->t->fd, entry))
		c->bytes += e->held_bytes;
	return true;
}

uint64_t
tally_covered(const struct tally_deal *deal)
{
	struct cover c = { .deal = deal, .bytes = deal->mine.held_bytes };
	uint32_t end;

	return walk(deal->t->fd, add_cover, &c, &end) < 0 ? UINT64_MAX : c.bytes;
}

struct burial {
	struct tally_deal *deal;
	uint64_t bytes, files;
	bool found;
};

static bool
bury(void *ctx, uint32_t entry, const struct tally_entry *e)
{
	struct burial *b = ctx;
	struct tally_deal *d = b->deal;
	const struct tally_entry none = { .kind = TALLY_FREE };

	if (e->kind != TALLY_SLOT || e->record != d->record)
		return true;
	if (entry == d->slot || is_held(d->t->fd, entry)) {
		b->bytes += entry == d->slot ? d->mine.bytes : e->bytes;
		b->files += entry == d->slot ? d->mine.files : e->files;
		return true;
	}
	if (e->bytes || e->files || e->walks || (e->flags & TALLY_BUSY))
		b->found = true;
	ignore_result(put(d->t->fd, entry, &none)); /* then the next one does it */
	return true;
}

bool
tally_bury(struct tally_deal *deal)
{
	struct burial b = { .deal = deal };
	uint32_t end;

	if (walk(deal->t->fd, bury, &b, &end) < 0)
		return false;
	deal->rec.held_bytes = b.bytes;
	deal->rec.held_files = b.files;
	if (b.found)
		deal->rec.flags |= TALLY_DIRTY;
	return b.found;
}
