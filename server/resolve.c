/* SPDX-License-Identifier: ISC */
/* resolve.c - see resolve.h. The listener blocks nowhere here; a child that hangs is killed. */
#include "server/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/process.h"

#define AGAIN_MS 60000
#define CHILD_MS 20000

static struct {
	int fd; /* from the child */
	pid_t child;
	uint64_t next_ms, kill_ms;
} us = { .fd = -1, .next_ms = CLOCK_NEVER, .kill_ms = CLOCK_NEVER };

static bool
of_interface(const char *name, uint8_t ret_ip[4])
{
	struct ifaddrs *all, *at;
	bool found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (at = all; at && !found; at = at->ifa_next) {
		found = at->ifa_addr && at->ifa_addr->sa_family == AF_INET &&
			strcmp(at->ifa_name, name) == 0;
		if (found)
			memcpy(ret_ip, &((struct sockaddr_in *)at->ifa_addr)->sin_addr, 4);
	}
	freeifaddrs(all);
	return found;
}

static bool
of_name(const char *name, uint8_t ret_ip[4])
{
	const struct addrinfo want = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	struct addrinfo *all;

	if (getaddrinfo(name, NULL, &want, &all) != 0)
		return false;
	memcpy(ret_ip, &((struct sockaddr_in *)all->ai_addr)->sin_addr, 4);
	freeaddrinfo(all);
	return true;
}

NORETURN static void
find_all(const struct conf *conf, int sock)
{
	static uint8_t room[4096];
	struct buf b;

	process_name("resolve", "coffer-resolve", "%s", "");
	process_keep(&sock, 1, true);
	ipc_begin(&b, room, sizeof(room), 0, 0);
	for (size_t i = 0; i < conf->ftps.external_count; i++) {
		const char *address = conf->ftps.externals[i].address;
		uint8_t ip[4] = { 0 };
		bool known = inet_pton(AF_INET, address, ip) == 1 || of_interface(address, ip) ||
			     of_name(address, ip);

		buf_put_u8(&b, known);
		buf_put_bytes(&b, ip, 4);
	}
	_exit(ipc_send(sock, &b, -1) < 0);
}

static void
start(const struct conf *conf)
{
	int ends[2];
	pid_t pid;

	us.next_ms = clock_after(AGAIN_MS);
	if (ipc_pair(ends) < 0)
		return;
	pid = fork();
	if (pid == 0)
		find_all(conf, ends[1]);
	fd_close(&ends[1]);
	if (pid < 0) {
		fd_close(&ends[0]);
		return;
	}
	us.child = pid;
	us.fd = ends[0];
	us.kill_ms = clock_after(CHILD_MS);
}

/* A session keeps the configuration with which it began, so it must not begin with nothing. */
static void
remember(struct conf_external *e, const struct conf *old)
{
	for (size_t i = 0; old && !e->known && i < old->ftps.external_count; i++) {
		const struct conf_external *was = &old->ftps.externals[i];

		if (!was->known || strcmp(was->address, e->address) != 0)
			continue;
		memcpy(e->ip, was->ip, sizeof(e->ip));
		e->known = true;
	}
}

void
resolve_start(struct conf *conf, const struct conf *old)
{
	fd_close(&us.fd); /* an answer about another configuration */
	us.next_ms = us.kill_ms = CLOCK_NEVER;
	for (size_t i = 0; i < conf->ftps.external_count; i++) {
		struct conf_external *e = &conf->ftps.externals[i];

		e->known = inet_pton(AF_INET, e->address, e->ip) == 1;
		if (!e->known)
			us.next_ms = 0;
		remember(e, old);
	}
	if (us.next_ms == 0)
		start(conf);
}

int
resolve_fd(void)
{
	return us.fd;
}

uint64_t
resolve_deadline(void)
{
	return clock_first(us.next_ms, us.kill_ms);
}

static void
take(struct conf_external *e, bool known, const uint8_t *ip)
{
	struct log_value name;
	char text[INET_ADDRSTRLEN];

	if (!known) {
		/* One that was known stays: a name server that is away is no reason to forget. */
		log_warn("external", "address=%s found=no kept=%s", log_q(&name, e->address),
			 e->known ? "yes" : "no");
		return;
	}
	if (!e->known || memcmp(e->ip, ip, 4) != 0)
		log_notice("external", "address=%s ip=%s", log_q(&name, e->address),
			   inet_ntop(AF_INET, ip, text, sizeof(text)));
	memcpy(e->ip, ip, 4);
	e->known = true;
}

static void
hear(struct conf *conf)
{
	uint8_t room[4096];
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err = ipc_recv(us.fd, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);

	if (err == -EAGAIN)
		return;
	us.kill_ms = CLOCK_NEVER;
	fd_close(&us.fd);
	for (size_t i = 0; err == 0 && i < conf->ftps.external_count; i++) {
		bool known = buf_get_u8(&b) == 1;
		const uint8_t *ip = buf_get_bytes(&b, 4);

		if (ip)
			take(&conf->ftps.externals[i], known, ip);
	}
}

void
resolve_turn(struct conf *conf)
{
	uint64_t now = clock_ms();

	if (us.fd >= 0)
		hear(conf);
	if (now >= us.kill_ms) {
		log_warn("external", "reason=\"the name server does not answer\"");
		kill(us.child, SIGKILL);
		fd_close(&us.fd);
		us.kill_ms = CLOCK_NEVER;
	}
	if (now >= us.next_ms && us.fd < 0)
		start(conf);
}

bool
resolve_reaped(pid_t pid)
{
	if (!us.child || pid != us.child)
		return false;
	us.child = 0;
	return true;
}
