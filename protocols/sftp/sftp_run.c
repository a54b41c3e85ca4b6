/* SPDX-License-Identifier: ISC */
/*
 * sftp_run.c - the SFTP front end: its loop, its channels, the table of requests.
 * Owns: the order of work. Must not: open anything, decide any right, or touch libssh.
 *
 * One turn: what waited is offered again, replies are made and sent as far as the client reads,
 * then the turn waits for the client, worker or monitor. Requests are taken apart inside that
 * waiting.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/sftp/sftp_channel.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/vfs/path.h"

/* A write of this kind may not be lost: (the handler may be called again after SFTP_LATER). */
static const struct sftp_row {
	sftp_fn *handle;
	unsigned int needs; /* enum sftp_need */
} rows[SFTP_OP_COUNT] = {
	[SFTP_OP_OPEN] = { sftp_open, SFTP_NEED_ASK },
	[SFTP_OP_CLOSE] = { sftp_close,
			    SFTP_NEED_ASK | SFTP_NEED_HANDLE | SFTP_NEED_QUIET | SFTP_NEED_READ },
	[SFTP_OP_READ] = { sftp_read, SFTP_NEED_FILE | SFTP_NEED_QUIET },
	[SFTP_OP_WRITE] = { sftp_write, SFTP_NEED_FILE | SFTP_NEED_QUIET | SFTP_NEED_READ },
	[SFTP_OP_LSTAT] = { sftp_lstat, SFTP_NEED_ASK },
	[SFTP_OP_FSTAT] = { sftp_fstat, SFTP_NEED_ASK | SFTP_NEED_FILE },
	[SFTP_OP_SETSTAT] = { sftp_setstat, SFTP_NEED_ASK },
	[SFTP_OP_FSETSTAT] = { sftp_fsetstat, SFTP_NEED_ASK | SFTP_NEED_FILE | SFTP_NEED_READ },
	[SFTP_OP_OPENDIR] = { sftp_opendir, SFTP_NEED_ASK },
	[SFTP_OP_READDIR] = { sftp_readdir, SFTP_NEED_ASK | SFTP_NEED_DIR | SFTP_NEED_QUIET },
	[SFTP_OP_REMOVE] = { sftp_remove, SFTP_NEED_ASK },
	[SFTP_OP_MKDIR] = { sftp_mkdir, SFTP_NEED_ASK },
	[SFTP_OP_RMDIR] = { sftp_rmdir, SFTP_NEED_ASK },
	[SFTP_OP_REALPATH] = { sftp_realpath, 0 },
	[SFTP_OP_STAT] = { sftp_stat, SFTP_NEED_ASK },
	[SFTP_OP_RENAME] = { sftp_rename, SFTP_NEED_ASK },
	[SFTP_OP_READLINK] = { sftp_readlink, SFTP_NEED_ASK },
	[SFTP_OP_SYMLINK] = { sftp_symlink, SFTP_NEED_ASK },
	[SFTP_OP_POSIX_RENAME] = { sftp_posix_rename, SFTP_NEED_ASK },
	[SFTP_OP_STATVFS] = { sftp_statvfs, SFTP_NEED_ASK },
	[SFTP_OP_FSTATVFS] = { sftp_fstatvfs, SFTP_NEED_ASK | SFTP_NEED_HANDLE },
	[SFTP_OP_HARDLINK] = { sftp_hardlink, SFTP_NEED_ASK },
	[SFTP_OP_FSYNC] = { sftp_fsync, SFTP_NEED_ASK | SFTP_NEED_FILE },
	[SFTP_OP_LSETSTAT] = { sftp_lsetstat, SFTP_NEED_ASK },
	[SFTP_OP_LIMITS] = { sftp_limits, 0 },
	[SFTP_OP_EXPAND_PATH] = { sftp_expand_path, 0 },
	[SFTP_OP_COPY_DATA] = { sftp_copy_data,
				SFTP_NEED_ASK | SFTP_NEED_FILE | SFTP_NEED_QUIET | SFTP_NEED_READ },
	[SFTP_OP_HOME_DIRECTORY] = { sftp_home_directory, 0 },
	[SFTP_OP_USERS_GROUPS] = { sftp_users_groups, 0 },
	[SFTP_OP_SPACE_AVAILABLE] = { sftp_space_available, SFTP_NEED_ASK },
	[SFTP_OP_VENDOR_ID] = { sftp_vendor_id, 0 },
};

