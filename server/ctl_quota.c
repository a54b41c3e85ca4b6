/* SPDX-License-Identifier: ISC */
/*
 * ctl_quota.c - `cofferctl quota scan`: counts what is there and writes it down, where the server
 * keeps what is used. Sessions that are running wait meanwhile with what changes files.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/users.h"
#include "server/base/fd.h"
#include "server/ctl.h"
#include "server/vfs/charge.h"
#include "server/vfs/scan.h"

struct job {
	const struct conf *conf;
	const char *user, *share; /* NULL: all */
	struct tally *tallies;	  /* one for each share; opened when first needed */
	int status;
};

static int
complain(struct job *job, const char *share, const char *user, int err)
{
	fprintf(stderr, "cofferctl: share %s of %s: %s\n", share, user, strerror(-err));
	job->status = 1;
	return err;
}

/* Counts what one account has in one share. */
static int
scan_one(struct job *job, size_t i, const struct account *account)
{
	const struct conf_share *conf = &job->conf->shares[i];
	struct share share;
	struct tally_deal deal;
	uint32_t record;
	int err;

	if (job->tallies[i].fd < 0)
		err = charge_open_tally(job->conf, conf, &job->tallies[i]);
	else
		err = 0;
	if (err == 0)
		err = share_open(conf, account, &share);
	if (err < 0)
		return complain(job, conf->name, account->name, err);
	err = tally_find(&job->tallies[i], account->uid, tally_root(share.path), account->name,
			 &record);
	if (err == 0)
		err = tally_begin(&job->tallies[i], record, false, &deal);
	if (err == 0) {
		tally_bury(&deal);
		err = charge_count(&share, &deal);
		if (err == 0)
			printf("%s %s: %" PRIu64 " bytes, %" PRIu64 " files\n", conf->name,
			       account->name, deal.rec.bytes, deal.rec.files);
		tally_end(&deal);
	}
	share_close(&share);
	return err < 0 ? complain(job, conf->name, account->name, err) : 0;
}

static void
scan_account(struct job *job, const struct account *account)
{
	for (size_t i = 0; i < job->conf->share_count; i++) {
		const struct conf_share *s = &job->conf->shares[i];

		if ((s->quota_bytes || s->quota_files) &&
		    (!job->share || strcmp(job->share, s->name) == 0) && share_is_for(s, account))
			(void)scan_one(job, i, account); /* it has complained, and others go on */
	}
}

static void
scan_name(struct job *job, const char *name)
{
	struct account account;

	if (ctl_account(job->conf, name, &account) < 0) {
		job->status = 1;
		return;
	}
	scan_account(job, &account);
	account_clear(&account);
}

static void
scan_user(void *ctx, const struct user *user)
{
	scan_name(ctx, user->name);
}

/* Those whose sessions are known from before, one after the other: the tally grows meanwhile. */
struct names {
	char (*at)[TALLY_USER_MAX];
	size_t count;
};

static void
remember(void *ctx, uint32_t record, const struct tally_entry *rec)
{
	struct names *names = ctx;

	(void)record;
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->at[i], rec->user) == 0)
			return;
	}
	if (!rec->user[0])
		return;
	names->at = mem_grow(names->at, names->count + 1, sizeof(*names->at));
	memcpy(names->at[names->count], rec->user, TALLY_USER_MAX);
	names->at[names->count++][TALLY_USER_MAX - 1] = '\0';
}

static void
scan_all(struct job *job)
{
	const struct conf *conf = job->conf;
	struct names names = { .at = NULL };

	for (size_t i = 0; i < conf->share_count; i++) {
		const struct conf_share *s = &conf->shares[i];

		if ((s->quota_bytes || s->quota_files) &&
		    charge_open_tally(conf, s, &job->tallies[i]) == 0)
			ignore_result(
			    tally_each(&job->tallies[i], remember, &names)); /* what can be read */
	}
	if (conf->auth.users_file)
		job->status |= users_each(conf->auth.users_file, scan_user, NULL, job) < 0;
	for (size_t i = 0; i < names.count; i++) {
		struct user user;

		/* The others were in the users file. */
		if (!conf->auth.users_file ||
		    users_find(conf->auth.users_file, names.at[i], &user) < 0)
			scan_name(job, names.at[i]);
	}
	free(names.at);
}

int
ctl_quota(int argc, char *argv[])
{
	const char *file = CTL_CONF;
	struct job job = { .user = NULL };
	const struct ctl_option options[] = {
		{ "config", 'c', &file },
		{ "user", 0, &job.user },
		{ "share", 0, &job.share },
	};
	struct conf *conf;

	if (!ctl_options(argc, argv, options, COUNT_OF(options)))
		return ctl_usage("quota");
	if (optind + 1 != argc || strcmp(argv[optind], "scan") != 0)
		return ctl_usage("quota");
	if (conf_load(file, ctl_complain, NULL, &conf) < 0)
		return 1;
	for (size_t i = 0; i < conf->share_count; i++)
		conf->shares[i].create = false; /* not by us */
	job.conf = conf;
	job.tallies = mem_new(conf->share_count + 1, sizeof(*job.tallies));
	for (size_t i = 0; i < conf->share_count; i++)
		job.tallies[i].fd = -1;
	if (job.user)
		scan_name(&job, job.user);
	else
		scan_all(&job);
	for (size_t i = 0; i < conf->share_count; i++) {
		if (job.tallies[i].fd >= 0)
			tally_close(&job.tallies[i]);
	}
	free(job.tallies);
	conf_free(conf);
	return job.status;
}
