/* SPDX-License-Identifier: ISC */
/* ftp_data.h - the data connection: who may come, and the proof that he is ours. */
#ifndef PROTOCOLS_FTP_FTP_DATA_H
#define PROTOCOLS_FTP_FTP_DATA_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/tls/tls.h"

struct ftp;

/* Connections to the passive port that may wait for their turn. */
#define FTP_CANDIDATES 8

/* The line to a passive port, or a port of the client to call, and who came. */
struct ftp_data {
	int listen_fd;		       /* for port_accept() */
	uint16_t call_port;	       /* active mode: where to connect to */
	bool calling;		       /* worker was asked to connect */
	int candidate[FTP_CANDIDATES]; /* came from the right address, silent so far */
	int fd;			       /* the one that speaks */
	struct tls_conn *tls;
	uint64_t turn_ms; /* until then its handshake keeps others waiting */
	bool ready;	  /* handshake done */
	bool unbound;	  /* done, but it did not resume our session */
	int refusal;	  /* reply to say when no better one comes; 0: nobody was refused */
	char refusal_words[256];
	uint64_t deadline_ms; /* until a data connection must be ready */
};

void ftp_data_init(struct ftp_data *d);
bool ftp_data_is_arranged(const struct ftp_data *d);
void ftp_data_close(struct ftp *f);
/*
 * Behind our goodbye on a download: the client may still read, and a reset would eat what he has
 * not read. So his connection is left open until he closes it, and nobody waits for that.
 */
void ftp_data_leave(struct ftp *f);
/* Has he, or was it too long? */
void ftp_data_look_back(struct ftp *f);
/*
 * Acknowledge at once what came, and not 40 ms later: a client without TCP_NODELAY holds back the
 * rest of what it has to say until then. The kernel forgets this as soon as we send.
 */
void ftp_hurry(int fd);
/* 150 was said: from now on the data connection must come. */
void ftp_data_want(struct ftp *f);
/* When the loop must look again, while the data connection is not ready. */
uint64_t ftp_data_deadline(const struct ftp *f);
/* Puts what must be polled at at; returns how many, at most FTP_DATA_POLLS. */
#define FTP_DATA_POLLS (FTP_CANDIDATES + 1)
size_t ftp_data_poll(struct ftp *f, struct pollfd *at);
/* Behind the poll: accepts, shakes hands, tells the transfer. */
void ftp_data_pump(struct ftp *f, const struct pollfd *polls, size_t count);

#endif
