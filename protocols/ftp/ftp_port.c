/* SPDX-License-Identifier: ISC */
/*
 * ftp_port.c - PASV EPSV PORT EPRT: the way for the next data connection. Worker makes the sockets.
 * Must not: pass an address to anybody. In active mode the client's is taken from its own
 * connection, and what it says must agree with that.
 *
 * Before each of these replies a fresh session ticket goes out: clients that use a ticket once need
 * one for each data connection.
 */
#include "protocols/ftp/ftp_verb.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"
#include "server/base/fd.h"
#include "server/base/net.h"

/* The address as IPv4, also when it is IPv4 in IPv6. */
static bool
as_ipv4(const struct sockaddr_storage *a, uint8_t ret_ip[4])
{
	if (a->ss_family == AF_INET) {
		memcpy(ret_ip, &((const struct sockaddr_in *)a)->sin_addr, 4);
		return true;
	}
	if (a->ss_family == AF_INET6) {
		const struct in6_addr *ip = &((const struct sockaddr_in6 *)a)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(ip)) {
			memcpy(ret_ip, ip->s6_addr + 12, 4);
			return true;
		}
	}
	return false;
}

static bool
listen_answer(struct ftp *f, struct port_reply *reply)
{
	ftp_answered(f);
	if (reply->err < 0) {
		ftp_reply(f, 425, "%s", *reply->why ? reply->why : ftp_reply_words(reply->err));
		return false;
	}
	f->data.listen_fd = fd_give(reply->fd);
	tls_ticket(f->tls);
	return true;
}

/* The entry of ftps.external for this client, or NULL. */
static const struct conf_external *
find_external(const struct ftp *f)
{
	const struct conf *conf = f->s->conf;

	for (size_t i = 0; i < conf->ftps.external_count; i++) {
		const struct conf_external *e = &conf->ftps.externals[i];

		for (size_t k = 0; k < e->networks.count; k++)
			if (net_has(e->networks.at[k], f->s->peer_addr))
				return e;
		if (e->networks.count == 0)
			return e;
	}
	return NULL;
}

/* Where this client can reach us, as PASV says it. False: that cannot be said. */
static bool
own_address(const struct ftp *f, uint8_t ret_ip[4])
{
	const struct conf_external *e = find_external(f);
	const char *external = f->s->conf->ftps.external_address;

	if (e) {
		memcpy(ret_ip, e->ip, 4);
		return e->known;
	}
	return (external && inet_pton(AF_INET, external, ret_ip) == 1) ||
	       as_ipv4(&f->s->local, ret_ip);
}

static void
pasv_answer(void *ctx, struct port_reply *reply)
{
	struct ftp *f = ctx;
	uint8_t ip[4] = { 0 };

	if (!listen_answer(f, reply))
		return;
	ignore_result(own_address(f, ip)); /* it could be said when the port was asked for */
	ftp_reply(f, 227, "Entering Passive Mode (%u,%u,%u,%u,%u,%u).", ip[0], ip[1], ip[2], ip[3],
		  reply->port >> 8, reply->port & 255u);
}

static void
epsv_answer(void *ctx, struct port_reply *reply)
{
	if (listen_answer(ctx, reply))
		ftp_reply(ctx, 229, "Entering Extended Passive Mode (|||%u|)", reply->port);
}

/* RFC 2428, section 4: after EPSV ALL nothing else will do, for the rest of the session. */
static bool
other_is_fine(struct ftp *f)
{
	if (f->epsv_all)
		ftp_reply(f, 501, "You promised EPSV ALL.");
	return !f->epsv_all;
}

void
ftp_pasv(struct ftp *f, char *arg)
{
	uint8_t ip[4];

	(void)arg;
	if (!other_is_fine(f))
		return;
	if (!own_address(f, ip)) {
		ftp_reply(f, 425,
			  find_external(f)
			      ? "The server does not know its own address for you yet; use EPSV."
			      : "PASV cannot say an IPv6 address; use EPSV.");
		return;
	}
	ftp_data_close(f);
	ftp_asked(f, port_listen(f->s->ask, pasv_answer, f));
}

