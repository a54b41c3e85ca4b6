/* SPDX-License-Identifier: ISC */
/*
 * file.h - open files of the session and their tickets.
 *
 *	FREE --open for reading--> READ ------------------- commit, abort --> FREE
 *	FREE --open for writing--> IN_PLACE --------------- commit, abort --> FREE
 *	                       \-> PART --published--> IN_PLACE
 *	                             \------ commit (published), abort (kept or dropped) --> FREE
 */
#ifndef SERVER_VFS_FILE_H
#define SERVER_VFS_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "server/base/buf.h"
#include "server/vfs/charge.h"
#include "server/vfs/place.h"
#include "server/vfs/vfs.h"

struct world;

enum file_kind { FILE_FREE, FILE_READ, FILE_IN_PLACE, FILE_PART };

/* What vfs_begin has to do before the first byte is written. */
enum file_begin {
	FILE_BEGIN_NOTHING,
	FILE_BEGIN_CUT,	 /* cut the file to offset */
	FILE_BEGIN_COPY, /* copy the first offset bytes of the file that will be replaced */
};

struct file {
	enum file_kind kind;
	uint16_t generation; /* part of the ticket, so that an old ticket is none */
	uint32_t flags;	     /* enum vfs_open_flag */
	struct share *share;
	char *path;	   /* virtual, for the log; inner stands behind it in the same memory */
	const char *inner; /* in the share, without links */
	const char *name;  /* its last component */
	int fd;
	int dir;	  /* O_PATH, when written */
	int target;	  /* PART: the file that will be replaced, locked; or -1 */
	bool refused;	  /* PART: it is whole, and may not take the place of what is there */
	bool replaces;	  /* PART: there was a file, and it was as was says */
	bool created;	  /* IN_PLACE: this open made it */
	bool published;	  /* it was a PART */
	bool append_only; /* IN_PLACE: opened by the right to append, and no other */
	bool kept;	  /* IN_PLACE: what it had when it was opened is in the trash */
	enum file_begin begin;
	uint32_t end_mode; /* PART: mode to get when published, or VFS_MODE_DEFAULT */
	uint64_t offset;   /* where this session's bytes begin */
	uint64_t had;	   /* PART: bytes that were there before this session wrote */
	uint64_t started_ms;
	dev_t dev; /* of fd */
	ino_t ino;
	struct stat was;
	uint64_t limit; /* bytes it may have for now; charge_grow may give more */
	struct charge_hold hold;
	struct vfs_change times; /* set through the handle: set again behind the last write */
};

/* The open file of a ticket, or NULL. */
struct file *file_of(struct world *w, uint32_t ticket);

/* path, flags, mode, offset as vfs_open(). Puts the answer; *ret_fd is to be passed, stays ours. */
int file_open(struct world *w, const char *path, uint32_t flags, uint32_t mode, uint64_t offset,
	      struct buf *out, int *ret_fd) MUST_CHECK;
int file_begin(struct world *w, uint32_t ticket) MUST_CHECK;
/* Puts the new limit. */
int file_grow(struct world *w, uint32_t ticket, uint64_t size, struct buf *out) MUST_CHECK;
/* Puts how much of it may be moved in this direction, and when. */
int file_pace(struct world *w, uint32_t ticket, bool up, struct buf *out) MUST_CHECK;
int file_commit(struct world *w, uint32_t ticket, uint64_t bytes, struct buf *out) MUST_CHECK;
int file_abort(struct world *w, uint32_t ticket, uint64_t bytes, const char *reason) MUST_CHECK;
int file_stat(struct world *w, uint32_t ticket, struct buf *out) MUST_CHECK;
int file_set(struct world *w, uint32_t ticket, const struct vfs_change *change) MUST_CHECK;
int file_sync(struct world *w, uint32_t ticket) MUST_CHECK;
int file_copy(struct world *w, uint32_t from, uint64_t from_offset, uint64_t length, uint32_t to,
	      uint64_t to_offset, struct buf *out) MUST_CHECK;

/* Copies length bytes at *from_at to *to_at, shared on disk where the filesystem can. */
int file_copy_range(int from, uint64_t from_at, uint64_t length, int to, uint64_t to_at,
		    uint64_t *ret_bytes) MUST_CHECK;

/* The place of an open file, for rights and records: w->here. */
struct place *file_place(struct world *w, const struct file *f);

/* Changes f, which is at the place. *ret_mode: its mode was set, and not passed over. */
int file_change(struct world *w, const struct place *p, struct file *f,
		const struct vfs_change *change, bool *ret_mode) MUST_CHECK;

/* Says what the file is called: path is virtual, inner in the share. Both are copied. */
void file_name(struct file *f, struct share *share, const char *path, const char *inner);

/* The session is over: what is being written was interrupted. */
void file_end_all(struct world *w);

#endif