/* errno to status: as OpenSSH's server does it, since that is what clients were tried with. */
static const struct {
	int err;
	enum sftp_status status;
	const char *text;
} errnos[] = {
	{ ENOENT, SFTP_NO_SUCH_FILE, "No such file or directory." },
	{ ENOTDIR, SFTP_NO_SUCH_FILE, "A part of the path is not a directory." },
	{ EBADF, SFTP_NO_SUCH_FILE, "This is not open." },
	{ ELOOP, SFTP_NO_SUCH_FILE, "A symbolic link stands in the way." },
	{ EPERM, SFTP_PERMISSION_DENIED, "Permission denied." },
	{ EACCES, SFTP_PERMISSION_DENIED, "Permission denied." },
	{ EFAULT, SFTP_PERMISSION_DENIED, "Permission denied." },
	{ ENAMETOOLONG, SFTP_BAD_MESSAGE, "The path is too long." },
	{ EINVAL, SFTP_BAD_MESSAGE, "The request makes no sense." },
	{ ENOSYS, SFTP_OP_UNSUPPORTED, "This cannot be done here." },
	{ EOPNOTSUPP, SFTP_OP_UNSUPPORTED, "This cannot be done here." },
	{ EEXIST, SFTP_FAILURE, "It exists already." },
	{ EISDIR, SFTP_FAILURE, "This is a directory." },
	{ ENOTEMPTY, SFTP_FAILURE, "The directory is not empty." },
	{ EXDEV, SFTP_FAILURE, "The two paths are not in one share." },
	{ EROFS, SFTP_FAILURE, "This filesystem is read-only." },
	{ ENOSPC, SFTP_FAILURE, "No space is left." },
	{ EDQUOT, SFTP_FAILURE, "The quota is used up." },
	{ EFBIG, SFTP_FAILURE, "The file would be too large." },
	{ EOVERFLOW, SFTP_FAILURE, "There is no such position in a file." },
	{ EBUSY, SFTP_FAILURE, "Somebody else is writing this file." },
	{ ESTALE, SFTP_FAILURE,
	  "The last upload was interrupted and rolled back: upload from the start." },
	{ ERANGE, SFTP_FAILURE, "This position is behind the end of the file." },
	{ EMFILE, SFTP_FAILURE, "Too many open files." },
	{ EIO, SFTP_FAILURE, "The disk reported an error." },
};

struct buf *
sftp_room(struct sftp_channel *ch, size_t bytes)
{
	struct buf *b = &ch->small;

	if (buf_room(b) < bytes) {
		size_t size = b->end + bytes < 2 * b->size ? 2 * b->size : b->end + bytes;

		b->at = mem_grow(b->at, size, 1);
		b->size = size;
	}
	return b;
}

void
sftp_reply_status(struct sftp_channel *ch, uint32_t id, enum sftp_status status, const char *why)
{
	static const char *const texts[] = {
		[SFTP_OK] = "Success.",
		[SFTP_EOF] = "End of file.",
		[SFTP_NO_SUCH_FILE] = "No such file.",
		[SFTP_PERMISSION_DENIED] = "Permission denied.",
		[SFTP_FAILURE] = "Failure.",
		[SFTP_BAD_MESSAGE] = "Bad message.",
		[SFTP_NO_CONNECTION] = "No connection.",
		[SFTP_CONNECTION_LOST] = "Connection lost.",
		[SFTP_OP_UNSUPPORTED] = "This request is not supported.",
	};

	if (!why || !*why)
		why = texts[status];
	sftp_put_status(sftp_room(ch, strlen(why) + 64), id, status, why);
}

void
sftp_reply_errno(struct sftp_channel *ch, uint32_t id, int err, const char *why)
{
	enum sftp_status status = err == 0 ? SFTP_OK : SFTP_FAILURE;
	const char *text = NULL;

	for (size_t i = 0; i < COUNT_OF(errnos); i++) {
		if (errnos[i].err == -err) {
			status = errnos[i].status;
			text = errnos[i].text;
		}
	}
	sftp_reply_status(ch, id, status, why && *why ? why : text);
}

void
sftp_reply_bad_handle(struct sftp_channel *ch, uint32_t id)
{
	sftp_reply_status(ch, id, SFTP_FAILURE, "Invalid handle.");
}

struct sftp_ask *
sftp_ask_new(struct sftp_channel *ch, uint32_t id, struct sftp_handle *h)
{
	struct sftp_ask *a = ch->f->free_ask;

	ch->f->free_ask = a->next;
	*a = (struct sftp_ask) { .f = ch->f, .channel = ch, .handle = h, .id = id };
	ch->asks++;
	if (h)
		h->asks++;
	return a;
}

