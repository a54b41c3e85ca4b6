/* SPDX-License-Identifier: ISC */
/*
 * gate_ports.c - passive ports, shared by sessions whose clients have different addresses.
 * Owns: accept for data connections. Distrusts: workers, who can say "a port, please" and nothing
 * else. Invariant: who comes is handed to the session of his address that wants somebody at this
 * port (gate_wish.h), or closed.
 */
#include "server/gate_in.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/net.h"
#include "server/gate_msg.h"
#include "server/gate_wish.h"
#include "server/source.h"

/* Connections taken off one port before the others are looked at again. */
#define ACCEPT_BATCH 16
/*
 * Behind a hand-over the end of the line is due in a moment. It is seen when something else wakes
 * us, which in a row of small files is the next wish, or after this time: one wake-up less a file.
 * So long, because a handshake and the commands of the next file are several round trips.
 */
#define SERVED_MS 500

static struct gate_wishes us;
static bool any_served;

void
gate_ports_init(const struct conf *conf)
{
	gate_wish_init(&us, conf);
}

void
gate_ports_client(int sock, const struct sockaddr_storage *local,
		  const struct sockaddr_storage *peer)
{
	gate_wish_add_client(&us, sock, local, peer);
}

size_t
gate_ports_max(void)
{
	return us.clients_max + 2 * us.wishes_max;
}

bool
gate_ports_any(void)
{
	return us.clients_end > 0;
}

/* Returns 0, or -errno when this session is done for. */
static int
serve(struct gate_client *c)
{
	uint8_t room[64];
	FD_OWN int end = -1;
	struct buf b;
	uint16_t type, port = 0;
	uint32_t id;
	int err = ipc_recv(c->sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);

	if (err < 0)
		return err == -EAGAIN ? 0 : err;
	if (type != GATE_MSG_LISTEN || buf_done(&b) < 0)
		return -EBADMSG;
	err = gate_wish_new(&us, c, &port, &end);
	ipc_begin(&b, room, sizeof(room), GATE_MSG_PORT, id);
	buf_put_u32(&b, (uint32_t)-err);
	buf_put_u16(&b, port);
	err = ipc_send_now(c->sock, &b, end);
	if (err != -ETOOMANYREFS)
		return err;
	/*
	 * Too many descriptors are in flight. That is over soon, and no reason to lose the session;
	 * its line ends here, which drops the wish.
	 */
	ipc_begin(&b, room, sizeof(room), GATE_MSG_PORT, id);
	buf_put_u32(&b, EADDRINUSE);
	buf_put_u16(&b, 0);
	return ipc_send_now(c->sock, &b, -1);
}

/* ---- who comes ---- */

/* Was he wanted? */
static bool
hand_over(struct gate_hold *h, int fd, const struct sockaddr_storage *peer)
{
	struct gate_wish *w = gate_wish_find(&us, h, peer);
	char addr[SESSION_ADDR_MAX];
	uint8_t room[32];
	struct buf b;

	if (w) {
		ipc_begin(&b, room, sizeof(room), GATE_MSG_CAME, 0);
		ignore_result(ipc_send_now(w->line, &b, fd)); /* if not, closing says so */
		w->served = any_served = true;
		return true;
	}
	if (h->logged)
		return false;
	h->logged = true;
	source_text(peer, addr);
	log_notice("data-stranger", "closed=yes addr=%s port=%u", addr, h->port);
	return false;
}

void
gate_ports_came(int fd, const struct sockaddr_storage *local, const struct sockaddr_storage *peer,
		uint16_t port)
{
	struct gate_hold *h = gate_wish_find_hold(&us, local, port);

	if (h)
		ignore_result(hand_over(h, fd, peer));
}

static bool
has_header(const struct sockaddr_storage *from)
{
	char addr[SESSION_ADDR_MAX];

	source_text(from, addr);
	for (size_t i = 0; i < us.conf->listener_count; i++) {
		const struct conf_listener *l = &us.conf->listeners[i];

		for (size_t k = 0; l->proxy_data && k < l->proxies.count; k++)
			if (net_has(l->proxies.at[k], addr))
				return true;
	}
	return false;
}

static void
accept_some(struct gate_hold *h)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t len = sizeof(from);
		FD_OWN int fd =
		    accept4(h->fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return; /* nobody more; or he went away again */
		source_unmap(&from);
		if (has_header(&from))
			gate_header_begin(GATE_FOR_PORT, h->port, fd_give(&fd), &h->local);
		else if (hand_over(h, fd, &from))
			return; /* hardly anybody is behind him, and asking costs a call */
	}
}

void
gate_ports_poll(struct gate_polls *p)
{
	for (size_t i = 0; i < us.clients_end; i++)
		if (us.clients[i].sock >= 0)
			gate_poll(p, us.clients[i].sock);
	for (size_t i = 0; i < us.holds_end; i++)
		if (us.holds[i].fd >= 0)
			gate_poll(p, us.holds[i].fd);
	for (size_t i = 0; i < us.wishes_end; i++)
		if (us.wishes[i].line >= 0 && !us.wishes[i].served)
			gate_poll(p, us.wishes[i].line);
}

uint64_t
gate_ports_deadline(void)
{
	return any_served ? clock_after(SERVED_MS) : CLOCK_NEVER;
}

/* Lines that were left alone: has their end come? Before wishes are served, which want ports. */
static void
look_at_served(void)
{
	for (size_t i = us.wishes_end; any_served && i > 0; i--) {
		struct gate_wish *w = &us.wishes[i - 1];
		uint8_t room[16];
		struct buf b;
		uint16_t type;
		uint32_t id;

		if (w->line < 0 || !w->served)
			continue;
		w->served = false;
		if (ipc_recv(w->line, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL) !=
		    -EAGAIN)
			gate_wish_drop(&us, w);
	}
	any_served = false;
}

/* A line is ours to send on: anything that happens there is its end. */
static void
look_at(int fd)
{
	for (size_t i = 0; i < us.wishes_end; i++) {
		if (us.wishes[i].line == fd) {
			gate_wish_drop(&us, &us.wishes[i]);
			return;
		}
	}
	for (size_t i = 0; i < us.holds_end; i++) {
		if (us.holds[i].fd == fd) {
			accept_some(&us.holds[i]);
			return;
		}
	}
	for (size_t i = 0; i < us.clients_end; i++)
		if (us.clients[i].sock == fd && serve(&us.clients[i]) < 0)
			gate_wish_drop_client(&us, &us.clients[i]);
}

void
gate_ports_pump(const struct gate_polls *p, size_t first)
{
	look_at_served();
	/*
	 * Backwards: ends of lines, then who came, then new wishes; nothing made here was polled.
	 */
	for (size_t i = p->count; i > first; i--)
		if (p->at[i - 1].revents)
			look_at(p->at[i - 1].fd);
}
