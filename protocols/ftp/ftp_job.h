/* SPDX-License-Identifier: ISC */
/*
 * ftp_job.h - a command that lasts and needs no data connection: it begins, asks, and is over with
 * one reply.
 */
#ifndef PROTOCOLS_FTP_FTP_JOB_H
#define PROTOCOLS_FTP_FTP_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "server/vfs/vfs.h"

struct ftp;

enum ftp_job_kind { FTP_JOB_NONE, FTP_JOB_HASH, FTP_JOB_COPY, FTP_JOB_COMBINE };

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

#endif
