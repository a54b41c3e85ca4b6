/* SPDX-License-Identifier: ISC */
/*
 * sftp_channel.h - what the sftp_*.c files share: one connection, its channels, and the table of
 * requests. Nobody else includes it.
 *
 * A request is handled as soon as it is whole. READs are queued and made when they can be sent.
 * WRITEs are done at once. Everything else is a question to worker, whose answer makes the reply.
 * So replies come in any order, as SFTP allows; what depends on order waits (SFTP_LATER).
 */
#ifndef PROTOCOLS_SFTP_SFTP_CHANNEL_H
#define PROTOCOLS_SFTP_SFTP_CHANNEL_H

#include "protocols/sftp/sftp_handle.h"
#include "protocols/sftp/sftp_packet.h"
#include "protocols/sftp/sftp_sum.h"
#include "protocols/sftp/sftp_verb.h"
#include "protocols/sftp/ssh_wire.h"
#include "server/base/rate.h"
#include "server/session.h"

/* READs that wait to be sent, per channel. */
#define SFTP_READS_MAX 1024
/* Bytes in which a batch of replies is put together and sent: one read more than it aims at. */
#define SFTP_BATCH_BYTES (256u * 1024u)
#define SFTP_OUT_BYTES (SFTP_BATCH_BYTES + SFTP_DATA_HEAD + SFTP_DATA_MAX)
/* Above so many bytes of small replies no request is begun. */
#define SFTP_SMALL_HIGH (64u * 1024u)
/* Questions that may be open before requests wait; the rest is for what answers lead to. */
#define SFTP_ASKS_MAX (ASK_MAX - 8)
/* A handler's answer: not now, offer the packet again. Beside 0 and -errno. */
#define SFTP_LATER 1
/* Names of ids that are remembered. */
#define SFTP_NAMES_SEEN 64

struct sftp_read {
	struct sftp_handle *handle;
	uint64_t offset;
	uint32_t id, len;
};

struct sftp_channel {
	struct sftp *f;
	struct ssh_pipe *pipe;
	bool versioned; /* INIT came */
	bool broken;	/* it broke the protocol: nothing more is read or sent */

	/*
	 * Replies that are ready. small grows; out holds a batch that is being sent and never
	 * moves.
	 */
	struct buf small;
	uint8_t *out;
	size_t out_pos, out_end;

	struct sftp_read *reads; /* a ring */
	unsigned int read_first, read_count;
	unsigned int asks; /* questions in flight */

	struct sftp_ask *copy;	/* of a file, which goes on: what comes behind waits; or NULL */
	struct sftp_sum *sum;	/* the checksum that is being made, or NULL */
	struct sftp_verb *verb; /* it runs a command and speaks no SFTP; or NULL */
};

/* A question in flight: where its answer goes. */
struct sftp_ask {
	struct sftp *f;
	struct sftp_channel *channel; /* NULL: the channel is gone, nobody wants the answer */
	struct sftp_handle *handle;   /* or NULL */
	uint32_t id;
	bool changes;	       /* what files hold may be another thing afterwards */
	bool attributes;       /* it is about those of a file or of many: sftp_ask_attributes() */
	struct sftp_ask *next; /* free ones */
	/* A copy, which goes by pieces: the ticket and the places that it reads and writes next. */
	uint32_t from;
	uint64_t from_at, to_at, left; /* left: UINT64_MAX is "to the end" */
};

/* Names of ids that this session has shown, for users-groups-by-id@openssh.com. */
struct sftp_name {
	uint32_t id;
	char name[VFS_OWNER_MAX];
};

struct sftp {
	struct session *s;
	struct ssh_wire *wire;
	struct sftp_handles *handles;
	struct sftp_channel **channels;
	size_t channel_count, channel_max;
	struct sftp_ask asks[ASK_MAX], *free_ask;
	unsigned int changing;	/* questions in flight that change what files hold */
	unsigned int lost;	/* handles in state LOST */
	bool held;		/* replies have to wait (ssh_wire_holds) */
	uint64_t progress_ms;	/* clock_ms() of the last request or reply */
	uint64_t sent, sent_ms; /* bytes that went out, and when that changed or nothing waited */
	struct sftp_name users[SFTP_NAMES_SEEN], groups[SFTP_NAMES_SEEN];
	unsigned int user_count, group_count;
};

/* What a request needs; the loop sees to it before the handler is called. */
enum sftp_need {
	SFTP_NEED_ASK = 1,	 /* it asks worker */
	SFTP_NEED_FILE = 2,	 /* its first string is an open file */
	SFTP_NEED_DIR = 4,	 /* or an open directory */
	SFTP_NEED_HANDLE = 6,	 /* or either */
	SFTP_NEED_QUIET = 8,	 /* with no question about it in flight */
	SFTP_NEED_READ = 16,	 /* and with all its queued reads done */
	SFTP_NEED_STILL = 32,	 /* with no question in flight that changes what files hold */
	SFTP_NEED_ALL_READ = 64, /* with all reads and sums of the channel done */
	SFTP_NEED_SEEN = 128,	 /* with no question in flight about its file's attributes */
};

