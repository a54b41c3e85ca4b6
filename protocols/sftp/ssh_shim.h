/* SPDX-License-Identifier: ISC */
/*
 * ssh_shim.h - a bigger mouth for libssh, which reads its socket in pieces of 4 KiB with one
 * poll(2) before each, and does another before each write. This program defines recv(3), send(3)
 * and poll(3), and libssh, being a shared library, calls ours. For the one socket that was named
 * here recv is served from a ring that is filled by one system call, and poll says that it can be
 * written to until a send has met a full socket; for everything else they are what they always
 * were.
 *
 * If a libssh ever stopped calling recv by this name, only speed would be lost. It must not call
 * poll without send, though: that a full socket is no error is our send's word. Both are imported
 * by name in 0.10, 0.11 and 0.12.
 */
#ifndef PROTOCOLS_SFTP_SSH_SHIM_H
#define PROTOCOLS_SFTP_SSH_SHIM_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on this socket is read through the ring; -1 ends that. One socket per process. */
void ssh_shim_set(int fd);

/* Are there bytes that libssh has not taken yet, and may? */
bool ssh_shim_holds(void);

/*
 * While held, libssh does not learn that there is input; it may write. For looking at the first
 * bytes before it does.
 */
void ssh_shim_hold(bool held);

/*
 * Adds what the socket has now, without blocking, to the ring. *ret_at are the bytes that libssh
 * will see next. Returns their count; *ret_end: no more will come (or there is no room for more).
 */
size_t ssh_shim_peek(const uint8_t **ret_at, bool *ret_end);

/*
 * poll(2) for our own loop. What it says of the socket is remembered, so that the poll(3) which
 * libssh does next is answered without asking the kernel again.
 */
int ssh_shim_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

#endif
