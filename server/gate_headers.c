/* SPDX-License-Identifier: ISC */
/*
 * gate_headers.c - reads PROXY headers off connections of trusted balancers, byte-exactly: what is
 * behind them belongs to the client. A balancer sends its header at once; one that does not is
 * closed.
 */
#include "server/gate_in.h"

#include <errno.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/gate_msg.h"
#include "server/proxy.h"
#include "server/source.h"

#define HEADER_MS 5000

static struct header {
	int fd;
	bool used;
	enum gate_for what;
	uint32_t number;
	struct sockaddr_storage local; /* of the port */
	uint64_t deadline_ms;
} headers[GATE_HEADERS];

static void
drop(struct header *h, const char *why)
{
	struct sockaddr_storage from = { 0 };
	socklen_t len = sizeof(from);
	char addr[SESSION_ADDR_MAX] = "?";

	if (why) {
		if (getpeername(h->fd, (struct sockaddr *)&from, &len) == 0) {
			source_unmap(&from);
			source_text(&from, addr);
		}
		log_warn("proxy-header", "addr=%s closed=yes reason=\"%s\"", addr, why);
	}
	fd_close(&h->fd);
	h->used = false;
}

void
gate_header_begin(enum gate_for what, uint32_t number, int fd, const struct sockaddr_storage *local)
{
	for (size_t i = 0; i < GATE_HEADERS; i++) {
		if (headers[i].used)
			continue;
		headers[i] = (struct header) { .fd = fd,
					       .used = true,
					       .what = what,
					       .number = number,
					       .local = *local,
					       .deadline_ms = clock_after(HEADER_MS) };
		return;
	}
	log_warn("proxy-header", "closed=yes reason=\"too many at one time\"");
	fd_close(&fd);
}

uint64_t
gate_headers_deadline(void)
{
	uint64_t first = CLOCK_NEVER;

	for (size_t i = 0; i < GATE_HEADERS; i++)
		if (headers[i].used)
			first = clock_first(first, headers[i].deadline_ms);
	return first;
}

void
gate_headers_poll(struct gate_polls *p)
{
	for (size_t i = 0; i < GATE_HEADERS; i++)
		if (headers[i].used)
			gate_poll(p, headers[i].fd);
}

static void
give_back(struct header *h, const struct proxy *proxy, int control)
{
	uint8_t room[GATE_MSG_MAX];
	struct buf b;

	if (h->what == GATE_FOR_PORT) {
		gate_ports_came(h->fd, &h->local, &proxy->peer, (uint16_t)h->number);
		return;
	}
	ipc_begin(&b, room, sizeof(room), GATE_MSG_HEADED, 0);
	buf_put_u32(&b, h->number);
	buf_put_string(&b, &proxy->peer, sizeof(proxy->peer));
	buf_put_string(&b, &proxy->reached, sizeof(proxy->reached));
	ignore_result(ipc_send_now(control, &b, h->fd)); /* if not, closing says so */
}

/* A balancer that looks whether we live, or does not know: it speaks for itself. */
static bool
use_own_addresses(int fd, struct proxy *proxy)
{
	socklen_t len = sizeof(proxy->peer);

	if (getpeername(fd, (struct sockaddr *)&proxy->peer, &len) < 0)
		return false;
	len = sizeof(proxy->reached);
	return getsockname(fd, (struct sockaddr *)&proxy->reached, &len) == 0;
}

/* Bytes that must be there before poll(2) wakes us: not for those that we have seen. */
static void
wake_from(int fd, int bytes)
{
	ignore_result(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes)));
}

/* More came. What was looked at stays in the socket until the header is whole. */
static void
look_at(struct header *h, int control)
{
	static uint8_t room[PROXY_MAX];
	struct proxy proxy;
	ssize_t n = recv(h->fd, room, sizeof(room), MSG_PEEK | MSG_DONTWAIT);
	int err;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	err = n > 0 ? proxy_parse(room, (size_t)n, &proxy) : -EPIPE;
	if (err == -EAGAIN) {
		wake_from(h->fd, (int)n + 1);
		return;
	}
	wake_from(h->fd, 1);
	if (err == 0 && (recv(h->fd, room, proxy.len, MSG_DONTWAIT) != (ssize_t)proxy.len ||
			 (proxy.local && !use_own_addresses(h->fd, &proxy))))
		err = -EPIPE;
	if (err == 0) {
		/* IPv4 may come as ::ffff:a.b.c.d, from a balancer that listens on both. */
		source_unmap(&proxy.peer);
		source_unmap(&proxy.reached);
		give_back(h, &proxy, control);
	}
	drop(h, err == -EBADMSG ? "this is no PROXY header, but this network is said to send one"
				: NULL);
}

void
gate_headers_pump(const struct gate_polls *p, size_t first, int control)
{
	for (size_t i = 0; i < GATE_HEADERS; i++) {
		struct header *h = &headers[i];

		for (size_t k = first; h->used && k < p->count; k++)
			if (p->at[k].fd == h->fd && p->at[k].revents)
				look_at(h, control);
		if (h->used && clock_ms() >= h->deadline_ms)
			drop(h, "it took too long");
	}
}
