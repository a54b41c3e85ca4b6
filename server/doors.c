/* SPDX-License-Identifier: ISC */
/*
 * doors.c - opens the listening sockets of the configuration, or takes them over.
 * Owns: bind and listen of the daemon's own ports.
 */
#include "server/doors.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/base/notify.h"

#define BACKLOG 1024
#define FIRST_PASSED_FD 3

/* The address of a listener; "*" is both families where the kernel has IPv6. */
static socklen_t
address_of(const struct conf_listener *l, bool any_is_four, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *four = (struct sockaddr_in *)ret;
	bool any = strcmp(l->address, "*") == 0;

	memset(ret, 0, sizeof(*ret));
	if ((any && any_is_four) || inet_pton(AF_INET, l->address, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(l->port);
		return sizeof(*four);
	}
	memset(ret, 0, sizeof(*ret));
	if (!any && inet_pton(AF_INET6, l->address, &six->sin6_addr) != 1)
		return 0;
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(l->port);
	return sizeof(*six);
}

static int
open_at(const struct sockaddr_storage *at, socklen_t len, bool only_six, int *ret_fd)
{
	const int on = 1, six = only_six;
	FD_OWN int fd = socket(at->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    /* Inherited by what is accepted: small replies must not wait for an acknowledgement. */
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0 ||
	    (at->ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &six, sizeof(six)) < 0) ||
	    bind(fd, (const struct sockaddr *)at, len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	*ret_fd = fd_give(&fd);
	return 0;
}

static int
open_door(const struct conf_listener *l, int *ret_fd)
{
	bool any = strcmp(l->address, "*") == 0;
	struct sockaddr_storage at;
	socklen_t len = address_of(l, false, &at);
	int err = len ? open_at(&at, len, !any, ret_fd) : -EINVAL;

	if (err == -EAFNOSUPPORT && any) {
		len = address_of(l, true, &at);
		err = open_at(&at, len, false, ret_fd);
	}
	return err;
}

/* "*" serves both families by one socket, "::" only its own. */
static bool
serves_its_families(int fd, const struct sockaddr_storage *have, const struct conf_listener *l)
{
	const bool any = strcmp(l->address, "*") == 0;
	int only_six = 0;
	socklen_t len = sizeof(only_six);

	if (have->ss_family == AF_INET6)
		return getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_six, &len) == 0 &&
		       (only_six != 0) == !any;
	if (any) {
		FD_OWN int six = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

		return six < 0; /* no IPv6 here: open_door() made it so */
	}
	return true;
}

/* Is it the socket that open_door() would make? One of the service manager may be less. */
static bool
is_at(int fd, const struct conf_listener *l, bool passed)
{
	struct sockaddr_storage have, want;
	socklen_t len = sizeof(have);

	memset(&have, 0, sizeof(have));
	if (getsockname(fd, (struct sockaddr *)&have, &len) < 0)
		return false;
	for (int four = 0; four < 2; four++) {
		if (address_of(l, four, &want) == 0)
			return false;
		if (want.ss_family == AF_INET6)
			((struct sockaddr_in6 *)&want)->sin6_flowinfo =
			    ((struct sockaddr_in6 *)&have)->sin6_flowinfo;
		if (memcmp(&have, &want, sizeof(struct sockaddr_in6)) == 0)
			return passed || serves_its_families(fd, &have, l);
	}
	return false;
}

/* Sockets of the service manager, as doors without a listener yet. */
static void
take_passed(struct doors *ret)
{
	int count = notify_sockets();

	for (int i = 0; i < count && ret->count < DOORS_MAX; i++) {
		if (fd_nonblock(FIRST_PASSED_FD + i) < 0)
			continue;
		ret->at[ret->count++].fd = FIRST_PASSED_FD + i;
	}
}

static int
find(const struct doors *d, const struct conf_listener *l, bool passed)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->at[i].fd >= 0 && is_at(d->at[i].fd, l, passed))
			return (int)i;
	return -1;
}

int
doors_open(const struct conf *conf, struct doors *old, bool all, struct doors *ret_doors)
{
	struct doors passed = { 0 }, now = { 0 };
	bool opened[DOORS_MAX] = { false };

	if (!old) {
		take_passed(&passed);
		old = &passed;
	}
	assert(conf->listener_count <= DOORS_MAX); /* load.c has seen to it */
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct conf_listener *l = &conf->listeners[i];
		struct door *d = &now.at[now.count++];
		int have = find(old, l, old == &passed), err;

		d->listener = l;
		if (have >= 0) {
			d->fd = old->at[have].fd;
			continue;
		}
		err = open_door(l, &d->fd);
		if (err < 0) {
			struct log_value name;

			log_error("listen", "listener=%s address=%s port=%u reason=\"%s\"",
				  log_q(&name, l->name), l->address, l->port, strerror(-err));
			now.count--;
			if (!all)
				continue;
			for (size_t j = 0; j < now.count; j++)
				if (opened[j])
					close(now.at[j].fd);
			return err;
		}
		opened[now.count - 1] = true;
	}
	for (size_t i = 0; i < old->count; i++) {
		bool kept = false;

		for (size_t j = 0; j < now.count; j++)
			kept |= now.at[j].fd == old->at[i].fd;
		if (!kept)
			fd_close(&old->at[i].fd);
	}
	*ret_doors = now;
	return 0;
}

void
doors_close(struct doors *d)
{
	for (size_t i = 0; i < d->count; i++)
		fd_close(&d->at[i].fd);
	d->count = 0;
}
