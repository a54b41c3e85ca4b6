/* SPDX-License-Identifier: ISC */
/*
 * fuzz_sftp_packet.c - a client's bytes through the SFTP codec, cut into packets as a channel cuts
 * them. What comes out must lie inside what went in.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "protocols/sftp/sftp_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
look_at(const struct sftp_request *r, const uint8_t *at, size_t size)
{
	char room[VFS_PATH_MAX];

	assert(r->op < SFTP_OP_COUNT);
	for (size_t i = 0; i < COUNT_OF(r->string); i++) {
		const struct sftp_bytes *s = &r->string[i];

		if (s->len > 0)
			assert(s->at >= at && s->len <= size && s->at + s->len <= at + size);
		if (sftp_packet_text(s, room, sizeof(room)) == 0)
			assert(strlen(room) == s->len);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct sftp_request r;
	size_t size;

	while (sftp_packet_size(data, len, &size) == 0 && size <= len) {
		if (sftp_packet_decode(data, size, &r) == 0)
			look_at(&r, data, size);
		data += size;
		len -= size;
	}
	return 0;
}
