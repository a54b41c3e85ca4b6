/* SPDX-License-Identifier: ISC */
/*
 * charge_file.c - files that are being written: room is put aside while they grow, and what they
 * have become is charged. Invariant: what is put aside is given back exactly once.
 */
#include "server/vfs/charge.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "server/vfs/charge_room.h"
#include "server/vfs/file.h"
#include "server/vfs/quota.h"
#include "server/vfs/world.h"

/* What is put aside at once: a part of what is left, so that several uploads get on together. */
#define GRANT_PART 16
#define GRANT_MIN (64u * 1024)
#define GRANT_MAX (64u * 1024 * 1024)

static bool
is_twin(const struct file *f, const struct share *share, const struct stat *st)
{
	return f->kind == FILE_IN_PLACE && f->hold.on && f->share == share &&
	       f->dev == st->st_dev && f->ino == st->st_ino;
}

/* How many bytes of what it replaces may stand for bytes of it that were not granted yet. */
static uint64_t
cover_left(const struct tally_deal *deal, const struct charge_hold *hold)
{
	uint64_t left = hold->credit - hold->covered, covered;

	if (left == 0)
		return 0;
	/* Not for more than there is: what was to be replaced may be gone by now. */
	covered = tally_covered(deal);
	if (covered >= deal->rec.bytes)
		return 0;
	return left < deal->rec.bytes - covered ? left : deal->rec.bytes - covered;
}

/* Takes more out of what is left; at least need, better a good piece. */
static void
grant(struct share *share, struct tally_deal *deal, struct charge_hold *hold, uint64_t need)
{
	uint64_t cover = cover_left(deal, hold), left = charge_left(share, &deal->rec).bytes;
	uint64_t all = left < UINT64_MAX - cover ? left + cover : UINT64_MAX;
	uint64_t piece = all / GRANT_PART;

	if (piece < GRANT_MIN)
		piece = GRANT_MIN;
	if (piece > GRANT_MAX)
		piece = GRANT_MAX;
	if (piece > all)
		piece = all;
	if (piece < need)
		piece = need; /* charge_check has said yes */
	if (cover > piece)
		cover = piece;
	hold->granted += piece;
	hold->covered += cover;
	deal->mine.held_bytes += cover;
	deal->rec.held_bytes += piece - cover;
	deal->mine.bytes += piece - cover;
}

int
charge_open(struct world *w, struct file *f, uid_t uid, bool counted, uint64_t base,
	    const struct stat *replaced)
{
	struct charge_hold *hold = &f->hold;
	struct share *share = f->share;
	uint64_t credit = replaced ? (uint64_t)replaced->st_size : 0;
	struct tally_deal deal;
	uint32_t record;
	int err;

	if (!charge_has_tally(share) || hold->on)
		return 0;
	err = charge_record(w, share, uid, &record);
	if (err == 0)
		err = tally_begin(&share->tally, record, false, &deal);
	if (err < 0)
		return charge_counting(w, err);
	if (!counted)
		err = charge_check(w, share, &deal, share->conf->quota_bytes && credit == 0,
				   !replaced);
	if (err == 0) {
		*hold = (struct charge_hold) { .on = true,
					       .counted = counted,
					       .replaces = replaced != NULL,
					       .held_file = !counted && !replaced,
					       .record = record,
					       .walks = deal.rec.walks,
					       .base = base,
					       .credit = credit };
		deal.mine.walks++;
		deal.rec.held_files += hold->held_file;
		deal.mine.files += hold->held_file;
		if (share->conf->quota_bytes)
			grant(share, &deal, hold, 0);
	}
	tally_end(&deal);
	return err;
}

/* Puts aside what is missing for size. */
static int
hold_more(struct world *w, struct file *f, uint64_t size)
{
	struct charge_hold *hold = &f->hold;
	uint64_t need = size - hold->base - hold->granted, cover;
	struct tally_deal deal;
	int err = tally_begin(&f->share->tally, hold->record, false, &deal);

	if (err < 0)
		return charge_counting(w, err);
	cover = cover_left(&deal, hold);
	err = charge_check(w, f->share, &deal, need > cover ? need - cover : 0, 0);
	if (err == 0)
		grant(f->share, &deal, hold, need);
	tally_end(&deal);
	return err;
}

int
charge_grow(struct world *w, struct file *f, uint64_t size)
{
	const struct charge_hold *hold = &f->hold;
	bool counts = hold->on && f->share->conf->quota_bytes;
	uint64_t limit;
	int err = quota_check_size(w, f->share, size);

	if (err == 0)
		err = quota_room(w, f->share, f->fd, size, &limit);
	if (err == 0 && counts && size > hold->base + hold->granted)
		err = hold_more(w, f, size);
	if (err < 0)
		return err;
	if (limit > quota_limit(f->share))
		limit = quota_limit(f->share);
	if (counts && limit > hold->base + hold->granted)
		limit = hold->base + hold->granted;
	f->limit = limit;
	return 0;
}

static void
release(struct tally_deal *deal, struct charge_hold *hold)
{
	int64_t aside = (int64_t)(hold->granted - hold->covered);

	charge_add(&deal->rec.held_bytes, -aside);
	charge_add(&deal->mine.bytes, -aside);
	charge_add(&deal->mine.held_bytes, -(int64_t)hold->covered);
	hold->granted = hold->credit = hold->covered = 0;
	hold->replaces = false;
	if (!hold->held_file)
		return;
	charge_add(&deal->rec.held_files, -1);
	charge_add(&deal->mine.files, -1);
	hold->held_file = false;
}

