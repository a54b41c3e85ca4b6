/* SPDX-License-Identifier: ISC */
/*
 * ftp_in.h - what the files of this room know of each other: the state of one session. Nobody else
 * includes it.
 *
 *	FTP_CLEAR --AUTH TLS--> FTP_HANDSHAKE --done--> FTP_SECURE    (implicit TLS begins with the
 *	                                                               handshake)
 *	before login --USER PASS, monitor says OK--> logged in
 *
 * One command is served at a time. It either replies at once, or asks worker or monitor (waiting),
 * and the function that takes the answer replies. Lines behind it wait in the line buffer. A
 * transfer is a command that lasts; while it does, the verbs marked V_URGENT are served. Its
 * stages, from IDLE to IDLE:
 *
 *	OPENING       worker opens
 *	CONNECTING    150 is said; the data connection is made, with its TLS
 *	[BEGINNING]   an upload, when the answer said so: worker cuts and locks
 *	MOVING        bytes
 *	[ENDING]      a download or listing: our close_notify is to leave
 *	[COMMITTING]  an upload: worker publishes it
 */
#ifndef PROTOCOLS_FTP_FTP_IN_H
#define PROTOCOLS_FTP_FTP_IN_H

#include <inttypes.h>
#include <poll.h>

#include "protocols/ftp/ftp.h"
#include "protocols/ftp/ftp_ascii.h"
#include "protocols/ftp/ftp_line.h"
#include "server/base/clock.h"
#include "server/base/text.h"
#include "server/port.h"
#include "server/transfer.h"

/* Room for replies. A command is served only while at least FTP_REPLY_ROOM of it is free. */
#define FTP_OUT_MAX 32768u
#define FTP_REPLY_ROOM 24576u
/* Room for listings and for file data. */
#define FTP_PIECE TLS_BATCH
/*
 * File data goes in steps of this: one pread or pwrite, a batch of TLS records, one send or recv.
 * The step, its records and the buffers between fit into a core's own cache; four times as much
 * costs a third more CPU, and a fourth of it a system call a record.
 */
#define FTP_STEP ((size_t)64 * 1024)

enum ftp_control { FTP_CLEAR, FTP_HANDSHAKE, FTP_SECURE };

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

enum ftp_format { FTP_LONG, FTP_NAMES, FTP_FACTS };

/* Connections to the passive port that may wait for their turn. */
#define FTP_CANDIDATES 8

/* The data connection: the line to a passive port, or a port of the client to call, and who came.
 */
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

struct ftp_list {
	enum ftp_format format;
	bool to_control;       /* STAT path: lines go out as a reply */
	bool last;	       /* worker has no more entries */
	int64_t now;	       /* seconds since 1970, for the dates */
	char *prefix;	       /* NLST dir: in front of each name; in ftp->scratch */
	char *pattern;	       /* or NULL; in ftp->path2 */
	struct vfs_attr alone; /* of what is no directory */
};

struct ftp_xfer {
	enum ftp_kind kind;
	enum ftp_stage stage;
	bool asked;   /* a question of the transfer is open */
	bool failing; /* it broke while a question was open: end when the answer is there */
	bool abor;    /* ABOR wants its own reply behind the transfer's */
	bool ascii;
	bool again;		     /* it could go on at once: do not sleep */
	uint32_t lane_up, lane_down; /* pace.h */
	bool has_ticket, needs_begin;
	uint32_t ticket;
	int fd;
	uint64_t at, end; /* position in the file; where a download stops */
	uint64_t moved;	  /* bytes of the file read or written */
	uint64_t limit;	  /* upload: behind it worker has to be asked before anything is written */
	bool ended;	  /* upload: close_notify came while worker was asked */
	struct transfer t;
	size_t len, pos; /* in ftp->piece: what was read from the file or the client */
	struct ftp_ascii ascii_state;
	int code;	    /* FAILING: the reply */
	const char *reason; /* and the word for the log */
	char why[256];
	struct ftp_list list;
};

enum ftp_job_kind { FTP_JOB_NONE, FTP_JOB_HASH, FTP_JOB_COPY, FTP_JOB_COMBINE };

/* A command that lasts and needs no data connection: ftp_job.c. */
struct ftp_job {
	enum ftp_job_kind kind;
	bool asked;   /* a question of the job is open */
	bool failing; /* it broke while a question was open */
	bool abor;    /* ABOR wants its own reply behind the job's */
	bool ending;  /* the target is being published */
	bool has_from, has_to;
	uint32_t from, to;	    /* tickets */
	uint64_t at, end;	    /* in the file that is read */
	uint64_t written, to_first; /* copies: bytes of the target, and where they begin */
	int code;
	char why[256];
	/* Checksums. */
	int fd;
	bool reading, brief; /* brief: the reply is the checksum alone */
	int digest_kind;
	uint64_t first;
	struct digest *digest;
	/* Copies. */
	const char *names, *name; /* sources, each with its 0; the next one */
	unsigned int count, taken;
	bool append, has_target; /* append: the first source is the target */
	uint64_t dev, ino;	 /* of the target */
};

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
	size_t piece_size;    /* at least FTP_PIECE, when it is there */
	uint8_t *piece, *raw; /* FTP_PIECE, FTP_STEP; raw only for TYPE A downloads. Made by the
				 first transfer */
};