struct sftp_channel *
sftp_ask_done(struct sftp_ask *a)
{
	struct sftp_channel *ch = a->channel;
	struct sftp_handle *h = a->handle;
	struct sftp *f = a->f;

	if (ch)
		ch->asks--;
	if (h && --h->asks == 0 && !ch &&
	    (h->kind == SFTP_HANDLE_FILE || h->kind == SFTP_HANDLE_DIR))
		sftp_abandon(f, h);
	a->next = f->free_ask;
	f->free_ask = a;
	return ch;
}

int
sftp_asked(struct sftp_ask *a, int err)
{
	if (err < 0)
		(void)sftp_ask_done(a);
	return err;
}

void
sftp_answer_status(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	uint32_t id = a->id;
	struct sftp_channel *ch = sftp_ask_done(a);

	if (ch)
		sftp_reply_errno(ch, id, reply->err, reply->why);
}

int
sftp_path(const struct sftp_channel *ch, const struct sftp_request *r, unsigned int i,
	  char room[VFS_PATH_MAX])
{
	char wish[VFS_PATH_MAX];
	int err = sftp_packet_text(&r->string[i], wish, sizeof(wish));

	if (err < 0)
		return err;
	/* An empty path is the directory where the session stands (draft, section 6.2). */
	return path_join(ch->f->s->start_dir, wish[0] ? wish : ".", room, VFS_PATH_MAX);
}

/* Looks the handle up that a request needs. Returns false when the client was answered. */
static bool
find_handle(struct sftp_channel *ch, const struct sftp_request *r, unsigned int needs,
	    struct sftp_handle **ret_handle)
{
	struct sftp_handle *h = NULL;

	if (needs & SFTP_NEED_FILE)
		h = sftp_handle_find(ch->f->handles, ch, &r->string[0], SFTP_HANDLE_FILE);
	if (!h && (needs & SFTP_NEED_DIR))
		h = sftp_handle_find(ch->f->handles, ch, &r->string[0], SFTP_HANDLE_DIR);
	if (!h) {
		sftp_reply_bad_handle(ch, r->id);
		return false;
	}
	*ret_handle = h;
	return true;
}

/* Handles one request. Returns 0 or SFTP_LATER. */
static int
dispatch(struct sftp_channel *ch, const struct sftp_request *r)
{
	const struct sftp_row *row = &rows[r->op];
	struct sftp_handle *h = NULL;
	int err;

	if ((row->needs & SFTP_NEED_ASK) && ask_open(ch->f->s->ask) >= SFTP_ASKS_MAX)
		return SFTP_LATER;
	if ((row->needs & SFTP_NEED_HANDLE) && !find_handle(ch, r, row->needs, &h))
		return 0;
	if (h && (row->needs & SFTP_NEED_QUIET) && h->asks > 0)
		return SFTP_LATER;
	if (h && (row->needs & SFTP_NEED_READ) && h->reads > 0)
		return SFTP_LATER;
	if (h && h->kind == SFTP_HANDLE_DIR && r->op == SFTP_OP_CLOSE)
		err = sftp_closedir(ch, r, h);
	else
		err = row->handle(ch, r, h);
	if (err < 0)
		sftp_reply_errno(ch, r->id, err, NULL);
	return err > 0 ? err : 0;
}

/* One packet. Returns 0, SFTP_LATER, or -EPROTO when the channel has to be closed. */
static int
take_packet(struct sftp_channel *ch, const uint8_t *at, size_t size)
{
	struct sftp_request r;
	int err = sftp_packet_decode(at, size, &r);

	if (err == -EPROTO)
		return err;
	/* INIT first, and once. */
	if ((err == 0 && r.op == SFTP_OP_INIT) == ch->versioned)
		return -EPROTO;
	if (!ch->versioned) {
		ch->versioned = true;
		return sftp_init(ch, &r, NULL);
	}
	if (err < 0) {
		sftp_reply_status(ch, r.id, SFTP_BAD_MESSAGE, NULL);
		return 0;
	}
	if (r.op == SFTP_OP_UNKNOWN) {
		sftp_reply_status(ch, r.id, SFTP_OP_UNSUPPORTED, NULL);
		return 0;
	}
	return dispatch(ch, &r);
}

