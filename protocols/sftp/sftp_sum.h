/* SPDX-License-Identifier: ISC */
/*
 * sftp_sum.h - checksums of files, made a piece in each turn of the loop. One at a time per
 * channel.
 *
 *	none --start--> running --end of file, error--> done is called, none
 *	none --open--> opening --worker said yes--> running; --no--> done is called, none
 */
#ifndef PROTOCOLS_SFTP_SFTP_SUM_H
#define PROTOCOLS_SFTP_SFTP_SUM_H

#include "protocols/common/digest.h"
#include "server/base/buf.h"

struct sftp_channel;
struct sftp_handle;
struct sftp_sum;

/*
 * err: 0 or -errno, with why as worker said it or NULL. sum and what it found are gone afterwards.
 */
typedef void sftp_sum_fn(struct sftp_channel *ch, struct sftp_sum *sum, int err, const char *why);

struct sftp_sum {
	uint32_t id; /* of the request, for done */
	enum digest_kind kind;
	uint64_t at, end; /* bytes of the file: from at to before end, or as many as there are */
	uint64_t block;	  /* a checksum for each so many; UINT64_MAX: one for all */
	struct buf found; /* the checksums */
	sftp_sum_fn *done;

	/* its own */
	struct sftp_handle *handle;
	bool own, running; /* the handle was opened for it; it is open */
	struct digest *digest;
	uint64_t in_block;
};

/* wish: id, kind, at, end, block, done. Of a clean path. Returns 0, -EMFILE, or as vfs_open(). */
int sftp_sum_open(struct sftp_channel *ch, const struct sftp_sum *wish,
		  const char *path) MUST_CHECK;
/* Adds a piece. Returns true when there was something to do. */
bool sftp_sum_step(struct sftp_channel *ch);
/* The channel goes away. */
void sftp_sum_stop(struct sftp_channel *ch);

#endif
