/* SPDX-License-Identifier: ISC */
/*
 * certs.h - the files of the certificates are watched: renewed ones are used without anybody's
 * doing (certbot and its like only write files), and old age is said in time.
 */
#ifndef SERVER_CERTS_H
#define SERVER_CERTS_H

#include "server/listener_in.h"

/* They are about to be read as they are now; what differs from now on is a change. */
void certs_note(const struct conf *conf);

/* clock_ms() at which certs_look() is due; CLOCK_NEVER: not watched. */
uint64_t certs_deadline(const struct listener *l);

/* Changed files that have come to rest are tried, and used if they are good: reload.h. */
void certs_look(struct listener *l);

/* Logs a warning for what expires within 30 days. Called for by certs_look() once a day. */
void certs_warn(const struct listener *l);

#endif
