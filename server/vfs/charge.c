/* SPDX-License-Identifier: ISC */
/*
 * charge.c - who pays for what. Invariant: used + put aside never exceeds the quota, but by what is
 * about to be replaced, and by what others did beside us (which the next count shows).
 */
#include "server/vfs/charge.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/vfs/file.h"
#include "server/vfs/quota.h"
#include "server/vfs/resolve.h"
#include "server/vfs/scan.h"
#include "server/vfs/world.h"

/* What is put aside at once: a part of what is left, so that several uploads get on together. */
#define GRANT_PART 16
#define GRANT_MIN (64u * 1024)
#define GRANT_MAX (64u * 1024 * 1024)

/* A refused session looks so often whether the dead have left something. */
#define COUNT_AGAIN_MS 5000

static bool
has_tally(const struct share *share)
{
	return share->tally.fd >= 0;
}

/* state-dir/quota, made when it is missing. */
static int
open_dir(const char *state_dir, int *ret_dir)
{
	FD_OWN int dir = -1, below = -1;
	const char *names[] = { state_dir, "quota" };
	int err = resolve_slash(&dir);

	for (size_t i = 0; i < COUNT_OF(names) && err == 0; i++) {
		const char *name = names[i] + strspn(names[i], "/");

		err = resolve_at(dir, name, O_PATH | O_DIRECTORY, 0, &below);
		if (err == -ENOENT && (mkdirat(dir, name, 0700) == 0 || errno == EEXIST))
			err = resolve_at(dir, name, O_PATH | O_DIRECTORY, 0, &below);
		fd_close(&dir);
		dir = fd_give(&below);
	}
	if (err == 0)
		*ret_dir = fd_give(&dir);
	return err;
}

int
charge_open_tally(const struct conf *conf, const struct conf_share *share, struct tally *ret_tally)
{
	FD_OWN int dir = -1;
	int err = open_dir(conf->state_dir, &dir);

	return err < 0 ? err : tally_open(dir, share->name, true, ret_tally);
}

int
charge_prepare(const struct conf *conf, const struct account *account, struct tally **ret_tallies)
{
	struct tally *tallies = mem_new(conf->share_count + 1, sizeof(*tallies));

	for (size_t i = 0; i < conf->share_count; i++) {
		const struct conf_share *share = &conf->shares[i];
		struct log_value name;
		int err;

		tallies[i].fd = -1;
		if ((!share->quota_bytes && !share->quota_files) || !share_is_for(share, account))
			continue;
		err = charge_open_tally(conf, share, &tallies[i]);
		if (err < 0)
			log_error("quota",
				  "share=%s result=%s why=\"state-dir/quota cannot be used\"",
				  log_q(&name, share->name), strerrorname_np(-err));
	}
	*ret_tallies = tallies;
	return 0;
}

int
charge_count(const struct share *share, struct tally_deal *deal)
{
	struct log_value name;
	struct scan scan;
	int err = scan_tree(share->root, &scan);

	if (err == 0) {
		struct scan_owner sum = scan_of(&scan, deal->rec.uid);

		log_notice("quota",
			   "op=count share=%s uid=%u bytes=%" PRIu64 " files=%" PRIu64
			   " were_bytes=%" PRIu64 " were_files=%" PRIu64 " unread=%" PRIu64,
			   log_q(&name, share->conf->name), deal->rec.uid, sum.bytes, sum.files,
			   deal->rec.bytes, deal->rec.files, scan.unread);
		deal->rec.bytes = sum.bytes;
		deal->rec.files = sum.files;
		deal->rec.flags = TALLY_KNOWN | (scan.locked ? TALLY_DIRTY : 0);
		deal->rec.walks++;
	}
	scan_clear(&scan);
	return err;
}

/* Forgets the dead, and counts when that is needed. */
static int
refresh(struct share *share, struct tally_deal *deal)
{
	tally_bury(deal);
	if ((deal->rec.flags & TALLY_DIRTY) || !(deal->rec.flags & TALLY_KNOWN))
		return charge_count(share, deal);
	return 0;
}

int
charge_start(struct world *w, struct share *share)
{
	struct tally_deal deal;
	int err;

	if (!has_tally(share))
		return 0;
	share->tally_root = tally_root(share->path);
	err = tally_find(&share->tally, w->account->uid, share->tally_root, w->account->name,
			 &share->record);
	if (err == 0)
		err = tally_begin(&share->tally, share->record, false, &deal);
	if (err < 0)
		return err;
	err = refresh(share, &deal);
	tally_end(&deal);
	return err;
}

