/* SPDX-License-Identifier: ISC */
/*
 * totp.h - one-time codes (RFC 6238): SHA-1, six digits, thirty seconds, as every app makes them.
 */
#ifndef AUTH_TOTP_H
#define AUTH_TOTP_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/mem.h"

#define TOTP_DIGITS 6
#define TOTP_SECRET_MAX 64 /* bytes */

/* Base32 (RFC 4648), in either case, spaces and padding allowed. Returns 0 or -EINVAL. */
int totp_secret(const char *text, uint8_t room[TOTP_SECRET_MAX], size_t *ret_len) MUST_CHECK;

/* The code of a step (RFC 4226), as text. */
void totp_code(const uint8_t *secret, size_t len, uint64_t step, char room[TOTP_DIGITS + 1]);

/* Is it the code of now, or of one step before or after? Returns 0 and the step, or -EACCES. */
int totp_check(const uint8_t *secret, size_t len, const char *code, uint64_t unix_time,
	       uint64_t *ret_step) MUST_CHECK;

#endif