typedef int sftp_fn(struct sftp_channel *ch, const struct sftp_request *r, struct sftp_handle *h);

/* sftp_table.c */
/* ops->input of ssh_wire.h: takes whole requests from the front. */
size_t sftp_input(void *owner, const uint8_t *at, size_t len, size_t *ret_need);

/* sftp_reply.c */
/* Room for one more reply of at most bytes; a pointer to it that lives until the next call. */
struct buf *sftp_room(struct sftp_channel *ch, size_t bytes);
void sftp_reply_status(struct sftp_channel *ch, uint32_t id, enum sftp_status status,
		       const char *why);
/* err: 0 or -errno. why: words from worker, or NULL and "" for what the errno says. */
void sftp_reply_errno(struct sftp_channel *ch, uint32_t id, int err, const char *why);
/* What an errno says, in words for the client. err: -errno. */
const char *sftp_reply_words(int err);
void sftp_reply_bad_handle(struct sftp_channel *ch, uint32_t id);
/* Takes an ask; there is always one when SFTP_NEED_ASK was seen to. */
struct sftp_ask *sftp_ask_new(struct sftp_channel *ch, uint32_t id, struct sftp_handle *h);
/* What a will have done changes what files hold: reads and writes that come later wait for it. */
void sftp_ask_changes(struct sftp_ask *a);
/*
 * What a shows or sets are attributes: writes to its file that come later wait for it, and without
 * one, since the file may have any name, all writes of the channel.
 */
void sftp_ask_attributes(struct sftp_ask *a);
/* Is there such a question that writes to h have to wait for? */
bool sftp_ask_is_about(const struct sftp_channel *ch, const struct sftp_handle *h);
/* Gives it back. Returns its channel, or NULL when that is gone. */
struct sftp_channel *sftp_ask_done(struct sftp_ask *a);
/* What vfs_*() returned: when the question did not leave, a is given back and err is the answer. */
int sftp_asked(struct sftp_ask *a, int err);
/* The answer of every request that only succeeds or fails. ctx is a struct sftp_ask. */
void sftp_answer_status(void *ctx, struct vfs_reply *reply);
/* string number i of r as a clean absolute path in room. Returns 0 or -errno. */
int sftp_path(const struct sftp_channel *ch, const struct sftp_request *r, unsigned int i,
	      char room[VFS_PATH_MAX]) MUST_CHECK;

/* sftp_file.c */
sftp_fn sftp_open, sftp_close, sftp_read, sftp_fstat, sftp_fsetstat, sftp_fsync;
/* Makes the oldest queued reads into replies, behind *out_end of ch->out. */
void sftp_fill_reads(struct sftp_channel *ch);
/*
 * The answer to a vfs_open for a->handle, and the end of a. *ret_err: 0, the handle is the file
 * that worker opened; or -errno, and it is free again. Returns the channel; NULL: it is gone, and
 * the file was abandoned.
 */
struct sftp_channel *sftp_take_file(struct sftp_ask *a, struct vfs_reply *reply,
				    int *ret_err) MUST_CHECK;
/* The client went away with this handle open: worker will treat it as interrupted. */
void sftp_abandon(struct sftp *f, struct sftp_handle *h);
/* Tells worker of abandoned handles, as many as it can be asked now. */
void sftp_bury(struct sftp *f);
/* Attributes as a change for vfs_setattr. Returns 0 or -EFBIG. */
int sftp_change(const struct sftp_attrs *a, struct vfs_change *ret_change) MUST_CHECK;
uint32_t sftp_mode(const struct sftp_attrs *a);

/* sftp_write.c */
sftp_fn sftp_write;

/* sftp_copy.c */
sftp_fn sftp_copy_data;

/* sftp_dir.c */
/* Keeps the entries of an answer: they are gone when the answer's function returns. */
void sftp_dir_keep(struct sftp_handle *h, const struct vfs_reply *reply);
sftp_fn sftp_opendir, sftp_readdir, sftp_closedir;

/* sftp_name.c */
sftp_fn sftp_lstat, sftp_stat, sftp_setstat, sftp_remove, sftp_mkdir, sftp_rmdir, sftp_realpath,
    sftp_rename, sftp_readlink, sftp_symlink, sftp_posix_rename, sftp_hardlink, sftp_lsetstat;
/* A NAME reply with one name and no attributes. */
void sftp_reply_name(struct sftp_channel *ch, uint32_t id, const char *name);
void sftp_answer_attrs(void *ctx, struct vfs_reply *reply);

/* sftp_sum.c */
sftp_fn sftp_check_file_handle, sftp_check_file_name;

/* sftp_ext.c */
/* blocks of size bytes as KiB. */
uint64_t sftp_kib(uint64_t blocks, uint64_t size);
/* Remembers the names of an entry's owner and group. */
void sftp_saw_names(struct sftp *f, const struct vfs_attr *attr);
sftp_fn sftp_init, sftp_statvfs, sftp_fstatvfs, sftp_limits, sftp_expand_path, sftp_home_directory,
    sftp_users_groups, sftp_space_available, sftp_vendor_id;

#endif