static size_t
on_input(void *owner, const uint8_t *at, size_t len, size_t *ret_need)
{
	struct sftp_channel *ch = owner;
	size_t taken = 0, size;

	if (ch->broken)
		return len;
	for (;;) {
		int err = sftp_packet_size(at + taken, len - taken, &size);

		if (err == -EAGAIN)
			size = 4;
		*ret_need = size;
		if (err == -EAGAIN || (err == 0 && len - taken < size))
			break;
		if (ch->small.end > SFTP_SMALL_HIGH)
			break;
		if (err == 0)
			err = take_packet(ch, at + taken, size);
		if (err == SFTP_LATER)
			break;
		if (err < 0) {
			ch->broken = true;
			return len;
		}
		taken += size;
	}
	if (taken > 0)
		ch->f->progress_ms = clock_ms();
	return taken;
}

static void *
on_open(void *ctx, struct ssh_pipe *pipe)
{
	struct sftp *f = ctx;
	struct sftp_channel *ch;

	if (f->channel_count == f->channel_max)
		return NULL;
	ch = mem_new(1, sizeof(*ch));
	ch->f = f;
	ch->pipe = pipe;
	buf_init(&ch->small, mem_new(4096, 1), 4096);
	ch->out = mem_new(SFTP_OUT_BYTES, 1); /* untouched pages cost nothing */
	ch->reads = mem_new(SFTP_READS_MAX, sizeof(*ch->reads));
	f->channels[f->channel_count++] = ch;
	return ch;
}

static const struct ssh_wire_ops wire_ops = { .open = on_open, .input = on_input };

static void
free_channel(struct sftp *f, size_t i)
{
	struct sftp_channel *ch = f->channels[i];
	struct sftp_handle *h = NULL;

	while ((h = sftp_handle_next(f->handles, ch, h)) != NULL) {
		if (h->asks > 0)
			h->owner = NULL; /* the answer will find nobody, and abandon it */
		else
			sftp_abandon(f, h);
	}
	for (size_t k = 0; k < ASK_MAX; k++) {
		if (f->asks[k].channel == ch)
			f->asks[k].channel = NULL;
	}
	ssh_pipe_free(ch->pipe);
	free(ch->small.at);
	free(ch->out);
	free(ch->reads);
	free(ch);
	f->channels[i] = f->channels[--f->channel_count];
}

static void
move_small(struct sftp_channel *ch)
{
	size_t n = ch->small.end < SFTP_BATCH_BYTES ? ch->small.end : SFTP_BATCH_BYTES;

	memcpy(ch->out + ch->out_end, ch->small.at, n);
	ch->out_end += n;
	ch->small.end -= n;
	memmove(ch->small.at, ch->small.at + n, ch->small.end);
}

/* Puts a batch together: small replies, and queued reads behind them. */
static void
fill(struct sftp_channel *ch)
{
	ch->out_pos = ch->out_end = 0;
	move_small(ch);
	if (ch->small.end > 0)
		return;
	sftp_fill_reads(ch);
	if (ch->out_end == 0)
		move_small(ch); /* reads that came to nothing: at the end of a file, or failed */
}

/* Sends what there is. Returns true when something moved. */
static bool
produce(struct sftp_channel *ch)
{
	ssize_t n;

	if (ch->out_pos == ch->out_end)
		fill(ch);
	if (ch->out_pos == ch->out_end)
		return false;
	n = ssh_pipe_write(ch->pipe, ch->out + ch->out_pos, ch->out_end - ch->out_pos);
	if (n < 0) {
		ch->broken = true;
		return false;
	}
	ch->out_pos += (size_t)n;
	if (n > 0)
		ch->f->progress_ms = clock_ms();
	return n > 0;
}

/* Has everything that the client asked for been answered? */
static bool
is_settled(const struct sftp_channel *ch)
{
	return ch->asks == 0 && ch->read_count == 0 && ch->small.end == 0 &&
	       ch->out_pos == ch->out_end;
}

/* One turn of one channel. Returns true when something moved; *gone when it is no more. */
static bool
serve_channel(struct sftp *f, size_t i, bool *gone)
{
	struct sftp_channel *ch = f->channels[i];
	bool moved = false;

	if (ssh_pipe_is_closed(ch->pipe)) {
		free_channel(f, i);
		*gone = true;
		return true;
	}
	ssh_pipe_resume(ch->pipe);
	if (!ch->broken && !ssh_wire_is_full(f->wire))
		moved = produce(ch);
	if (ch->broken || (ssh_pipe_is_ended(ch->pipe) && is_settled(ch)))
		ssh_pipe_shut(ch->pipe);
	return moved;
}

