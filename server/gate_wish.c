/* SPDX-License-Identifier: ISC */
/*
 * gate_wish.c - who wants which port. Owns: socket, bind and listen for data connections.
 * Invariants: a port is random and inside the range; two sessions of one address never have the
 * same; a port is open as long as somebody wants it.
 */
#include "server/gate_wish.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/conns.h"
#include "server/gate_in.h"

#define BACKLOG 64
/* A session uses one at a time; it may ask for the next before we know that the last is done. */
#define WISHES_EACH 2

void
gate_wish_init(struct gate_wishes *t, const struct conf *conf)
{
	t->conf = conf;
	t->clients_max = conf->limits.sessions + conf->limits.waiting + CONNS_ENDING;
	t->wishes_max = WISHES_EACH * t->clients_max;
	t->clients = mem_new(t->clients_max, sizeof(*t->clients));
	t->holds = mem_new(t->wishes_max, sizeof(*t->holds));
	t->wishes = mem_new(t->wishes_max, sizeof(*t->wishes));
	for (size_t i = 0; i < t->clients_max; i++)
		t->clients[i].sock = -1;
	for (size_t i = 0; i < t->wishes_max; i++)
		t->holds[i].fd = t->wishes[i].line = -1;
}

/* Addresses without ports. */
static bool
same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
			      &((const struct sockaddr_in6 *)b)->sin6_addr, 16) == 0;
	return memcmp(&((const struct sockaddr_in *)a)->sin_addr,
		      &((const struct sockaddr_in *)b)->sin_addr, 4) == 0;
}

static void
drop_hold(struct gate_wishes *t, struct gate_hold *h)
{
	fd_close(&h->fd);
	while (t->holds_end > 0 && t->holds[t->holds_end - 1].fd < 0)
		t->holds_end--;
}

void
gate_wish_drop(struct gate_wishes *t, struct gate_wish *w)
{
	struct gate_hold *h = w->hold;

	fd_close(&w->line);
	while (t->wishes_end > 0 && t->wishes[t->wishes_end - 1].line < 0)
		t->wishes_end--;
	if (--h->wishes == 0)
		drop_hold(t, h);
}

void
gate_wish_drop_client(struct gate_wishes *t, struct gate_client *c)
{
	for (size_t i = 0; i < t->wishes_end; i++)
		if (t->wishes[i].line >= 0 && t->wishes[i].client == c)
			gate_wish_drop(t, &t->wishes[i]);
	fd_close(&c->sock);
	while (t->clients_end > 0 && t->clients[t->clients_end - 1].sock < 0)
		t->clients_end--;
}

void
gate_wish_add_client(struct gate_wishes *t, int sock, const struct sockaddr_storage *local,
		     const struct sockaddr_storage *peer)
{
	for (size_t i = 0; i < t->clients_max; i++) {
		struct gate_client *c = &t->clients[i];

		if (c->sock >= 0)
			continue;
		c->sock = sock;
		c->local = *local;
		c->peer = *peer;
		if (t->clients_end <= i)
			t->clients_end = i + 1;
		return;
	}
	fd_close(&sock);
}

/* A row for one more wish of the client; its oldest has to go when it has too many. */
static struct gate_wish *
free_wish(struct gate_wishes *t, const struct gate_client *c)
{
	struct gate_wish *free = NULL, *oldest = NULL;
	unsigned int has = 0;

	for (size_t i = 0; i < t->wishes_end; i++) {
		struct gate_wish *w = &t->wishes[i];

		if (w->line < 0) {
			free = free ? free : w;
		} else if (w->client == c) {
			has++;
			if (!oldest || w->number < oldest->number)
				oldest = w;
		}
	}
	if (has < WISHES_EACH)
		return free || t->wishes_end == t->wishes_max ? free : &t->wishes[t->wishes_end];
	gate_wish_drop(t, oldest);
	return oldest;
}

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

struct gate_wish *
gate_wish_find(const struct gate_wishes *t, const struct gate_hold *h,
	       const struct sockaddr_storage *peer)
{
	for (size_t i = 0; i < t->wishes_end; i++) {
		struct gate_wish *w = &t->wishes[i];

		if (w->line >= 0 && w->hold == h && same_address(&w->client->peer, peer))
			return w;
	}
	return NULL;
}

struct gate_hold *
gate_wish_find_hold(const struct gate_wishes *t, const struct sockaddr_storage *local,
		    uint16_t port)
{
	for (size_t i = 0; i < t->holds_end; i++)
		if (t->holds[i].fd >= 0 && t->holds[i].port == port &&
		    same_address(&t->holds[i].local, local))
			return &t->holds[i];
	return NULL;
}

/* The port, for this client: open already and not his, or opened now. NULL: not this one. */
static struct gate_hold *
take_port(struct gate_wishes *t, const struct gate_client *c, uint16_t port, int *ret_err)
{
	struct gate_hold *h = gate_wish_find_hold(t, &c->local, port);

	*ret_err = -EADDRINUSE;
	if (h)
		return gate_wish_find(t, h, &c->peer) ? NULL : h;
	for (size_t i = 0; i < t->wishes_max && !h; i++)
		if (t->holds[i].fd < 0)
			h = &t->holds[i];
	if (!h)
		return NULL;
	*ret_err = open_port(&c->local, port, &h->fd);
	if (*ret_err < 0)
		return NULL;
	if (t->holds_end <= (size_t)(h - t->holds))
		t->holds_end = (size_t)(h - t->holds) + 1;
	h->port = port;
	h->local = c->local;
	h->wishes = 0;
	h->logged = false;
	return h;
}

/* Tries every port of the range once, from a random one on. */
static int
take_any(struct gate_wishes *t, const struct gate_client *c, struct gate_hold **ret)
{
	const uint32_t first = t->conf->ftps.passive_first;
	const uint32_t count = t->conf->ftps.passive_last - first + 1u;
	uint32_t start;
	int err = -EADDRINUSE;

	if (getrandom(&start, sizeof(start), 0) != sizeof(start))
		return -EIO;
	start %= count;
	for (uint32_t i = 0; i < count; i++) {
		*ret = take_port(t, c, (uint16_t)(first + (start + i) % count), &err);
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

int
gate_wish_new(struct gate_wishes *t, const struct gate_client *c, uint16_t *ret_port, int *ret_end)
{
	struct gate_wish *w = free_wish(t, c);
	struct gate_hold *h = NULL;
	int ends[2], err;

	if (!w)
		return -EADDRINUSE;
	err = take_any(t, c, &h);
	if (err < 0)
		return err;
	err = ipc_line(ends);
	if (err == 0)
		keep_short(ends[0]);
	if (err < 0) {
		if (h->wishes == 0)
			drop_hold(t, h);
		return err;
	}
	h->wishes++;
	if (t->wishes_end <= (size_t)(w - t->wishes))
		t->wishes_end = (size_t)(w - t->wishes) + 1;
	*w = (struct gate_wish) { .line = ends[0], .number = t->number++, .client = c, .hold = h };
	*ret_port = h->port;
	*ret_end = ends[1];
	return 0;
}
