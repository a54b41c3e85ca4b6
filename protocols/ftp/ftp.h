/* SPDX-License-Identifier: ISC */
/*
 * ftp.h - the FTPS front end: RFC 959 and its family inside TLS (RFC 4217). Runs in wire.
 */
#ifndef PROTOCOLS_FTP_FTP_H
#define PROTOCOLS_FTP_FTP_H

#include "protocols/tls/tls.h"
#include "server/session.h"

/*
 * Speaks FTP with the client of s until the session is over, and says why it ended. s->client_fd
 * stays the caller's. The listener's protocol decides whether TLS begins with the first byte or
 * with AUTH.
 */
enum session_end ftp_run(struct session *s, struct tls_server *tls);

#endif
