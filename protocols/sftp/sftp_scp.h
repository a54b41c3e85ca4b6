/* SPDX-License-Identifier: ISC */
/*
 * sftp_scp.h - the old protocol of scp, `scp -t` (sink: files come) and `scp -f` (source: files
 * go), for clients that have nothing else. Off unless sftp.scp says so; there is no specification,
 * only what OpenSSH's scp did: lines "C0644 size name", "D0755 0 name", "E", "T mtime 0 atime 0",
 * each answered by a 0 byte, or by 1 and a line of words.
 */
#ifndef PROTOCOLS_SFTP_SFTP_SCP_H
#define PROTOCOLS_SFTP_SFTP_SCP_H

#include "protocols/sftp/sftp_channel.h"

#define SCP_DEPTH_MAX 64
#define SCP_LINE_MAX 4096

/* Of a directory that comes, for when all is in it. */
struct scp_times {
	bool set;
	int64_t mtime, atime;
};

/* One directory that is being sent. */
struct scp_level {
	struct sftp_handle *handle;
	size_t path_len; /* of the path above it */
};

struct scp {
	bool sink, recursive, times, to_dir;
	char **paths; /* those of the command */
	size_t count, next;

	void (*step)(struct sftp_channel *ch, struct scp *s); /* NULL: it waits for the client */
	char path[VFS_PATH_MAX];
	char line[SCP_LINE_MAX];
	size_t line_len;
	unsigned int depth;
	struct sftp_handle *handle; /* the file that is under way, or NULL */
	uint64_t at, left;
	int64_t mtime, atime;
	uint32_t mode; /* that the client gave the file */
	bool has_times;

	/* sink */
	bool in_data; /* bytes of a file come */
	bool is_target_dir;
	struct scp_times dirs[SCP_DEPTH_MAX]; /* [depth that it has outside] */
	int err;			      /* of the file */
	char why[128];
	/* source */
	bool waits, refused; /* for a 0 byte; it was a 1 */
	struct vfs_attr attr;
	struct scp_level levels[SCP_DEPTH_MAX];
};

/*
 * Takes the words of a command apart. Returns NULL when they are not understood; else free() it.
 * words must live as long.
 */
struct scp *scp_new(char **words, size_t count);
void scp_begin(struct scp *s);
/* Bytes of the client. Returns how many were taken: the rest later. */
size_t scp_input(struct sftp_channel *ch, struct scp *s, const uint8_t *at, size_t len);

/* "\1scp: name: words\n" */
void scp_complain(struct sftp_channel *ch, const struct scp *s, int err, const char *why);
void scp_put(struct sftp_channel *ch, const void *at, size_t len);
/* The command is over. */
void scp_end(struct sftp_channel *ch);

/* sftp_scp_sink.c, sftp_scp_source.c */
void scp_sink_begin(struct scp *s);
size_t scp_sink_input(struct sftp_channel *ch, struct scp *s, const uint8_t *at, size_t len);
/* The 0 byte: the client goes on. */
void scp_sink_yes(struct sftp_channel *ch);
/* From what a line named back to the directory where it is. */
void scp_sink_leave(struct scp *s);
void scp_source_begin(struct scp *s);
size_t scp_source_input(struct sftp_channel *ch, struct scp *s, const uint8_t *at, size_t len);

/*
 * sftp_scp_file.c - a file of so many bytes comes to s->path: asks for it, and answers the line
 * when it is open (s->in_data) or refused.
 */
void scp_file_open(struct sftp_channel *ch, struct scp *s, uint32_t mode, uint64_t size);
/*
 * Bytes of it, and the one behind them. What cannot be written is taken all the same: the protocol
 * has no other way. Returns how many were taken.
 */
size_t scp_file_data(struct sftp_channel *ch, struct scp *s, const uint8_t *at, size_t len);

#endif