static bool
serve_channels(struct sftp *f)
{
	bool moved = false;

	for (size_t i = 0; i < f->channel_count;) {
		bool gone = false;

		moved |= serve_channel(f, i, &gone);
		i += !gone;
	}
	return moved;
}

/* When must the loop turn again although nothing came? */
static uint64_t
deadline(struct sftp *f, bool moved)
{
	uint64_t at = clock_after(0), now, wait;
	const uint64_t idle_ms = f->s->conf->limits.idle_ms;

	if (moved && !ssh_wire_is_full(f->wire))
		return 0;
	now = clock_ms();
	if (idle_ms > 0)
		at = clock_first(at, f->progress_ms + idle_ms);
	wait = rate_wait_ms(&f->down);
	if (wait > 0)
		at = clock_first(at, now + wait);
	wait = rate_wait_ms(&f->up);
	if (wait > 0)
		at = clock_first(at, now + wait);
	return at;
}

/* Monitor speaks to a logged-in session only by going away. */
static bool
is_monitor_gone(struct sftp *f)
{
	static struct auth_verdict v;
	int err = auth_recv(f->s->auth, &v);

	if (err == 0)
		auth_verdict_clear(&v);
	return err == -EPIPE;
}

static enum session_end
end_of_connection(const struct sftp *f)
{
	return ssh_wire_is_goodbye(f->wire) || sftp_handles_used(f->handles) == 0 ? SESSION_QUIT
										  : SESSION_LOST;
}

static enum session_end
loop(struct sftp *f, const char **ret_reason)
{
	struct pollfd others[2];
	const uint64_t idle_ms = f->s->conf->limits.idle_ms;

	f->progress_ms = clock_ms();
	for (;;) {
		bool moved = serve_channels(f);

		if (f->lost > 0)
			sftp_bury(f);
		if (ssh_wire_is_over(f->wire))
			return end_of_connection(f);
		if (ssh_wire_is_broken(f->wire))
			return SESSION_PROTOCOL;
		if (idle_ms > 0 && clock_ms() - f->progress_ms >= idle_ms) {
			*ret_reason = "Idle for too long.";
			return SESSION_IDLE;
		}
		others[0] = (struct pollfd) { ask_fd(f->s->ask), ask_events(f->s->ask), 0 };
		others[1] = (struct pollfd) { auth_fd(f->s->auth), POLLIN, 0 };
		ssh_wire_wait(f->wire, others, 2, deadline(f, moved));
		if (others[1].revents && is_monitor_gone(f))
			return SESSION_MONITOR_GONE;
		if (others[0].revents && ask_pump(f->s->ask) < 0) {
			*ret_reason = "The server had to end this session.";
			return SESSION_WORKER_GONE;
		}
	}
}

static struct sftp *
sftp_new(struct session *s, struct ssh_wire *wire)
{
	struct sftp *f = mem_new(1, sizeof(*f));

	f->s = s;
	f->wire = wire;
	f->handles = sftp_handles_new(s->conf->sftp.max_handles);
	f->channel_max = s->conf->sftp.max_channels > 0 ? s->conf->sftp.max_channels : 1;
	f->channels = mem_new(f->channel_max, sizeof(struct sftp_channel *));
	for (size_t i = 0; i < ASK_MAX; i++) {
		f->asks[i].next = f->free_ask;
		f->free_ask = &f->asks[i];
	}
	rate_init(&f->up, s->conf->limits.rate_up);
	rate_init(&f->down, s->conf->limits.rate_down);
	return f;
}

/* Only memory and descriptors: what worker holds ends with the session's socket. */
static void
sftp_free(struct sftp *f)
{
	for (size_t i = 0; i < f->channel_count; i++) {
		free(f->channels[i]->small.at);
		free(f->channels[i]->out);
		free(f->channels[i]->reads);
		free(f->channels[i]);
	}
	sftp_handles_free(f->handles);
	free(f->channels);
	free(f);
}

enum session_end
sftp_run(struct session *s, struct ssh_server *server)
{
	struct ssh_wire *wire = ssh_wire_new(s, server);
	const char *reason = NULL;
	enum session_end end;
	struct sftp *f;

	if (!wire) {
		log_error("ssh-setup", "why=\"libssh refused to start a session\"");
		return SESSION_LOST;
	}
	if (!ssh_login_run(wire, &end, &reason)) {
		ssh_wire_free(wire, reason);
		return end;
	}
	f = sftp_new(s, wire);
	ssh_wire_serve(wire, &wire_ops, f);
	end = loop(f, &reason);
	ssh_wire_free(wire, reason);
	sftp_free(f);
	return end;
}
