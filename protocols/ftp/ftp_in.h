/* SPDX-License-Identifier: ISC */
/*
 * ftp_in.h - the state of one session, and what its commands say to the loop. Nobody outside of
 * this room includes it.
 *
 *	FTP_CLEAR --AUTH TLS--> FTP_HANDSHAKE --done--> FTP_SECURE    (implicit TLS begins with the
 *	                                                               handshake)
 *	before login --USER PASS, monitor says OK--> logged in
 *
 * One command is served at a time. It either replies at once, or asks worker or monitor (waiting),
 * and the function that takes the answer replies. Lines behind it wait in the line buffer. A
 * transfer (ftp_xfer.h) or a job (ftp_job.h) is a command that lasts; while it does, the verbs
 * marked V_URGENT are served.
 */
#ifndef PROTOCOLS_FTP_FTP_IN_H
#define PROTOCOLS_FTP_FTP_IN_H

#include <inttypes.h>
#include <poll.h>

#include "protocols/ftp/ftp.h"
#include "protocols/ftp/ftp_data.h"
#include "protocols/ftp/ftp_job.h"
#include "protocols/ftp/ftp_line.h"
#include "protocols/ftp/ftp_xfer.h"
#include "server/base/clock.h"
#include "server/base/text.h"
#include "server/port.h"

enum ftp_control { FTP_CLEAR, FTP_HANDSHAKE, FTP_SECURE };

struct ftp {
	struct session *s;
	struct tls_server *server;
	struct tls_conn *tls;
	enum ftp_control control;

	bool eof;     /* the client will not say more */
	bool over;    /* replies still go out, then the session ends with end */
	bool leaving; /* QUIT was said: the end of the transfer is the end of the session */
	enum session_end end;
	uint64_t active_ms; /* the last whole command, or the last progress of data */
	uint64_t idle_ms;   /* limits.idle-time, or what SITE IDLE set */

	struct ftp_line in;
	struct text out; /* replies: out.at[out_pos..out.len) wait to be sent */
	size_t out_pos;
	bool waiting; /* the command asked somebody; the next one waits */

	/* Before login. */
	char user[AUTH_NAME_MAX];
	bool has_user, auth_asked;
	unsigned int refused_clear, unknown_verbs;
	bool has_certificate; /* monitor has it; it may be that of the user */
	char host[256];	      /* HOST */

	/* What commands set. */
	bool has_pbsz, has_prot, epsv_all, logged_unbound;
	bool ascii;
	uint64_t restart, range_first, range_last;
	bool has_range;
	uint32_t facts;	    /* OPTS MLST */
	bool has_from;	    /* RNFR was right before */
	bool has_copy_from; /* SITE CPFR was right before */
	int digest_kind;    /* OPTS HASH */

	char *cwd, *from, *path,
	    *path2;    /* VFS_PATH_MAX each; path is the command's argument, cleaned */
	char *scratch; /* the argument as it was sent, for lists */

	struct ftp_data data;
	int left_fd;	  /* the last download's connection, until the client closes it too */
	uint64_t left_ms; /* or until then */
	struct ftp_xfer x;
	struct ftp_job job;
	struct ftp_deep *deep; /* made by the first LIST -R */
	size_t piece_size;     /* at least FTP_PIECE, when it is there */
	uint8_t *piece, *raw;  /* FTP_PIECE, FTP_STEP; raw only for TYPE A downloads. Made by the
				  first transfer or job */
};

/* The last reply was said; the session ends when it is sent. The first reason counts. */
void ftp_end(struct ftp *f, enum session_end end);
/* Behind a question: err is what the asking returned. When it failed, the reply is made here. */
void ftp_asked(struct ftp *f, int err);
/* An answer came: the next command may go on. */
void ftp_answered(struct ftp *f);

#endif
