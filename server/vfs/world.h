/* SPDX-License-Identifier: ISC */
/*
 * world.h - what one session's worker knows, and how it speaks about it. For this room, and for
 * cofferctl explain, which asks place.h as a session would.
 *
 * Answers are 0 or -errno, and where the errno does not say it all, words for the client in why.
 * Every change that is asked for and every refusal by a rule is a record in the log.
 */
#ifndef SERVER_VFS_WORLD_H
#define SERVER_VFS_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/account.h"
#include "conf/conf.h"
#include "server/base/text.h"
#include "server/vfs/lane.h"
#include "server/vfs/own.h"
#include "server/vfs/place.h"
#include "server/vfs/share.h"
#include "server/vfs/vfs.h"
#include "server/vfs/vfs_serve.h"

/* Bytes of words for the client; an answer carries at most 511. */
#define WORLD_WHY_MAX 480

struct dir;
struct file;

/*
 * Names of ids. There is no name service in the sandbox: what the account brings is all that we
 * know.
 */
struct world_names {
	uid_t uid;
	gid_t gid;
	char owner[VFS_OWNER_MAX], group[VFS_OWNER_MAX]; /* of the last ids that were asked for */
	size_t owner_len, group_len;
	bool known;
};

struct world {
	const struct conf *conf;
	const struct account *account;
	struct share_list shares;
	struct own own;
	struct lanes lanes;
	struct world_names names;
	struct text why;
	char why_room[WORLD_WHY_MAX];

	struct file *files; /* open files, file.h */
	uint32_t file_max;
	uint32_t upload_count; /* those of them that are not published yet */
	struct dir *dirs;      /* open directories, dir.h */
	uint32_t dir_max;

	vfs_event_fn *on_event; /* NULL: nobody wants to know */
	void *event_ctx;

	bool tries_again; /* what is busy now is asked for once more: no line about it yet */

	uint64_t counted_ms; /* when a refusal last led to a count */
	uint64_t swept_ms;   /* when, and which directory, part_sweep_dir did last */
	dev_t swept_dev;
	ino_t swept_ino;
	uint64_t trash_swept_ms; /* the same of trash_sweep_sometimes */
	dev_t trash_swept_dev;
	ino_t trash_swept_ino;

	struct place here, there;  /* the paths of the question at hand */
	char raw[2][VFS_PATH_MAX]; /* as the client sent them */
};

/* Sets the words (the last ones win) and returns err, so that a refusal is one line. */
int world_why(struct world *w, int err, const char *fmt, ...) PRINTF_LIKE(3, 4);

/*
 * Refuses for want of a right: words that name it and the share, and a record with the rule's file
 * and line. Returns -EACCES.
 */
int world_refuse(struct world *w, const struct place *p, enum conf_right right);

/* 0 when all the rights are there, else world_refuse() for the first that is missing. */
int world_need(struct world *w, const struct place *p, uint32_t rights) MUST_CHECK;

/*
 * Something has happened, for hooks: at p; to: where it is now, else NULL. In a share, both of
 * them.
 */
void world_happened(struct world *w, enum vfs_event_kind kind, const struct place *p,
		    const struct place *to, uint64_t bytes, bool directory);

/* A wish that the share's configuration passes over: neither done nor refused. */
#define WORLD_IGNORED 1

/*
 * Writes the record of a change: err is what came of it, or WORLD_IGNORED; to may be NULL. Returns
 * err.
 */
int world_changed(struct world *w, const char *op, const char *path, const char *to, int err);

#endif