/* ftp_verb.c - which command may be served when. */
void ftp_verb_serve(struct ftp *f, char *line);
bool ftp_verb_is_urgent(const char *line);
bool ftp_verb_is_quit(const char *line);
/* Puts the names of all verbs as lines of a reply. */
void ftp_verb_help(struct ftp *f, const char *name);

/* ftp_reply.c - a line or several to the client. Text is made harmless: one line stays one line. */
void ftp_reply(struct ftp *f, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The first, the middle and the last line of a reply of several. Middle lines begin with a blank.
 */
void ftp_reply_first(struct ftp *f, int code, const char *text);
void ftp_reply_more(struct ftp *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* What worker decided: the code that belongs to -errno, and why, or the words of our own table. */
void ftp_reply_error(struct ftp *f, int err, const char *why);
/* Puts the path that a command names, cleaned, into f->path. False: it has replied. */
bool ftp_take_path(struct ftp *f, const char *path);
int ftp_reply_code(int err);
const char *ftp_reply_words(int err);
bool ftp_reply_has_room(const struct ftp *f);

/* ftp_run.c */
/* Says a last reply was said; the session ends when it is sent. The first reason counts. */
void ftp_end(struct ftp *f, enum session_end end);
/* Behind a question: err is what the asking returned. When it failed, the reply is made here. */
void ftp_asked(struct ftp *f, int err);
/* An answer came: the next command may go on. */
void ftp_answered(struct ftp *f);

/* ftp_control.c */
/* Sends replies as far as the client takes them. False: the connection is gone. */
bool ftp_control_send(struct ftp *f);
/* Has everything left? */
bool ftp_control_is_empty(const struct ftp *f);
/* Reads what is there into the line buffer, or goes on with the handshake. */
void ftp_control_read(struct ftp *f);
/* The 234 has left in clear, or implicit TLS begins. */
void ftp_control_begin_tls(struct ftp *f);
short ftp_control_events(struct ftp *f);

/* ftp_login.c */
void ftp_login_greet(struct ftp *f);
void ftp_login_verdict(struct ftp *f); /* auth_fd is readable */
void ftp_login_secured(struct ftp *f); /* the handshake is done */
void ftp_auth(struct ftp *f, char *arg);
void ftp_pbsz(struct ftp *f, char *arg);
void ftp_prot(struct ftp *f, char *arg);
void ftp_user(struct ftp *f, char *arg);
void ftp_pass(struct ftp *f, char *arg);

/* ftp_feat.c */
void ftp_feat(struct ftp *f, char *arg);
void ftp_opts(struct ftp *f, char *arg);
void ftp_help(struct ftp *f, char *arg);
void ftp_syst(struct ftp *f, char *arg);
void ftp_noop(struct ftp *f, char *arg);
void ftp_quit(struct ftp *f, char *arg);
void ftp_host(struct ftp *f, char *arg);
void ftp_clnt(struct ftp *f, char *arg);
void ftp_csid(struct ftp *f, char *arg);
void ftp_type(struct ftp *f, char *arg);
void ftp_mode(struct ftp *f, char *arg);
void ftp_stru(struct ftp *f, char *arg);
void ftp_allo(struct ftp *f, char *arg);
void ftp_acct(struct ftp *f, char *arg);
void ftp_lang(struct ftp *f, char *arg);
void ftp_not_here(struct ftp *f, char *arg); /* 502: known, and left out on purpose */
void ftp_no_ccc(struct ftp *f, char *arg);

/* ftp_name.c */
void ftp_pwd(struct ftp *f, char *arg);
void ftp_cwd(struct ftp *f, char *arg);
void ftp_cdup(struct ftp *f, char *arg);
void ftp_dele(struct ftp *f, char *arg);
void ftp_mkd(struct ftp *f, char *arg);
void ftp_rmd(struct ftp *f, char *arg);
void ftp_rnfr(struct ftp *f, char *arg);
void ftp_rnto(struct ftp *f, char *arg);
void ftp_avbl(struct ftp *f, char *arg);
/* For handlers: a vfs_fn that says 250, or why not. */
void ftp_done(void *ctx, struct vfs_reply *reply);

/* ftp_stamp.c */
void ftp_size(struct ftp *f, char *arg);
void ftp_mdtm(struct ftp *f, char *arg);
void ftp_mfmt(struct ftp *f, char *arg);
void ftp_mff(struct ftp *f, char *arg);
void ftp_mlst(struct ftp *f, char *arg);

/* ftp_fact.c */
#define FTP_FACTS_ALL 0xffu
/* "type=file;size=3; " for one entry, with the facts of the mask. */
void ftp_fact_put(struct text *t, const struct vfs_attr *attr, uint32_t facts);
/* The names of the facts; those of the mask get what is in mark behind them. */
void ftp_fact_names(struct text *t, uint32_t facts, const char *mark, bool others);
uint32_t ftp_fact_parse(const char *names);
/* "20261123194155" and seconds since 1970. Parsing returns 0 or -EINVAL. */
void ftp_fact_put_time(struct text *t, int64_t seconds);
int ftp_fact_time(const char *digits, int64_t *ret_seconds) MUST_CHECK;

/* ftp_site.c */
void ftp_site(struct ftp *f, char *arg);

/* ftp_port.c - the way for the next data connection. */
void ftp_pasv(struct ftp *f, char *arg);
void ftp_epsv(struct ftp *f, char *arg);
void ftp_port(struct ftp *f, char *arg);
void ftp_eprt(struct ftp *f, char *arg);

/* ftp_data.c */
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
/* Puts what must be polled at at; returns how many, at most FTP_DATA_POLLS. */
size_t ftp_data_poll(struct ftp *f, struct pollfd *at);
#define FTP_DATA_POLLS (FTP_CANDIDATES + 1)
/* Behind the poll: accepts, shakes hands, tells the transfer. */
uint64_t ftp_data_deadline(const struct ftp *f);
void ftp_data_pump(struct ftp *f, const struct pollfd *polls, size_t count);

/* ftp_file.c */
void ftp_retr(struct ftp *f, char *arg);
void ftp_stor(struct ftp *f, char *arg);
void ftp_appe(struct ftp *f, char *arg);
void ftp_stou(struct ftp *f, char *arg);
void ftp_rest(struct ftp *f, char *arg);
void ftp_rang(struct ftp *f, char *arg);
void ftp_abor(struct ftp *f, char *arg);

/* ftp_xfer.c */
void ftp_xfer_init(struct ftp_xfer *x);
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

/* ftp_move.c */
void ftp_move_get(struct ftp *f);
void ftp_move_put(struct ftp *f);
/* Sends ftp->piece. True when all of it left and the next may be made. last: the end goes with it.
 */
bool ftp_move_send(struct ftp *f, bool last);
/* Everything was given to TLS: says goodbye there, and lets the client have the last word. */
void ftp_move_end(struct ftp *f);
void ftp_move_ending(struct ftp *f);
/* Writes ftp->piece into the file. Returns 0 or -errno. */
int ftp_move_write(struct ftp *f) MUST_CHECK;

/* ftp_job.c - a job begins, asks, and is over with one reply. */
void ftp_job_init(struct ftp_job *j);
void ftp_job_start(struct ftp *f, enum ftp_job_kind kind);
/* Behind a question: err is what the asking returned. */
void ftp_job_asked(struct ftp *f, int err);
/* Its answer. False: the job is over, and was replied to. Tickets must have been noted before. */
bool ftp_job_answered(struct ftp *f, struct vfs_reply *reply);
void ftp_job_fail(struct ftp *f, int code, const char *words);
void ftp_job_over(struct ftp *f, int code, const char *words);
/* The file that was read is not needed any more. */
void ftp_job_release(struct ftp *f);
/* Without a reply: the session ends. */
void ftp_job_drop(struct ftp *f);
void ftp_job_abort(struct ftp *f);

/* ftp_hash.c */
void ftp_hash(struct ftp *f, char *arg);
void ftp_xcrc(struct ftp *f, char *arg);
void ftp_xmd5(struct ftp *f, char *arg);
void ftp_xsha1(struct ftp *f, char *arg);
void ftp_xsha256(struct ftp *f, char *arg);
void ftp_xsha512(struct ftp *f, char *arg);
void ftp_hash_opts(struct ftp *f, const char *arg);
/* For FEAT. */
void ftp_hash_names(const struct ftp *f, struct text *t);
/* While job.reading: hashes as much as a turn of the loop may take. */
void ftp_hash_pump(struct ftp *f);

/* ftp_copy.c */
void ftp_comb(struct ftp *f, char *arg);
/* SITE CPFR and CPTO; f->path is the path. */
void ftp_copy_from(struct ftp *f);
void ftp_copy_to(struct ftp *f);

/* ftp_list.c */
void ftp_list(struct ftp *f, char *arg);
void ftp_nlst(struct ftp *f, char *arg);
void ftp_mlsd(struct ftp *f, char *arg);
void ftp_stat(struct ftp *f, char *arg);
/* FTP_MOVING of a list: sends what is there, asks for more. */
void ftp_list_pump(struct ftp *f);

#endif
