/* SPDX-License-Identifier: ISC */
/*
 * ftp_xfer.h - the life of a transfer, a command that lasts. Its stages, from IDLE to IDLE:
 *
 *	OPENING       worker opens
 *	CONNECTING    150 is said; the data connection is made, with its TLS
 *	[BEGINNING]   an upload, when the answer said so: worker makes the file as long as
 *	              what it shall go on from
 *	MOVING        bytes
 *	[ENDING]      a download or listing: our close_notify is to leave
 *	[COMMITTING]  an upload: worker publishes it
 */
#ifndef PROTOCOLS_FTP_FTP_XFER_H
#define PROTOCOLS_FTP_FTP_XFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/ftp/ftp_ascii.h"
#include "protocols/ftp/ftp_list.h"
#include "protocols/tls/tls.h"
#include "server/transfer.h"

struct ftp;

/* Room for listings and for file data, in ftp->piece. */
#define FTP_PIECE TLS_BATCH
/*
 * File data goes in steps of this: one pread or pwrite, a batch of TLS records, one send or recv.
 * The step, its records and the buffers between fit into a core's own cache; four times as much
 * costs a third more CPU, and a fourth of it a system call a record.
 */
#define FTP_STEP ((size_t)64 * 1024)

enum ftp_kind { FTP_GET, FTP_PUT, FTP_LIST };

enum ftp_stage {
	FTP_IDLE,
	FTP_OPENING,
	FTP_CONNECTING,
	FTP_BEGINNING,
	FTP_MOVING,
	FTP_ENDING,
	FTP_COMMITTING,
};

struct ftp_xfer {
	enum ftp_kind kind;
	enum ftp_stage stage;
	bool asked;   /* a question of the transfer is open */
	bool failing; /* it broke while a question was open: end when the answer is there */
	bool abor;    /* ABOR wants its own reply behind the transfer's */
	bool ascii;
	bool again;		     /* it could go on at once: do not sleep */
	uint64_t begun_ms;	     /* clock_ms() of the command */
	uint32_t lane_up, lane_down; /* pace.h */
	bool has_ticket, needs_begin;
	uint32_t ticket;
	int fd;
	uint64_t at, end; /* position in the file; where a download stops */
	uint64_t moved;	  /* bytes of the file read or written */
	uint64_t limit;	  /* upload: behind it worker has to be asked before anything is written */
	bool ended;	  /* upload: close_notify came while worker was asked */
	bool unique;	  /* STOU: ftp->path is what worker has found for it */
	struct transfer t;
	size_t len, pos; /* in ftp->piece: what was read from the file or the client */
	struct ftp_ascii ascii_state;
	int code;	    /* FAILING: the reply */
	const char *reason; /* and the word for the log */
	char why[256];
	struct ftp_list list;
};

void ftp_xfer_init(struct ftp_xfer *x);
/* Makes ftp->piece, once per session: the first transfer or job does. */
void ftp_xfer_make_room(struct ftp *f);
/* Starts one of kind; the caller asks worker next. */
void ftp_xfer_start(struct ftp *f, enum ftp_kind kind);
/* Behind a question of the transfer: err is what the asking returned. */
void ftp_xfer_asked(struct ftp *f, int err);
/* A question of the transfer was answered. False: it broke meanwhile and has ended now. */
bool ftp_xfer_answered(struct ftp *f, int err, const char *why);
/* Worker opened it: say 150 and wait for the client. */
void ftp_xfer_opened(struct ftp *f, const char *words);
/* The data connection is there and bound to this session. */
void ftp_xfer_connected(struct ftp *f);
/* It broke: reply code with words, and reason for the log. Ends it as soon as that can be. */
void ftp_xfer_fail(struct ftp *f, int code, const char *reason, const char *words);
/* Everything was done: gives the ticket back, and is over. */
void ftp_xfer_done(struct ftp *f, int code, const char *words);
/* The ticket is gone already: closes the data connection, replies, becomes idle. */
void ftp_xfer_over(struct ftp *f, int code, const char *words);
/* The session ends: what came so far is kept as an interrupted upload. */
void ftp_xfer_drop(struct ftp *f);
/*
 * Goes on as far as that goes without waiting. Called once a turn, by the loop, behind answers and
 * the data connection: those only change the stage.
 */
void ftp_xfer_pump(struct ftp *f);
/* When the loop must look again, and for what. */
uint64_t ftp_xfer_deadline(struct ftp *f);
short ftp_xfer_events(struct ftp *f);

#endif
