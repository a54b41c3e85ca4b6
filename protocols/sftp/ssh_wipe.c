/* SPDX-License-Identifier: ISC */
/*
 * ssh_wipe.c - finds a password in the heap by the packet around it and overwrites it.
 * libssh decrypts packets into a buffer of the session that it neither shows nor wipes, so the last
 * password stays there until a longer packet comes. A password alone would be too little to search
 * for: it may be a word that something else in the heap needs.
 */
#include "protocols/sftp/ssh_wipe.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "auth/auth.h"
#include "server/base/buf.h"

/* Where the heap begins. libssh's buffers are made long after. */
static uint8_t *heap;

__attribute__((constructor)) static void
remember_heap(void)
{
	heap = sbrk(0);
}

static void
wipe(const struct buf *packet, size_t secret_len)
{
	uint8_t *at = heap, *end = sbrk(0);

	while (!packet->bad && at < end &&
	       (at = memmem(at, (size_t)(end - at), packet->at, packet->end)) != NULL) {
		/* The search's own copy is on the stack, so this is somebody else's. */
		mem_wipe(at + packet->end - secret_len, secret_len);
		at += packet->end;
	}
}

void
ssh_wipe_password(const char *password)
{
	uint8_t room[AUTH_PASSWORD_MAX + 32];
	size_t len = strlen(password);
	struct buf packet;

	if (len == 0)
		return;
	buf_init(&packet, room, sizeof(room));
	buf_put_cstring(&packet, "password");
	buf_put_u8(&packet, 0);
	buf_put_string(&packet, password, len);
	wipe(&packet, len);
	buf_reset(&packet);
	buf_put_u32(&packet, 1);
	buf_put_string(&packet, password, len);
	wipe(&packet, len);
	mem_wipe(room, sizeof(room));
}
