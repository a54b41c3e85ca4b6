/* SPDX-License-Identifier: ISC */
/*
 * gate_ports.c - passive ports, shared by sessions whose clients have different addresses.
 * Owns: socket, bind, listen and accept for data connections. Distrusts: workers, who can say "a
 * port, please" and nothing else. Invariants: a port is random and inside the range; two sessions
 * of one address never have the same; who comes is handed to the session of his address, or closed.
 */
#include "server/conns.h"
#include "server/gate_in.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/net.h"
#include "server/gate_msg.h"
#include "server/source.h"

#define BACKLOG 64
/* Connections taken off one port before the others are looked at again. */
#define ACCEPT_BATCH 16
/* A session uses one at a time; it may ask for the next before we know that the last is done. */
#define WISHES_EACH 2
/*
 * Behind a hand-over the end of the line is due in a moment. It is seen when something else wakes
 * us, which in a row of small files is the next wish, or after this time: one wake-up less a file.
 */
#define SERVED_MS 50

struct client {
	int sock; /* -1: the row is free */
	struct sockaddr_storage local, peer;
};

/* A port that is open because of somebody's wish. */
struct hold {
	int fd; /* -1: the row is free */
	uint16_t port;
	struct sockaddr_storage local;
	unsigned int wishes;
	bool logged; /* a stranger came */
};

/* The client wants who comes to the port from its peer's address. */
struct wish {
	int line; /* -1: the row is free */
	uint64_t number;
	const struct client *client;
	struct hold *hold;
	bool served; /* somebody was handed over just now: left alone for SERVED_MS at most */
};

static struct {
	const struct conf *conf;
	struct client *clients;
	struct hold *holds;
	struct wish *wishes;
	size_t clients_max, wishes_max;
	size_t clients_end, holds_end, wishes_end; /* behind the last row that is not free */
	uint64_t number;
	bool any_served;
} us;

void
gate_ports_init(const struct conf *conf)
{
	us.conf = conf;
	us.clients_max = conf->limits.sessions + conf->limits.waiting + CONNS_ENDING;
	us.wishes_max = WISHES_EACH * us.clients_max;
	us.clients = mem_new(us.clients_max, sizeof(*us.clients));
	us.holds = mem_new(us.wishes_max, sizeof(*us.holds));
	us.wishes = mem_new(us.wishes_max, sizeof(*us.wishes));
	for (size_t i = 0; i < us.clients_max; i++)
		us.clients[i].sock = -1;
	for (size_t i = 0; i < us.wishes_max; i++)
		us.holds[i].fd = us.wishes[i].line = -1;
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

bool
gate_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
			      &((const struct sockaddr_in6 *)b)->sin6_addr, 16) == 0;
	return memcmp(&((const struct sockaddr_in *)a)->sin_addr,
		      &((const struct sockaddr_in *)b)->sin_addr, 4) == 0;
}

/* ---- sessions and wishes ---- */

static void
drop_hold(struct hold *h)
{
	fd_close(&h->fd);
	while (us.holds_end > 0 && us.holds[us.holds_end - 1].fd < 0)
		us.holds_end--;
}

static void
drop_wish(struct wish *w)
{
	struct hold *h = w->hold;

	fd_close(&w->line);
	while (us.wishes_end > 0 && us.wishes[us.wishes_end - 1].line < 0)
		us.wishes_end--;
	if (--h->wishes == 0)
		drop_hold(h);
}

static void
drop_client(struct client *c)
{
	for (size_t i = 0; i < us.wishes_end; i++)
		if (us.wishes[i].line >= 0 && us.wishes[i].client == c)
			drop_wish(&us.wishes[i]);
	fd_close(&c->sock);
	while (us.clients_end > 0 && us.clients[us.clients_end - 1].sock < 0)
		us.clients_end--;
}

