/* SPDX-License-Identifier: ISC */
/*
 * ipc.h - one message is one SOCK_SEQPACKET datagram: u16 type, u32 id, fields (buf.h), and at most
 * one descriptor. The receiver distrusts lengths, then contents, then meaning.
 */
#ifndef BASE_IPC_H
#define BASE_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/buf.h"

/* Bytes of the largest message: 64 KiB of listing and its head. */
#define IPC_MESSAGE_MAX (65536u + 256u)
/* A path on the wire between our processes: PATH_MAX with its 0. */
#define IPC_PATH_MAX 4096u
/* A send that takes longer than this ends the session: the other side does not read. */
#define IPC_SEND_MS 5000

/* Two connected ends, CLOEXEC. Returns 0 or -errno. */
int ipc_pair(int ret_ends[2]) MUST_CHECK;
/* The same for a few short messages, such as who came to a port. */
int ipc_line(int ret_ends[2]) MUST_CHECK;

/* Starts a message in b (over storage of the caller). */
void ipc_begin(struct buf *b, void *storage, size_t size, uint16_t type, uint32_t id);
/* Another id for a message that has begun. */
void ipc_set_id(const struct buf *b, uint32_t id);

/*
 * Sends the message, with pass_fd beside it unless that is -1 (it stays the caller's). Waits up to
 * IPC_SEND_MS, also when the user has too many descriptors under way. Returns 0, -EMSGSIZE (b is
 * bad), -ETIMEDOUT, -EPIPE (the other side is gone).
 */
int ipc_send(int sock, const struct buf *b, int pass_fd) MUST_CHECK;

/*
 * Small messages that leave together, in one system call and with one waking of the other side. A
 * descriptor that goes with one must stay open until then.
 */
#define IPC_BATCH_MAX 8
struct ipc_batch {
	unsigned int count;
	size_t used; /* of room */
	struct {
		size_t at, len; /* in room */
		int fd;		/* or -1 */
	} out[IPC_BATCH_MAX];
	uint8_t room[IPC_BATCH_MAX * 512];
};

/* Puts the message into the batch. False: it has no room for it. */
bool ipc_batch_put(struct ipc_batch *t, const struct buf *b, int pass_fd) MUST_CHECK;

void ipc_batch_clear(struct ipc_batch *t);

/* Sends all of it, as ipc_send() does, and empties it. */
int ipc_batch_send(int sock, struct ipc_batch *t) MUST_CHECK;

/*
 * Sends what can be sent without waiting, from number *sent on, which it moves. Returns 0 (all of
 * it), -EAGAIN, -EPIPE. The batch stays as it is.
 */
int ipc_batch_send_now(int sock, struct ipc_batch *t, unsigned int *sent) MUST_CHECK;

/* The same as ipc_send() without waiting: -EAGAIN when the socket is full, -ETOOMANYREFS. */
int ipc_send_now(int sock, const struct buf *b, int pass_fd) MUST_CHECK;

/*
 * Receives one message into storage and opens it in b behind its head. Returns 0, -EAGAIN (flags
 * had MSG_DONTWAIT and there is none), -EPIPE (the other side is gone), -EBADMSG (cut or without a
 * head).
 *
 * With ret_fd NULL the kernel is given no room for descriptors, so that what a distrusted sender
 * attaches is discarded. Else *ret_fd is the descriptor that came (CLOEXEC) or -1; two are
 * -EBADMSG.
 */
int ipc_recv(int sock, int flags, void *storage, size_t size, struct buf *b, uint16_t *ret_type,
	     uint32_t *ret_id, int *ret_fd) MUST_CHECK;

#endif