/* Others of this session that have the same file open must not count its growth once more. */
static void
tell_twins(struct world *w, const struct share *share, const struct stat *st, uint64_t base,
	   uint32_t walks)
{
	for (uint32_t i = 0; i < w->file_max; i++) {
		struct file *f = &w->files[i];

		if (is_twin(f, share, st)) {
			f->hold.base = base;
			f->hold.walks = walks;
		}
	}
}

void
charge_settle(struct world *w, struct file *f)
{
	struct charge_hold *hold = &f->hold;
	struct tally_deal deal;
	struct stat st;

	if (!hold->on || fstat(f->fd, &st) < 0 ||
	    tally_begin(&f->share->tally, hold->record, false, &deal) < 0)
		return; /* the slot tells that something is open */
	if (!hold->gone && (st.st_nlink == 0 ||
			    ((hold->counted || hold->moved) && deal.rec.walks != hold->walks))) {
		/*
		 * Somebody else removed it, or counted it half-grown, or just as it got its name.
		 */
		deal.rec.flags |= TALLY_DIRTY;
	} else if (!hold->gone) {
		charge_add(&deal.rec.bytes, (int64_t)st.st_size - (int64_t)hold->base);
		deal.rec.files += !hold->counted;
	}
	release(&deal, hold);
	hold->counted = true;
	hold->moved = false;
	hold->walks = deal.rec.walks;
	hold->base = (uint64_t)st.st_size;
	tally_end(&deal);
	tell_twins(w, f->share, &st, hold->base, hold->walks);
}

void
charge_drop(struct world *w, struct file *f)
{
	struct charge_hold *hold = &f->hold;
	struct tally_deal deal;

	(void)w;
	if (!hold->on || tally_begin(&f->share->tally, hold->record, false, &deal) < 0)
		return;
	if (hold->counted && deal.rec.walks != hold->walks) {
		deal.rec.flags |= TALLY_DIRTY;
	} else if (hold->counted && !hold->gone) {
		charge_add(&deal.rec.bytes, -(int64_t)hold->base);
		charge_add(&deal.rec.files, -1);
	}
	release(&deal, hold);
	deal.mine.walks -= deal.mine.walks > 0;
	hold->on = false;
	tally_end(&deal);
}

void
charge_close(struct world *w, struct file *f)
{
	if (!f->hold.on)
		return;
	/* A part that still is one was neither published nor put away: it was never made. */
	if (f->kind == FILE_PART || f->kind == FILE_FREE) {
		charge_drop(w, f);
		return;
	}
	charge_settle(w, f);
	charge_forget(w, f);
}

void
charge_forget(struct world *w, struct file *f)
{
	struct tally_deal deal;

	(void)w;
	if (!f->hold.on)
		return;
	f->hold.on = false;
	if (tally_begin(&f->share->tally, f->hold.record, false, &deal) < 0)
		return;
	deal.mine.walks -= deal.mine.walks > 0;
	tally_end(&deal);
}

int
charge_move(struct world *w, struct file *f, struct charge *ret_charge)
{
	int err = charge_begin(w, f->share, w->account->uid, 0, 0, ret_charge);

	if (err == 0 && ret_charge->on) {
		f->hold.walks = ret_charge->deal.rec.walks;
		f->hold.moved = true;
	}
	return err;
}

int
charge_replaces(struct world *w, struct file *f, struct charge *c, const struct stat *replaced)
{
	struct charge_hold *hold = &f->hold;
	uint64_t size = replaced ? (uint64_t)replaced->st_size : 0, bare;
	bool no_file = hold->replaces && !replaced;
	int err;

	if (!c->on || !hold->on || (!no_file && size >= hold->covered))
		return 0;
	bare = hold->covered > size ? hold->covered - size : 0;
	err = charge_check(w, f->share, &c->deal, bare, no_file);
	if (err < 0)
		return err;
	hold->credit = size;
	hold->covered -= bare;
	charge_add(&c->deal.mine.held_bytes, -(int64_t)bare);
	c->deal.rec.held_bytes += bare;
	c->deal.mine.bytes += bare;
	if (no_file) {
		hold->replaces = false;
		hold->held_file = true;
		c->deal.rec.held_files++;
		c->deal.mine.files++;
	}
	return 0;
}

void
charge_touch(struct world *w, struct share *share, const struct stat *st)
{
	for (uint32_t i = 0; charge_has_tally(share) && i < w->file_max; i++) {
		if (is_twin(&w->files[i], share, st) && !w->files[i].hold.gone)
			charge_settle(w, &w->files[i]);
	}
}

void
charge_touched(struct world *w, struct share *share, const struct stat *st, bool removed)
{
	for (uint32_t i = 0; charge_has_tally(share) && i < w->file_max; i++) {
		struct file *f = &w->files[i];

		if (!is_twin(f, share, st))
			continue;
		f->hold.gone = f->hold.gone || removed;
		f->hold.base = (uint64_t)st->st_size;
	}
}

int
charge_resize(struct world *w, struct share *share, int fd, const struct stat *st, uint64_t size)
{
	uint64_t old = (uint64_t)st->st_size, limit;
	struct stat now = *st;
	struct charge c;
	int err = quota_room(w, share, fd, size, &limit);

	if (err == 0) {
		charge_touch(w, share, st);
		err = charge_begin(w, share, st->st_uid, 0, 0, &c);
	}
	if (err < 0)
		return err;
	if (c.on && size > old)
		err = charge_check(w, share, &c.deal, size - old, 0);
	if (err == 0 && ftruncate(fd, (off_t)size) < 0)
		err = -errno;
	charge_end(&c, err == 0 ? (int64_t)size - (int64_t)old : 0, 0);
	now.st_size = (off_t)size;
	if (err == 0)
		charge_touched(w, share, &now, false);
	return err;
}
