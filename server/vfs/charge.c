/* SPDX-License-Identifier: ISC */
/*
 * charge.c - who pays for what. Invariant: used + put aside never exceeds the quota, but by what
 * others did beside us (which the next count shows). Uploads that replace files of the user may
 * have, until then, as much again as is used: on the disk there is never more than twice the quota.
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
#include "server/vfs/charge_room.h"
#include "server/vfs/quota.h"
#include "server/vfs/resolve.h"
#include "server/vfs/scan.h"
#include "server/vfs/world.h"

/* A refused session looks so often whether the dead have left something. */
#define COUNT_AGAIN_MS 5000

bool
charge_has_tally(const struct share *share)
{
	return share->tally.fd >= 0;
}

/* dir/name, made when it is missing. */
static int
open_below(int dir, const char *name, int *ret_fd)
{
	int err = resolve_at(dir, name, O_PATH | O_DIRECTORY, 0, ret_fd);

	if (err == -ENOENT && (mkdirat(dir, name, 0700) == 0 || errno == EEXIST))
		err = resolve_at(dir, name, O_PATH | O_DIRECTORY, 0, ret_fd);
	return err;
}

/* state-dir/quota. Links in state-dir are the administrator's. */
static int
open_dir(const char *state_dir, int *ret_dir)
{
	FD_OWN int slash = -1, dir = -1;
	int err = resolve_host_dir(state_dir, &dir);

	if (err == -ENOENT) {
		err = resolve_slash(&slash);
		if (err == 0)
			err = open_below(slash, state_dir + strspn(state_dir, "/"), &dir);
	}
	return err == 0 ? open_below(dir, "quota", ret_dir) : err;
}

int
charge_open_tally(const struct conf *conf, const struct conf_share *share, struct tally *ret_tally)
{
	FD_OWN int dir = -1;
	int err = open_dir(conf->state_dir, &dir);

	return err < 0 ? err : tally_open(dir, share->name, true, ret_tally);
}

struct tally *
charge_prepare(const struct conf *conf, const struct account *account)
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
	return tallies;
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

	if (!charge_has_tally(share))
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

int
charge_record(struct world *w, struct share *share, uid_t uid, uint32_t *ret_record)
{
	if (uid == w->account->uid) {
		*ret_record = share->record;
		return 0;
	}
	return tally_find(&share->tally, uid, share->tally_root, "", ret_record);
}

struct tally_sum
charge_left(const struct share *share, const struct tally_entry *rec)
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

int
charge_counting(struct world *w, int err)
{
	return err == -EBUSY ? world_why(w, err, "the quota is being counted; try again later")
			     : err;
}

int
charge_check(struct world *w, struct share *share, struct tally_deal *deal, uint64_t bytes,
	     uint64_t files)
{
	for (int i = 0; i < 2; i++) {
		struct tally_sum l = charge_left(share, &deal->rec);
		uint64_t now = clock_ms();

		if (bytes <= l.bytes && files <= l.files)
			return 0;
		/* A walk may be long: not for every refusal. */
		if (i > 0 || (w->counted_ms && now - w->counted_ms < COUNT_AGAIN_MS))
			break;
		w->counted_ms = now;
		if (refresh(share, deal) < 0)
			break;
	}
	return refuse(w, share, files > charge_left(share, &deal->rec).files);
}

int
charge_begin(struct world *w, struct share *share, uid_t uid, uint64_t bytes, uint64_t files,
	     struct charge *ret_charge)
{
	struct charge *c = ret_charge;
	uint32_t record;
	int err;

	c->on = false;
	if (!charge_has_tally(share))
		return 0;
	err = charge_record(w, share, uid, &record);
	if (err == 0)
		err = tally_begin(&share->tally, record, true, &c->deal);
	if (err < 0)
		return charge_counting(w, err);
	err = bytes > 0 || files > 0 ? charge_check(w, share, &c->deal, bytes, files) : 0;
	if (err < 0)
		tally_end(&c->deal);
	else
		c->on = true;
	return err;
}

void
charge_add(uint64_t *counter, int64_t change)
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
	charge_add(&c->deal.rec.bytes, bytes);
	charge_add(&c->deal.rec.files, files);
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
	if (!charge_has_tally(share) || tally_begin(&share->tally, share->record, false, &deal) < 0)
		return;
	deal.rec.flags |= TALLY_DIRTY;
	tally_end(&deal);
}

void
charge_gone(struct world *w, struct share *share, const struct stat *st)
{
	struct tally_sum gone = charge_of(st);
	struct charge c;

	/* If it cannot be told, it stays charged until the next count. */
	if (charge_begin(w, share, st->st_uid, 0, 0, &c) == 0)
		charge_end(&c, -(int64_t)gone.bytes, -(int64_t)gone.files);
}

int
charge_remove(struct world *w, struct share *share, int dir, const char *name, int flags)
{
	struct tally_sum gone = { 0, 0 };
	struct charge charge;
	struct stat st;
	int err;

	if (!charge_has_tally(share))
		return unlinkat(dir, name, flags) < 0 ? -errno : 0;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	charge_touch(w, share, &st);
	err = charge_begin(w, share, st.st_uid, 0, 0, &charge);
	if (err < 0)
		return err;
	/* Once more: now nobody counts. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || unlinkat(dir, name, flags) < 0)
		err = -errno;
	else
		gone = charge_of(&st);
	charge_end(&charge, -(int64_t)gone.bytes, -(int64_t)gone.files);
	if (err == 0)
		charge_touched(w, share, &st, gone.files > 0);
	return err;
}