static int
record_of(struct world *w, struct share *share, uid_t uid, uint32_t *ret_record)
{
	if (uid == w->account->uid) {
		*ret_record = share->record;
		return 0;
	}
	return tally_find(&share->tally, uid, share->tally_root, "", ret_record);
}

/* What is left of the quota. */
static struct tally_sum
left(const struct share *share, const struct tally_entry *rec)
{
	uint64_t bytes = rec->bytes + rec->held_bytes, files = rec->files + rec->held_files;
	uint64_t max_bytes = share->conf->quota_bytes ? share->conf->quota_bytes : UINT64_MAX;
	uint64_t max_files = share->conf->quota_files ? share->conf->quota_files : UINT64_MAX;

	return (struct tally_sum) { .bytes = bytes < max_bytes ? max_bytes - bytes : 0,
				    .files = files < max_files ? max_files - files : 0 };
}

static int
refuse(struct world *w, const struct share *share, bool files)
{
	return world_why(w, -EDQUOT, "the quota of the share \"%s\" (%" PRIu64 " %s) is used up",
			 share->conf->name,
			 files ? share->conf->quota_files : share->conf->quota_bytes,
			 files ? "files" : "bytes");
}

static int
counting(struct world *w, int err)
{
	return err == -EBUSY ? world_why(w, err, "the quota is being counted; try again later")
			     : err;
}

/* Is there room for so much more? What the dead held may be what is missing. */
static int
check_room(struct world *w, struct share *share, struct tally_deal *deal, uint64_t bytes,
	   uint64_t files, uint64_t credit)
{
	for (int i = 0; i < 2; i++) {
		struct tally_sum l = left(share, &deal->rec);
		uint64_t now = clock_ms();

		if (bytes <= l.bytes + (l.bytes < UINT64_MAX - credit ? credit : 0) &&
		    files <= l.files + (credit > 0))
			return 0;
		/* A walk may be long: not for every refusal. */
		if (i > 0 || (w->counted_ms && now - w->counted_ms < COUNT_AGAIN_MS))
			break;
		w->counted_ms = now;
		if (refresh(share, deal) < 0)
			break;
	}
	return refuse(w, share, files > left(share, &deal->rec).files);
}

int
charge_begin(struct world *w, struct share *share, uid_t uid, uint64_t files,
	     struct charge *ret_charge)
{
	struct charge *c = ret_charge;
	uint32_t record;
	int err;

	c->on = false;
	if (!has_tally(share))
		return 0;
	err = record_of(w, share, uid, &record);
	if (err == 0)
		err = tally_begin(&share->tally, record, true, &c->deal);
	if (err < 0)
		return counting(w, err);
	err = files > 0 ? check_room(w, share, &c->deal, 0, files, 0) : 0;
	if (err < 0)
		tally_end(&c->deal);
	else
		c->on = true;
	return err;
}

/* Counters never fall below nothing: a file that came from outside may go by our hand. */
static void
add(uint64_t *counter, int64_t change)
{
	if (change < 0 && *counter < (uint64_t)-change)
		*counter = 0;
	else
		*counter += (uint64_t)change;
}

void
charge_end(struct charge *c, int64_t bytes, int64_t files)
{
	if (!c->on)
		return;
	add(&c->deal.rec.bytes, bytes);
	add(&c->deal.rec.files, files);
	tally_end(&c->deal);
	c->on = false;
}

struct tally_sum
charge_of(const struct stat *st)
{
	struct tally_sum sum = { .files = 1 };

	if (!S_ISDIR(st->st_mode) && st->st_nlink != 1)
		sum.files = 0;
	else if (S_ISREG(st->st_mode))
		sum.bytes = (uint64_t)st->st_size;
	return sum;
}

void
charge_dirty(struct world *w, struct share *share)
{
	struct tally_deal deal;

	(void)w;
	if (!has_tally(share) || tally_begin(&share->tally, share->record, false, &deal) < 0)
		return;
	deal.rec.flags |= TALLY_DIRTY;
	tally_end(&deal);
}

/* ---- files that are being written ---- */

static bool
is_twin(const struct file *f, const struct share *share, const struct stat *st)
{
	return f->kind == FILE_IN_PLACE && f->hold.on && f->share == share &&
	       f->dev == st->st_dev && f->ino == st->st_ino;
}

