/* SPDX-License-Identifier: ISC */
/*
 * ssh_shim.c - recv(3), send(3) and poll(3) of this program; see ssh_shim.h.
 * Owns: the three names. Must not: behave differently for any descriptor but the one it was given.
 * Our other code calls them too, in every process.
 */
/* The checked variants of both are inline functions of the same names: not in this file. */
#undef _FORTIFY_SOURCE

#include "protocols/sftp/ssh_shim.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* Bytes of one system call. More than this gained nothing measurable. */
#define RING_BYTES (256u * 1024u)
/* The kernel said "readable" and had nothing: wait so long for the truth. */
#define SPURIOUS_MS 1000

static struct {
	bool on, held;
	bool full; /* the socket did not take all of the last send */
	int fd;
	short known; /* what ssh_shim_poll saw on fd and libssh has not asked for yet */
	size_t pos, end;
	uint8_t ring[RING_BYTES];
} shim;

static int
kernel_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct timespec limit = { .tv_sec = timeout_ms / 1000,
				  .tv_nsec = (long)(timeout_ms % 1000) * 1000000L };

	return ppoll(fds, count, timeout_ms < 0 ? NULL : &limit, NULL);
}

void
ssh_shim_set(int fd)
{
	shim.on = fd >= 0;
	shim.held = false;
	shim.full = false;
	shim.fd = fd;
	shim.known = 0;
	shim.pos = shim.end = 0;
}

bool
ssh_shim_holds(void)
{
	return shim.pos < shim.end && !shim.held;
}

void
ssh_shim_hold(bool held)
{
	shim.held = held;
}

size_t
ssh_shim_peek(const uint8_t **ret_at, bool *ret_end)
{
	size_t room = sizeof(shim.ring) - shim.end;
	ssize_t n = 0;

	if (room > 0)
		n = recvfrom(shim.fd, shim.ring + shim.end, room, MSG_DONTWAIT, NULL, NULL);
	*ret_end = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
	if (n > 0)
		shim.end += (size_t)n;
	*ret_at = shim.ring + shim.pos;
	return shim.end - shim.pos;
}

int
ssh_shim_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	int n = kernel_poll(fds, count, timeout_ms);

	for (nfds_t i = 0; n > 0 && i < count; i++) {
		if (shim.on && fds[i].fd == shim.fd)
			shim.known = fds[i].revents;
	}
	return n;
}

static int
poll_held(struct pollfd *fds, int timeout_ms)
{
	short asked = fds[0].events;
	int n;

	fds[0].events = (short)(asked & ~POLLIN);
	n = kernel_poll(fds, 1, timeout_ms);
	fds[0].events = asked;
	return n;
}

/*
 * poll.h says that poll only writes to *fds; it does read which descriptors and events are meant.
 */
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

int
poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	short got = 0;

	if (!shim.on || count != 1 || fds->fd != shim.fd)
		return kernel_poll(fds, count, timeout_ms);
	if (shim.held)
		return poll_held(fds, timeout_ms);
	if ((fds[0].events & POLLIN) && ssh_shim_holds())
		got = POLLIN;
	got = (short)(got | (shim.known & (fds[0].events | POLLERR | POLLHUP)));
	if (!shim.full)
		got = (short)(got | (fds[0].events & POLLOUT));
	shim.known = 0;
	if (got == 0) {
		int n = kernel_poll(fds, count, timeout_ms);

		if (n > 0 && (fds[0].revents & POLLOUT))
			shim.full = false;
		return n;
	}
	fds[0].revents = got;
	return 1;
}

/* Fills the ring. libssh takes every error for the end, so EAGAIN must not reach it lightly. */
static ssize_t
fill(void)
{
	ssize_t n = recvfrom(shim.fd, shim.ring, sizeof(shim.ring), 0, NULL, NULL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		struct pollfd wait = { .fd = shim.fd, .events = POLLIN };

		(void)kernel_poll(&wait, 1, SPURIOUS_MS);
		n = recvfrom(shim.fd, shim.ring, sizeof(shim.ring), 0, NULL, NULL);
	}
	if (n > 0) {
		shim.pos = 0;
		shim.end = (size_t)n;
	}
	return n;
}

ssize_t
recv(int fd, void *at, size_t len, int flags)
{
	size_t n;

	if (!shim.on || fd != shim.fd || flags != 0)
		return recvfrom(fd, at, len, flags, NULL, NULL);
	if (shim.pos == shim.end) {
		ssize_t got = fill();

		if (got <= 0)
			return got;
	}
	n = shim.end - shim.pos;
	if (n > len)
		n = len;
	memcpy(at, shim.ring + shim.pos, n);
	shim.pos += n;
	return (ssize_t)n;
}

/* Where poll(3) said more than is true, nothing is sent, and libssh asks again. */
ssize_t
send(int fd, const void *at, size_t len, int flags)
{
	ssize_t n = sendto(fd, at, len, flags, NULL, 0);

	if (!shim.on || fd != shim.fd)
		return n;
	if (n < 0 && errno == EAGAIN)
		n = 0;
	shim.full = n >= 0 && (size_t)n < len;
	return n;
}
