/* SPDX-License-Identifier: ISC */
/*
 * tally_slot.c - what single sessions have put aside. Owns: whose slot is whose, and what becomes
 * of those of the dead. Invariant: a slot is taken only by who has its lock, and keeps it while he
 * lives.
 */
#include "server/vfs/tally_in.h"

#include <errno.h>

#include "server/base/fd.h"

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

	if (entry > 0 && e->kind == TALLY_FREE && tally_try_lock(h->t->fd, entry) == 0)
		h->found = entry;
	return h->found == 0;
}

int
tally_find_slot(struct tally *t, uint32_t record, uint32_t *ret_slot, struct tally_entry *ret_mine)
{
	struct tally_entry slot = { .kind = TALLY_SLOT, .record = record };
	struct hunt h = { .t = t };
	uint32_t end;
	int err;

	for (size_t i = 0; i < t->slot_count; i++) {
		if (tally_get(t->fd, t->slots[i], ret_mine) == 0 && ret_mine->kind == TALLY_SLOT &&
		    ret_mine->record == record) {
			*ret_slot = t->slots[i];
			return 0;
		}
	}
	err = tally_lock(t->fd, 0);
	if (err < 0)
		return err;
	err = tally_walk(t->fd, is_free, &h, &end);
	if (err == 0 && h.found == 0) {
		h.found = end;
		err = end < TALLY_ENTRIES_MAX ? tally_try_lock(t->fd, end) : -EFBIG;
	}
	if (err == 0)
		err = tally_put(t->fd, h.found, &slot);
	tally_unlock(t->fd, 0);
	if (err < 0)
		return err;
	t->slots = mem_grow(t->slots, t->slot_count + 1, sizeof(*t->slots));
	t->slots[t->slot_count++] = h.found;
	*ret_slot = h.found;
	*ret_mine = slot;
	return 0;
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
	    e->held_bytes > 0 && tally_is_held(c->deal->t->fd, entry))
		c->bytes += e->held_bytes;
	return true;
}

uint64_t
tally_covered(const struct tally_deal *deal)
{
	struct cover c = { .deal = deal, .bytes = deal->mine.held_bytes };
	uint32_t end;

	return tally_walk(deal->t->fd, add_cover, &c, &end) < 0 ? UINT64_MAX : c.bytes;
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
	if (entry == d->slot || tally_is_held(d->t->fd, entry)) {
		b->bytes += entry == d->slot ? d->mine.bytes : e->bytes;
		b->files += entry == d->slot ? d->mine.files : e->files;
		return true;
	}
	if (e->bytes || e->files || e->walks || (e->flags & TALLY_BUSY))
		b->found = true;
	ignore_result(tally_put(d->t->fd, entry, &none)); /* then the next one does it */
	return true;
}

bool
tally_bury(struct tally_deal *deal)
{
	struct burial b = { .deal = deal };
	uint32_t end;

	if (tally_walk(deal->t->fd, bury, &b, &end) < 0)
		return false;
	deal->rec.held_bytes = b.bytes;
	deal->rec.held_files = b.files;
	if (b.found)
		deal->rec.flags |= TALLY_DIRTY;
	return b.found;
}
