/* SPDX-License-Identifier: ISC */
/* source.h - addresses of clients: as text, as keys for counting, and without their disguises. */
#ifndef SERVER_SOURCE_H
#define SERVER_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/session.h"

/*
 * What limits per address count: an IPv4 address, or the /64 of an IPv6 address; or the network
 * around one, which is the /24 or the /48.
 */
struct source {
	uint8_t key[16];
};

/* Turns an IPv4 address that is mapped into IPv6 back into itself. */
void source_unmap(struct sockaddr_storage *addr);

/* Both want an unmapped address. */
void source_text(const struct sockaddr_storage *addr, char room[SESSION_ADDR_MAX]);
struct source source_of(const struct sockaddr_storage *addr);

/* The network around a source; a network is its own. */
struct source source_network(const struct source *source);

/*
 * An address as somebody writes it, or a network with /24 or /48 behind it; returns false when it
 * is neither. And back, with /64 behind the address of IPv6.
 */
bool source_parse(const char *text, struct source *ret_source);
#define SOURCE_TEXT_MAX 64
void source_print(const struct source *source, char room[SOURCE_TEXT_MAX]);

bool source_equal(const struct source *a, const struct source *b);

#endif
