/* SPDX-License-Identifier: ISC */
/*
 * sftp_table.c - which request is handled by whom, and what must be true before.
 * Owns: the order of requests. Distrusts: every packet; what is malformed is answered or ends the
 * channel.
 */
#include <errno.h>

#include "protocols/sftp/sftp_channel.h"
#include "server/base/clock.h"

static const struct sftp_row {
	sftp_fn *handle;
	unsigned int needs; /* enum sftp_need */
} rows[SFTP_OP_COUNT] = {
	[SFTP_OP_OPEN] = { sftp_open, SFTP_NEED_ASK },
	[SFTP_OP_CLOSE] = { sftp_close,
			    SFTP_NEED_ASK | SFTP_NEED_HANDLE | SFTP_NEED_QUIET | SFTP_NEED_READ },
	[SFTP_OP_READ] = { sftp_read, SFTP_NEED_FILE | SFTP_NEED_QUIET | SFTP_NEED_STILL },
	[SFTP_OP_WRITE] = { sftp_write, SFTP_NEED_FILE | SFTP_NEED_QUIET | SFTP_NEED_STILL |
					    SFTP_NEED_ALL_READ | SFTP_NEED_SEEN },
	[SFTP_OP_LSTAT] = { sftp_lstat, SFTP_NEED_ASK },
	[SFTP_OP_FSTAT] = { sftp_fstat, SFTP_NEED_ASK | SFTP_NEED_FILE },
	[SFTP_OP_SETSTAT] = { sftp_setstat, SFTP_NEED_ASK },
	[SFTP_OP_FSETSTAT] = { sftp_fsetstat, SFTP_NEED_ASK | SFTP_NEED_FILE | SFTP_NEED_ALL_READ },
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
	[SFTP_OP_COPY_DATA] = { sftp_copy_data, SFTP_NEED_ASK | SFTP_NEED_FILE | SFTP_NEED_QUIET |
						    SFTP_NEED_ALL_READ },
	[SFTP_OP_HOME_DIRECTORY] = { sftp_home_directory, 0 },
	[SFTP_OP_USERS_GROUPS] = { sftp_users_groups, 0 },
	[SFTP_OP_SPACE_AVAILABLE] = { sftp_space_available, SFTP_NEED_ASK },
	[SFTP_OP_VENDOR_ID] = { sftp_vendor_id, 0 },
	[SFTP_OP_CHECK_FILE_NAME] = { sftp_check_file_name, SFTP_NEED_ASK },
	[SFTP_OP_CHECK_FILE_HANDLE] = { sftp_check_file_handle,
					SFTP_NEED_FILE | SFTP_NEED_QUIET | SFTP_NEED_STILL },
};

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

/*
 * Two requests by path change what files hold only when they say so. The file may be one that is
 * being read by a handle, whatever its name.
 */
static unsigned int
needs_of(const struct sftp_row *row, const struct sftp_request *r)
{
	bool changes = (r->op == SFTP_OP_OPEN && (r->number & SFTP_OPEN_TRUNC)) ||
		       (r->op == SFTP_OP_SETSTAT && (r->attrs.flags & SFTP_ATTR_SIZE));

	return row->needs | (changes ? SFTP_NEED_ALL_READ : 0u);
}

/* Handles one request. Returns 0 or SFTP_LATER. */
static int
dispatch(struct sftp_channel *ch, const struct sftp_request *r)
{
	const struct sftp_row *row = &rows[r->op];
	unsigned int needs = needs_of(row, r);
	struct sftp_handle *h = NULL;
	int err;

	/* Between its pieces worker would answer others, and not know a file that is closed. */
	if (ch->copy)
		return SFTP_LATER;
	if ((needs & SFTP_NEED_ASK) && ask_open(ch->f->s->ask) >= SFTP_ASKS_MAX)
		return SFTP_LATER;
	if ((needs & SFTP_NEED_HANDLE) && !find_handle(ch, r, needs, &h))
		return 0;
	if (h && (needs & SFTP_NEED_QUIET) && h->asks > 0)
		return SFTP_LATER;
	if (h && (needs & SFTP_NEED_READ) && h->reads > 0)
		return SFTP_LATER;
	if ((needs & SFTP_NEED_STILL) && ch->f->changing > 0)
		return SFTP_LATER;
	if ((needs & SFTP_NEED_ALL_READ) && (ch->read_count > 0 || ch->sum))
		return SFTP_LATER;
	if ((needs & SFTP_NEED_SEEN) && sftp_ask_is_about(ch, h))
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

size_t
sftp_input(void *owner, const uint8_t *at, size_t len, size_t *ret_need)
{
	struct sftp_channel *ch = owner;
	size_t taken = 0, size;

	if (ch->broken)
		return len;
	if (ch->verb) {
		*ret_need = 1;
		return sftp_verb_input(ch, at, len);
	}
	for (;;) {
		int err = sftp_packet_size(at + taken, len - taken, &size);

		if (err < 0)
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
