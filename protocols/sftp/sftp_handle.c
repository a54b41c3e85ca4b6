/* SPDX-License-Identifier: ISC */
/* sftp_handle.c - the table of open files and directories; see sftp_handle.h. */
#include "protocols/sftp/sftp_handle.h"

#include <stdlib.h>

#include "server/base/fd.h"
#include "server/base/mem.h"

struct sftp_handles {
	struct sftp_handle *at;
	uint32_t max, used, dirs;
	uint32_t hint; /* places below are taken */
};

struct sftp_handles *
sftp_handles_new(uint32_t max)
{
	struct sftp_handles *t = mem_new(1, sizeof(*t));

	t->max = max > 0 ? max : 1;
	t->at = mem_new(t->max, sizeof(*t->at));
	for (uint32_t i = 0; i < t->max; i++) {
		t->at[i].place = i;
		t->at[i].fd = -1;
	}
	return t;
}

void
sftp_handles_free(struct sftp_handles *t)
{
	for (uint32_t i = 0; i < t->max; i++) {
		fd_close(&t->at[i].fd);
		free(t->at[i].entries);
		free(t->at[i].path);
	}
	free(t->at);
	free(t);
}

struct sftp_handle *
sftp_handle_new(struct sftp_handles *t, const void *owner, bool is_dir)
{
	struct sftp_handle *h;

	if (t->used == t->max || (is_dir && t->dirs == SFTP_HANDLE_DIRS_MAX))
		return NULL;
	while (t->at[t->hint].kind != SFTP_HANDLE_FREE)
		t->hint = (t->hint + 1) % t->max;
	h = &t->at[t->hint];
	h->kind = SFTP_HANDLE_OPENING;
	h->owner = owner;
	h->last = false;
	/* Which it will be; entries of a directory are never NULL. */
	h->entries = is_dir ? mem_new(1, 1) : NULL;
	buf_init_read(&h->left, h->entries, 0);
	t->used++;
	t->dirs += is_dir;
	return h;
}

void
sftp_handle_free(struct sftp_handles *t, struct sftp_handle *h)
{
	uint32_t place = h->place, generation = h->generation + 1;

	t->used--;
	if (h->entries)
		t->dirs--;
	fd_close(&h->fd);
	free(h->entries);
	free(h->path);
	*h = (struct sftp_handle) { .place = place, .generation = generation, .fd = -1 };
}

struct sftp_handle *
sftp_handle_find(struct sftp_handles *t, const void *owner, const struct sftp_bytes *bytes,
		 enum sftp_handle_kind kind)
{
	struct sftp_handle *h;
	uint32_t place, generation;
	struct buf b;

	buf_init_read(&b, bytes->at, bytes->len);
	place = buf_get_u32(&b);
	generation = buf_get_u32(&b);
	if (buf_done(&b) < 0 || place >= t->max)
		return NULL;
	h = &t->at[place];
	if (!h->path) /* opened for a checksum or a command: no client was given it */
		return NULL;
	return h->kind == kind && h->generation == generation && h->owner == owner ? h : NULL;
}

struct sftp_handle *
sftp_handle_next(struct sftp_handles *t, const void *owner, struct sftp_handle *h)
{
	for (uint32_t i = h ? h->place + 1 : 0; i < t->max; i++) {
		if (t->at[i].kind != SFTP_HANDLE_FREE && t->at[i].owner == owner)
			return &t->at[i];
	}
	return NULL;
}

void
sftp_handle_put(struct buf *b, const struct sftp_handle *h)
{
	buf_put_u32(b, SFTP_HANDLE_BYTES);
	buf_put_u32(b, h->place);
	buf_put_u32(b, h->generation);
}

uint32_t
sftp_handles_used(const struct sftp_handles *t)
{
	return t->used;
}