void
gate_ports_client(int sock, const struct sockaddr_storage *local,
		  const struct sockaddr_storage *peer)
{
	for (size_t i = 0; i < us.clients_max; i++) {
		struct client *c = &us.clients[i];

		if (c->sock >= 0)
			continue;
		c->sock = sock;
		c->local = *local;
		c->peer = *peer;
		if (us.clients_end <= i)
			us.clients_end = i + 1;
		return;
	}
	fd_close(&sock);
}

/* A row for one more wish of the client; its oldest has to go when it has too many. */
static struct wish *
free_wish(const struct client *c)
{
	struct wish *free = NULL, *oldest = NULL;
	unsigned int has = 0;

	for (size_t i = 0; i < us.wishes_end; i++) {
		struct wish *w = &us.wishes[i];

		if (w->line < 0) {
			free = free ? free : w;
		} else if (w->client == c) {
			has++;
			if (!oldest || w->number < oldest->number)
				oldest = w;
		}
	}
	if (has < WISHES_EACH)
		return free || us.wishes_end == us.wishes_max ? free : &us.wishes[us.wishes_end];
	drop_wish(oldest);
	return oldest;
}

/* ---- ports ---- */

static socklen_t
with_port(struct sockaddr_storage *a, uint16_t port)
{
	if (a->ss_family == AF_INET6) {
		((struct sockaddr_in6 *)a)->sin6_port = htons(port);
		return sizeof(struct sockaddr_in6);
	}
	((struct sockaddr_in *)a)->sin_port = htons(port);
	return sizeof(struct sockaddr_in);
}

