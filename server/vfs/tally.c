/* SPDX-License-Identifier: ISC */
/*
 * tally.c - the records of the file behind quotas: found, and changed under their locks. Must not:
 * know shares or words. What a session has put aside is tally_slot.c.
 * Invariant: held_* of a record is what its living slots hold, and perhaps more, until tally_bury.
 * The file is root's in system mode: a worker has the descriptor and nothing else.
 */
#include "server/vfs/tally.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "server/base/fd.h"
#include "server/base/text.h"
#include "server/vfs/resolve.h"
#include "server/vfs/tally_in.h"

uint64_t
tally_root(const char *path)
{
	return text_hash(path);
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
		err = tally_lock(fd, 0);
	if (err < 0)
		return err;
	err = tally_check_head(fd, make);
	tally_unlock(fd, 0);
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

		if (tally_get(t->fd, t->slots[i], &slot) < 0 || slot.kind != TALLY_SLOT ||
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
	int err = tally_lock(t->fd, 0);

	if (err < 0)
		return err;
	err = tally_walk(t->fd, is_record, &s, &end);
	if (err == 0 && s.found == 0) {
		ignore_result(text_copy(rec.user, sizeof(rec.user), user)); /* for people */
		s.found = end;
		err = end < TALLY_ENTRIES_MAX ? tally_put(t->fd, end, &rec) : -EFBIG;
	}
	tally_unlock(t->fd, 0);
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

	return tally_walk(t->fd, visit, &v, &end);
}

int
tally_begin(struct tally *t, uint32_t record, bool busy, struct tally_deal *ret_deal)
{
	struct tally_deal *d = ret_deal;
	int err = tally_lock(t->fd, record);

	if (err < 0)
		return err;
	d->t = t;
	d->record = record;
	err = tally_get(t->fd, record, &d->rec);
	if (err == 0 && d->rec.kind != TALLY_RECORD)
		err = -EBADMSG;
	if (err == 0)
		err = tally_find_slot(t, record, &d->slot, &d->mine);
	if (err == 0 && busy) {
		d->mine.flags |= TALLY_BUSY;
		err = tally_put(t->fd, d->slot, &d->mine);
	}
	if (err < 0)
		tally_unlock(t->fd, record);
	return err;
}

void
tally_end(struct tally_deal *d)
{
	int err;

	d->mine.flags &= ~(uint32_t)TALLY_BUSY;
	err = tally_put(d->t->fd, d->record, &d->rec);
	/* The slot last: until then a death means that somebody counts. */
	if (err == 0)
		err = tally_put(d->t->fd, d->slot, &d->mine);
	tally_unlock(d->t->fd, d->record);
	ignore_result(err); /* the disk is full or sick: the slot says that it has to be counted */
}
