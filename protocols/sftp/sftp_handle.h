/* SPDX-License-Identifier: ISC */
/*
 * sftp_handle.h - open files and directories of a session. What a client holds is 8 bytes: a place
 * and how often it was used, so that an old handle never meets a new file.
 *
 *	FREE --new--> OPENING --worker said yes--> FILE or DIR --CLOSE, free--> FREE
 *	                                                |
 *	                                                '--its channel went away--> LOST --> FREE
 */
#ifndef PROTOCOLS_SFTP_SFTP_HANDLE_H
#define PROTOCOLS_SFTP_SFTP_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocols/sftp/sftp_packet.h"

/* A directory keeps up to one message of entries: fewer of those. */
#define SFTP_HANDLE_DIRS_MAX 64

enum sftp_handle_kind {
	SFTP_HANDLE_FREE,
	SFTP_HANDLE_OPENING,
	SFTP_HANDLE_FILE,
	SFTP_HANDLE_DIR,
	SFTP_HANDLE_LOST,
};

struct sftp_handle {
	enum sftp_handle_kind kind;
	uint32_t place, generation;
	const void *owner;  /* the channel that opened it; another one's is no handle. NULL: gone */
	uint32_t ticket;    /* of the worker */
	char *path;	    /* clean; what it was opened by. NULL: no client was given it */
	unsigned int asks;  /* questions in flight whose outcome later requests must see */
	unsigned int reads; /* queued reads */

	/* A file. */
	int fd;
	uint64_t dev, ino;
	uint32_t flags; /* enum sftp_open */
	uint64_t bytes_read, bytes_written;
	bool lost_file;		     /* LOST: was it a file? */
	uint32_t lane_up, lane_down; /* pace.h */
	uint64_t limit; /* behind it worker has to be asked before anything is written */
	int grow_err;	/* what it said, for the write that waits; 0: nothing new */
	bool growing;	/* it is being asked */
	char why[128];	/* its words */
	int write_err;	/* 0, or the -errno of the first write that failed */

	/* A directory. */
	uint8_t *entries; /* what the worker sent last and was not given out yet */
	struct buf left;  /* over entries */
	bool last;	  /* there is no more behind them */
};

struct sftp_handles;

struct sftp_handles *sftp_handles_new(uint32_t max);
/* Closes every descriptor. Tells the worker nothing. */
void sftp_handles_free(struct sftp_handles *t);

/* A handle in state OPENING. NULL: there are max, or, for a directory, SFTP_HANDLE_DIRS_MAX. */
struct sftp_handle *sftp_handle_new(struct sftp_handles *t, const void *owner, bool is_dir);
/* Closes its descriptor if it is still open, and makes the client's bytes worthless. */
void sftp_handle_free(struct sftp_handles *t, struct sftp_handle *h);

/* The open handle of this kind that the bytes name, or NULL. */
struct sftp_handle *sftp_handle_find(struct sftp_handles *t, const void *owner,
				     const struct sftp_bytes *bytes, enum sftp_handle_kind kind);

/* Visits the open handles of an owner: start with NULL. */
struct sftp_handle *sftp_handle_next(struct sftp_handles *t, const void *owner,
				     struct sftp_handle *h);

/* Puts the client's bytes, as a string. */
void sftp_handle_put(struct buf *b, const struct sftp_handle *h);

/* How many are open. */
uint32_t sftp_handles_used(const struct sftp_handles *t);

#endif
