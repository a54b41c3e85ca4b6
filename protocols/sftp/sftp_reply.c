/* SPDX-License-Identifier: ISC */
/*
 * sftp_reply.c - replies and questions in flight: what every request needs.
 * Owns: the table from errno to status, and who gets the answer of a question.
 */
#include <errno.h>
#include <string.h>

#include "protocols/sftp/sftp_channel.h"
#include "server/vfs/path.h"

/*
 * errno to status: as OpenSSH's server does it, since that is what clients were tried with. Where
 * its words say all, they are these: node-ssh makes directories only behind "No such file".
 */
static const struct {
	int err;
	enum sftp_status status;
	const char *text;
} errnos[] = {
	{ ENOENT, SFTP_NO_SUCH_FILE, "No such file" },
	{ ENOTDIR, SFTP_NO_SUCH_FILE, "A part of the path is not a directory." },
	{ EBADF, SFTP_NO_SUCH_FILE, "This is not open." },
	{ ELOOP, SFTP_NO_SUCH_FILE, "A symbolic link stands in the way." },
	{ EPERM, SFTP_PERMISSION_DENIED, "Permission denied" },
	{ EACCES, SFTP_PERMISSION_DENIED, "Permission denied" },
	{ EFAULT, SFTP_PERMISSION_DENIED, "Permission denied" },
	{ ENAMETOOLONG, SFTP_BAD_MESSAGE, "The path is too long." },
	{ EINVAL, SFTP_BAD_MESSAGE, "The request makes no sense." },
	{ ENOSYS, SFTP_OP_UNSUPPORTED, "This cannot be done here." },
	{ EOPNOTSUPP, SFTP_FAILURE, "This cannot be done here." },
	{ EEXIST, SFTP_FAILURE, "File exists." },
	{ EISDIR, SFTP_FAILURE, "This is a directory." },
	{ ENOTEMPTY, SFTP_FAILURE, "Directory not empty." },
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
		[SFTP_OK] = "Success",
		[SFTP_EOF] = "End of file",
		[SFTP_NO_SUCH_FILE] = "No such file",
		[SFTP_PERMISSION_DENIED] = "Permission denied",
		[SFTP_FAILURE] = "Failure",
		[SFTP_BAD_MESSAGE] = "Bad message",
		[SFTP_NO_CONNECTION] = "No connection",
		[SFTP_CONNECTION_LOST] = "Connection lost",
		[SFTP_OP_UNSUPPORTED] = "Operation unsupported",
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

const char *
sftp_reply_words(int err)
{
	if (err == -ENOENT)
		return "No such file or directory"; /* people read it, no client compares it */
	for (size_t i = 0; i < COUNT_OF(errnos); i++) {
		if (errnos[i].err == -err)
			return errnos[i].text;
	}
	return "Failure";
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

void
sftp_ask_changes(struct sftp_ask *a)
{
	a->changes = true;
	a->f->changing++;
}

void
sftp_ask_attributes(struct sftp_ask *a)
{
	a->attributes = true;
}

bool
sftp_ask_is_about(const struct sftp_channel *ch, const struct sftp_handle *h)
{
	for (size_t i = 0, left = ch->asks; left > 0 && i < ASK_MAX; i++) {
		const struct sftp_ask *a = &ch->f->asks[i];

		if (a->channel != ch)
			continue;
		left--;
		if (a->attributes && (!a->handle || a->handle->kind != SFTP_HANDLE_FILE ||
				      (a->handle->dev == h->dev && a->handle->ino == h->ino)))
			return true;
	}
	return false;
}

struct sftp_channel *
sftp_ask_done(struct sftp_ask *a)
{
	struct sftp_channel *ch = a->channel;
	struct sftp_handle *h = a->handle;
	struct sftp *f = a->f;

	if (ch)
		ch->asks--;
	if (ch && ch->copy == a)
		ch->copy = NULL;
	if (a->changes)
		f->changing--;
	if (h && --h->asks == 0 && !ch &&
	    (h->kind == SFTP_HANDLE_FILE || h->kind == SFTP_HANDLE_DIR))
		sftp_abandon(f, h);
	a->channel = NULL;
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
