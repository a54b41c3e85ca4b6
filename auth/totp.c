/* SPDX-License-Identifier: ISC */
/* totp.c - RFC 6238 on top of RFC 4226. Who remembers that a code was used is somebody else. */
#include "auth/totp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define STEP_SECONDS 30u
/* RFC 4226 section 4: 128 bits at least; apps are content with 80, and so are we. */
#define SECRET_MIN 10u

int
totp_secret(const char *text, uint8_t room[TOTP_SECRET_MAX], size_t *ret_len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	uint32_t bits = 0, have = 0;
	size_t len = 0;

	for (; *text && *text != '='; text++) {
		char c = *text >= 'a' && *text <= 'z' ? (char)(*text - 32) : *text;
		const char *at = strchr(alphabet, c);

		if (c == ' ')
			continue;
		if (!at || len == TOTP_SECRET_MAX)
			return -EINVAL;
		bits = (bits << 5 | (uint32_t)(at - alphabet)) & 0xfff;
		have += 5;
		if (have >= 8) {
			have -= 8;
			room[len++] = (uint8_t)(bits >> have);
		}
	}
	*ret_len = len;
	return len >= SECRET_MIN ? 0 : -EINVAL;
}

void
totp_code(const uint8_t *secret, size_t len, uint64_t step, char room[TOTP_DIGITS + 1])
{
	uint8_t counter[8], mac[EVP_MAX_MD_SIZE];
	unsigned int mac_len = 0, at;
	uint32_t value;

	for (int i = 0; i < 8; i++)
		counter[i] = (uint8_t)(step >> (56 - 8 * i));
	if (!HMAC(EVP_sha1(), secret, (int)len, counter, sizeof(counter), mac, &mac_len) ||
	    mac_len < 20) {
		room[0] = '\0'; /* fits nothing */
		return;
	}
	at = mac[19] & 15;
	value = (uint32_t)(mac[at] & 127) << 24 | (uint32_t)mac[at + 1] << 16 |
		(uint32_t)mac[at + 2] << 8 | mac[at + 3];
	snprintf(room, TOTP_DIGITS + 1, "%06u", (unsigned int)(value % 1000000));
	mem_wipe(mac, sizeof(mac));
}

int
totp_check(const uint8_t *secret, size_t len, const char *code, uint64_t unix_time,
	   uint64_t *ret_step)
{
	uint64_t now = unix_time / STEP_SECONDS;
	int err = -EACCES;

	if (strlen(code) != TOTP_DIGITS)
		return -EACCES;
	for (uint64_t step = now + 1; step + 2 > now; step--) {
		char right[TOTP_DIGITS + 1];

		totp_code(secret, len, step, right);
		if (right[0] && CRYPTO_memcmp(right, code, TOTP_DIGITS) == 0) {
			*ret_step = step;
			err = 0;
		}
		mem_wipe(right, sizeof(right));
		if (step == 0)
			break;
	}
	return err;
}
