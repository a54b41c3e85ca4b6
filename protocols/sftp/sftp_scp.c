/* SPDX-License-Identifier: ISC */
/* sftp_scp.c - see sftp_scp.h: the command line, and what both directions say. */
#include "protocols/sftp/sftp_scp.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/text.h"
#include "server/vfs/path.h"

struct scp *
scp_new(char **words, size_t count)
{
	struct scp *s = mem_new(1, sizeof(*s));
	bool source = false;
	size_t i;

	for (i = 1; i < count && words[i][0] == '-' && words[i][1]; i++) {
		if (strcmp(words[i], "--") == 0) {
			i++;
			break;
		}
		for (const char *c = words[i] + 1; *c; c++) {
			s->sink |= *c == 't';
			source |= *c == 'f';
			s->recursive |= *c == 'r';
			s->times |= *c == 'p';
			s->to_dir |= *c == 'd';
			if (!strchr("tfrpdvqE", *c))
				source = s->sink = true; /* not understood */
		}
	}
	s->paths = words + i;
	s->count = count - i;
	if (s->sink != source && s->count > 0 && (source || s->count == 1))
		return s;
	free(s);
	return NULL;
}

void
scp_put(struct sftp_channel *ch, const void *at, size_t len)
{
	buf_put_bytes(sftp_room(ch, len), at, len);
}

void
scp_complain(struct sftp_channel *ch, const struct scp *s, int err, const char *why)
{
	char room[512];
	struct text t;

	sftp_verb_failed(ch);
	text_init(&t, room, sizeof(room) - 1);
	text_puts(&t, "\1scp: ");
	text_printable(&t, strlen(s->path) > 250 ? path_name(s->path) : s->path);
	text_printf(&t, ": %.200s", why && *why ? why : sftp_reply_words(err));
	scp_put(ch, room, t.len);
	scp_put(ch, "\n", 1);
}

void
scp_end(struct sftp_channel *ch)
{
	sftp_verb_end(ch);
}

size_t
scp_input(struct sftp_channel *ch, struct scp *s, const uint8_t *at, size_t len)
{
	return s->sink ? scp_sink_input(ch, s, at, len) : scp_source_input(ch, s, at, len);
}

void
scp_begin(struct scp *s)
{
	if (s->sink)
		scp_sink_begin(s);
	else
		scp_source_begin(s);
}
