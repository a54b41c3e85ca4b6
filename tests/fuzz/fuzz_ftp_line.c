/* SPDX-License-Identifier: ISC */
/*
 * fuzz_ftp_line.c - bytes of a control connection, which arrive in pieces of any size: the lines
 * are the same as when they arrive one by one. The first byte says how long the pieces are. (make
 * fuzz)
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/ftp/ftp_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What was found, written down; a line that is shown must stay until it is done. */
struct found {
	char *text;
	size_t len, size;
};

static void
note(struct found *f, enum ftp_line_kind kind, const char *line)
{
	size_t n = kind == FTP_LINE_COMMAND ? strlen(line) : 0;

	if (f->len + n + 2 > f->size) {
		f->size = 2 * f->size + n + 64;
		f->text = realloc(f->text, f->size);
		assert(f->text);
	}
	f->text[f->len++] = (char)('0' + kind);
	memcpy(f->text + f->len, line, n);
	f->len += n;
	f->text[f->len++] = '\n';
}

static void
feed(const uint8_t *data, size_t len, size_t piece, struct found *f)
{
	static struct ftp_line l;

	ftp_line_init(&l);
	for (;;) {
		enum ftp_line_kind kind;
		char *line = NULL, *again = NULL, *space;
		size_t room;

		kind = ftp_line_next(&l, &line);
		if (kind != FTP_LINE_NONE) {
			assert(ftp_line_next(&l, &again) == kind && again == line);
			note(f, kind, line);
			if (kind == FTP_LINE_FLOOD)
				return;
			ftp_line_done(&l);
			continue;
		}
		space = ftp_line_space(&l, &room);
		if (len == 0)
			break;
		assert(room > 0);
		room = room < piece ? room : piece;
		room = room < len ? room : len;
		memcpy(space, data, room);
		ftp_line_received(&l, room);
		data += room;
		len -= room;
	}
	ftp_line_wipe(&l);
	assert(ftp_line_left(&l) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct found one = { NULL, 0, 0 }, many = { NULL, 0, 0 };

	if (len == 0)
		return 0;
	feed(data + 1, len - 1, 1, &one);
	feed(data + 1, len - 1, data[0] + 2u, &many);
	assert(one.len == many.len && (one.len == 0 || memcmp(one.text, many.text, one.len) == 0));
	free(one.text);
	free(many.text);
	return 0;
}