void
ftp_epsv(struct ftp *f, char *arg)
{
	uint8_t ip[4];
	uint64_t family;
	const char *ours = as_ipv4(&f->s->local, ip) ? "1" : "2";

	if (strcasecmp(arg, "ALL") == 0) {
		f->epsv_all = true;
		ftp_reply(f, 200, "EPSV only, from now on.");
		return;
	}
	if (*arg && num_u64(arg, UINT32_MAX, &family) < 0) {
		ftp_reply(f, 501, "Syntax: EPSV [1 | 2 | ALL]");
		return;
	}
	if (*arg && strcmp(arg, ours) != 0) {
		ftp_reply(f, 522, "Network protocol not supported, use (%s)", ours);
		return;
	}
	ftp_data_close(f);
	ftp_asked(f, port_listen(f->s->ask, epsv_answer, f));
}

/* Active mode: is it allowed, and is this the client's own address? */
static void
call(struct ftp *f, int family, const char *address, uint16_t port)
{
	uint8_t said[16], peer[16];
	bool same = false;

	if (!f->s->conf->ftps.active) {
		ftp_reply(f, 502, "Active mode is off here; use EPSV or PASV.");
		return;
	}
	if (inet_pton(family, address, said) == 1) {
		if (family == AF_INET)
			same = as_ipv4(&f->s->peer, peer) && memcmp(said, peer, 4) == 0;
		else if (f->s->peer.ss_family == AF_INET6)
			same =
			    memcmp(said, &((struct sockaddr_in6 *)&f->s->peer)->sin6_addr, 16) == 0;
	}
	if (!same || port < 1024) {
		/* RFC 2577, section 3 suggests 504 for a port that is none of the client's. */
		ftp_reply(f, same ? 504 : 501,
			  "It must be your own address, and a port from 1024 on.");
		return;
	}
	ftp_data_close(f);
	f->data.call_port = port;
	tls_ticket(f->tls);
	ftp_reply(f, 200, "I will call you there.");
}

void
ftp_port(struct ftp *f, char *arg)
{
	uint64_t n[6];
	char address[16];
	struct text t;
	size_t i;

	if (!other_is_fine(f))
		return;
	for (i = 0; i < COUNT_OF(n) && arg; i++) {
		char *comma = strchr(arg, ',');

		if (comma)
			*comma++ = '\0';
		if (num_u64(arg, 255, &n[i]) < 0)
			break;
		arg = comma;
	}
	if (i < COUNT_OF(n) || arg) {
		ftp_reply(f, 501, "Syntax: PORT h1,h2,h3,h4,p1,p2");
		return;
	}
	text_init(&t, address, sizeof(address));
	text_printf(&t, "%u.%u.%u.%u", (unsigned int)n[0], (unsigned int)n[1], (unsigned int)n[2],
		    (unsigned int)n[3]);
	call(f, AF_INET, address, (uint16_t)(n[4] * 256 + n[5]));
}

/* RFC 2428, section 2: |family|address|port|, with any delimiter. */
void
ftp_eprt(struct ftp *f, char *arg)
{
	char *field[3], delimiter = *arg;
	uint64_t port;
	size_t i;

	if (!other_is_fine(f))
		return;
	arg++;
	for (i = 0; i < COUNT_OF(field); i++) {
		char *end = strchr(arg, delimiter);

		if (!end)
			break;
		*end = '\0';
		field[i] = arg;
		arg = end + 1;
	}
	if (i < COUNT_OF(field) || *arg || num_u64(field[2], 65535, &port) < 0) {
		ftp_reply(f, 501, "Syntax: EPRT |1|address|port|");
		return;
	}
	if (strcmp(field[0], "1") == 0)
		call(f, AF_INET, field[1], (uint16_t)port);
	else if (strcmp(field[0], "2") == 0)
		call(f, AF_INET6, field[1], (uint16_t)port);
	else
		ftp_reply(f, 522, "Network protocol not supported, use (1,2)");
}