static int
open_port(const struct sockaddr_storage *local, uint16_t port, int *ret_fd)
{
	struct sockaddr_storage at = *local;
	const socklen_t len = with_port(&at, port);
	const int on = 1;
	FD_OWN int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	/* A port in TIME_WAIT is free for us; one that listens is not. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	*ret_fd = fd_give(&fd);
	return 0;
}

static struct wish *
find_wish(const struct hold *h, const struct sockaddr_storage *peer)
{
	for (size_t i = 0; i < us.wishes_end; i++) {
		struct wish *w = &us.wishes[i];

		if (w->line >= 0 && w->hold == h && gate_same_address(&w->client->peer, peer))
			return w;
	}
	return NULL;
}

static struct hold *
find_hold(const struct sockaddr_storage *local, uint16_t port)
{
	for (size_t i = 0; i < us.holds_end; i++)
		if (us.holds[i].fd >= 0 && us.holds[i].port == port &&
		    gate_same_address(&us.holds[i].local, local))
			return &us.holds[i];
	return NULL;
}

/* The port, for this client: open already and not his, or opened now. NULL: not this one. */
static struct hold *
take_port(const struct client *c, uint16_t port, int *ret_err)
{
	struct hold *h = find_hold(&c->local, port);

	*ret_err = -EADDRINUSE;
	if (h)
		return find_wish(h, &c->peer) ? NULL : h;
	for (size_t i = 0; i < us.wishes_max && !h; i++)
		if (us.holds[i].fd < 0)
			h = &us.holds[i];
	if (!h)
		return NULL;
	*ret_err = open_port(&c->local, port, &h->fd);
	if (*ret_err < 0)
		return NULL;
	if (us.holds_end <= (size_t)(h - us.holds))
		us.holds_end = (size_t)(h - us.holds) + 1;
	h->port = port;
	h->local = c->local;
	h->wishes = 0;
	h->logged = false;
	return h;
}

/* Tries every port of the range once, from a random one on. */
static int
take_any(const struct client *c, struct hold **ret)
{
	const uint32_t first = us.conf->ftps.passive_first;
	const uint32_t count = us.conf->ftps.passive_last - first + 1u;
	uint32_t start;
	int err = -EADDRINUSE;

	if (getrandom(&start, sizeof(start), 0) != sizeof(start))
		return -EIO;
	start %= count;
	for (uint32_t i = 0; i < count; i++) {
		*ret = take_port(c, (uint16_t)(first + (start + i) % count), &err);
		if (*ret)
			return 0;
		if (err != -EADDRINUSE && err != -EACCES)
			return err;
	}
	return -EADDRINUSE;
}

/*
 * Who comes is a descriptor in flight until wire takes him off the line, and the kernel bounds
 * those of all sessions together. This buffer holds about sixteen: GATE_FILES_EACH counts them.
 */
static void
keep_short(int line)
{
	const int bytes = 6 * 1024; /* the kernel takes it twice, and 768 for each */

	(void)setsockopt(line, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static int
wish(const struct client *c, uint16_t *ret_port, int *ret_end)
{
	struct wish *w = free_wish(c);
	struct hold *h = NULL;
	int ends[2], err;

	if (!w)
		return -EADDRINUSE;
	err = take_any(c, &h);
	if (err < 0)
		return err;
	err = ipc_line(ends);
	if (err == 0)
		keep_short(ends[0]);
	if (err < 0) {
		if (h->wishes == 0)
			drop_hold(h);
		return err;
	}
	h->wishes++;
	if (us.wishes_end <= (size_t)(w - us.wishes))
		us.wishes_end = (size_t)(w - us.wishes) + 1;
	*w = (struct wish) { .line = ends[0], .number = us.number++, .client = c, .hold = h };
	*ret_port = h->port;
	*ret_end = ends[1];
	return 0;
}

/* Returns 0, or -errno when this session is done for. */
static int
serve(struct client *c)
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
	err = wish(c, &port, &end);
	ipc_begin(&b, room, sizeof(room), GATE_MSG_PORT, id);
	buf_put_u32(&b, (uint32_t)-err);
	buf_put_u16(&b, port);
	err = ipc_send_now(c->sock, &b, end);
	if (err != -ETOOMANYREFS)
		return err;
	/* Too many descriptors are in flight. That is over soon, and no reason to lose the session;
	 * its line ends here, which drops the wish. */
	ipc_begin(&b, room, sizeof(room), GATE_MSG_PORT, id);
	buf_put_u32(&b, EADDRINUSE);
	buf_put_u16(&b, 0);
	return ipc_send_now(c->sock, &b, -1);
}

/* ---- who comes ---- */

/* Was he wanted? */
static bool
hand_over(struct hold *h, int fd, const struct sockaddr_storage *peer)
{
	struct wish *w = find_wish(h, peer);
	char addr[SESSION_ADDR_MAX];
	uint8_t room[32];
	struct buf b;

	if (w) {
		ipc_begin(&b, room, sizeof(room), GATE_MSG_CAME, 0);
		ignore_result(ipc_send_now(w->line, &b, fd)); /* if not, closing says so */
		w->served = us.any_served = true;
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
	struct hold *h = find_hold(local, port);

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
accept_some(struct hold *h)
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
	return us.any_served ? clock_after(SERVED_MS) : CLOCK_NEVER;
}

/* Lines that were left alone: has their end come? Before wishes are served, which want ports. */
static void
look_at_served(void)
{
	for (size_t i = us.wishes_end; us.any_served && i > 0; i--) {
		struct wish *w = &us.wishes[i - 1];
		uint8_t room[16];
		struct buf b;
		uint16_t type;
		uint32_t id;

		if (w->line < 0 || !w->served)
			continue;
		w->served = false;
		if (ipc_recv(w->line, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL) !=
		    -EAGAIN)
			drop_wish(w);
	}
	us.any_served = false;
}

/* A line is ours to send on: anything that happens there is its end. */
static void
look_at(int fd)
{
	for (size_t i = 0; i < us.wishes_end; i++) {
		if (us.wishes[i].line == fd) {
			drop_wish(&us.wishes[i]);
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
			drop_client(&us.clients[i]);
}

void
gate_ports_pump(const struct gate_polls *p, size_t first)
{
	look_at_served();
	/* Backwards: ends of lines, then who came, then new wishes; nothing made here was polled.
	 */
	for (size_t i = p->count; i > first; i--)
		if (p->at[i - 1].revents)
			look_at(p->at[i - 1].fd);
}
