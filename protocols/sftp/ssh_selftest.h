/* SPDX-License-Identifier: ISC */
/* ssh_selftest.h - whether a cipher of the installed libssh can be offered. */
#ifndef PROTOCOLS_SFTP_SSH_SELFTEST_H
#define PROTOCOLS_SFTP_SSH_SELFTEST_H

#include <stdbool.h>

/*
 * Makes two connections inside this process: one must work, and in the other a changed byte must be
 * noticed. Logs what was wrong. Takes some milliseconds; for the listener's start only.
 */
bool ssh_selftest(const char *cipher, const char *mac);

#endif
