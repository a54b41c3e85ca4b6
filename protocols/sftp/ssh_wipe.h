/* SPDX-License-Identifier: ISC */
/* ssh_wipe.h - the copies of a password that libssh keeps, and has no function to forget. */
#ifndef PROTOCOLS_SFTP_SSH_WIPE_H
#define PROTOCOLS_SFTP_SSH_WIPE_H

/*
 * Overwrites the packets in our heap in which this password came: the request of the password
 * method (RFC 4252 section 8) or the answer to one prompt (RFC 4256 section 3.4). Call it at once,
 * before libssh reads on.
 */
void ssh_wipe_password(const char *password);

#endif