/* Takes more out of what is left; at least need, better a good piece. */
static void
grant(struct share *share, struct tally_deal *deal, struct charge_hold *hold, uint64_t need)
{
	struct tally_sum l = left(share, &deal->rec);
	uint64_t piece = l.bytes / GRANT_PART;

	if (piece < GRANT_MIN)
		piece = GRANT_MIN;
	if (piece > GRANT_MAX)
		piece = GRANT_MAX;
	if (piece > l.bytes)
		piece = l.bytes;
	if (piece < need)
		piece = need; /* check_room has said yes */
	hold->granted += piece;
	deal->rec.held_bytes += piece;
	deal->mine.bytes += piece;
}

int
charge_open(struct world *w, struct file *f, uid_t uid, bool counted, uint64_t base,
	    uint64_t credit)
{
	struct charge_hold *hold = &f->hold;
	struct share *share = f->share;
	struct tally_deal deal;
	uint32_t record;
	int err;

	if (!has_tally(share) || hold->on)
		return 0;
	err = record_of(w, share, uid, &record);
	if (err == 0)
		err = tally_begin(&share->tally, record, false, &deal);
	if (err < 0)
		return counting(w, err);
	if (!counted)
		err = check_room(w, share, &deal, share->conf->quota_bytes ? 1 : 0, 1, credit);
	if (err == 0) {
		*hold = (struct charge_hold) { .on = true,
					       .counted = counted,
					       .record = record,
					       .walks = deal.rec.walks,
					       .base = base,
					       .credit = credit };
		deal.mine.walks++;
		deal.rec.held_files += !counted;
		deal.mine.files += !counted;
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
	uint64_t need = size - hold->base - hold->granted;
	struct tally_deal deal;
	int err = tally_begin(&f->share->tally, hold->record, false, &deal);

	if (err < 0)
		return counting(w, err);
	err = check_room(w, f->share, &deal, need, 0, hold->credit);
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
	/* What is replaced counts once: its room is there as long as it is asked for. */
	if (counts && limit > hold->base + hold->granted)
		limit = hold->base + hold->granted;
	f->limit = limit;
	return 0;
}

static void
release(struct tally_deal *deal, struct charge_hold *hold, bool files)
{
	add(&deal->rec.held_bytes, -(int64_t)hold->granted);
	add(&deal->mine.bytes, -(int64_t)hold->granted);
	hold->granted = 0;
	if (!files)
		return;
	add(&deal->rec.held_files, -1);
	add(&deal->mine.files, -1);
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
		/* Somebody else removed it, or counted it half-grown, or just as it got its name.
		 */
		deal.rec.flags |= TALLY_DIRTY;
	} else if (!hold->gone) {
		add(&deal.rec.bytes, (int64_t)st.st_size - (int64_t)hold->base);
		deal.rec.files += !hold->counted;
	}
	release(&deal, hold, !hold->counted);
	hold->counted = true;
	hold->moved = false;
	hold->walks = deal.rec.walks;
	hold->base = (uint64_t)st.st_size;
	hold->credit = 0;
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
		add(&deal.rec.bytes, -(int64_t)hold->base);
		add(&deal.rec.files, -1);
	}
	release(&deal, hold, !hold->counted);
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
	int err = charge_begin(w, f->share, w->account->uid, 0, ret_charge);

	if (err == 0 && ret_charge->on) {
		f->hold.walks = ret_charge->deal.rec.walks;
		f->hold.moved = true;
	}
	return err;
}

void
charge_gone(struct world *w, struct share *share, const struct stat *st)
{
	struct tally_sum gone = charge_of(st);
	struct charge c;

	/* If it cannot be told, it stays charged until the next count. */
	if (charge_begin(w, share, st->st_uid, 0, &c) == 0)
		charge_end(&c, -(int64_t)gone.bytes, -(int64_t)gone.files);
}

void
charge_touch(struct world *w, struct share *share, const struct stat *st)
{
	for (uint32_t i = 0; has_tally(share) && i < w->file_max; i++) {
		if (is_twin(&w->files[i], share, st) && !w->files[i].hold.gone)
			charge_settle(w, &w->files[i]);
	}
}

void
charge_touched(struct world *w, struct share *share, const struct stat *st, bool removed)
{
	for (uint32_t i = 0; has_tally(share) && i < w->file_max; i++) {
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
		err = charge_begin(w, share, st->st_uid, 0, &c);
	}
	if (err < 0)
		return err;
	if (c.on && size > old)
		err = check_room(w, share, &c.deal, size - old, 0, 0);
	if (err == 0 && ftruncate(fd, (off_t)size) < 0)
		err = -errno;
	charge_end(&c, err == 0 ? (int64_t)size - (int64_t)old : 0, 0);
	now.st_size = (off_t)size;
	if (err == 0)
		charge_touched(w, share, &now, false);
	return err;
}
