/* SPDX-License-Identifier: ISC */
/*
 * digest.c - checksums of files. Owns: every EVP_MD of this room. Must not: read a file.
 * MD5, SHA-1 and CRC32 find accidents, not attackers; clients ask for them all the same.
 */
#include "protocols/common/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/base/fail.h"
#include "server/base/mem.h"

struct digest {
	EVP_MD_CTX *evp; /* NULL: CRC32 */
	uint32_t crc;
};

static const struct {
	const char *name, *short_name;
	const EVP_MD *(*evp)(void);
} kinds[] = {
	[DIGEST_SHA256] = { "SHA-256", "sha256", EVP_sha256 },
	[DIGEST_SHA512] = { "SHA-512", "sha512", EVP_sha512 },
	[DIGEST_SHA1] = { "SHA-1", "sha1", EVP_sha1 },
	[DIGEST_MD5] = { "MD5", "md5", EVP_md5 },
	[DIGEST_CRC32] = { "CRC32", "crc32", NULL },
};

/* Four bits at a time: a table that one can read. The polynomial is that of zip and Ethernet. */
static uint32_t
crc_add(uint32_t crc, const uint8_t *data, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};

	while (len-- > 0) {
		crc ^= *data++;
		crc = (crc >> 4) ^ table[crc & 15];
		crc = (crc >> 4) ^ table[crc & 15];
	}
	return crc;
}

const char *
digest_name(enum digest_kind kind)
{
	return kinds[kind].name;
}

int
digest_find(const char *name, enum digest_kind *ret_kind)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (strcasecmp(name, kinds[i].name) == 0) {
			*ret_kind = (enum digest_kind)i;
			return 0;
		}
	return -EINVAL;
}

const char *
digest_short_name(enum digest_kind kind)
{
	return kinds[kind].short_name;
}

int
digest_find_short(const char *name, size_t len, enum digest_kind *ret_kind)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (strlen(kinds[i].short_name) == len &&
		    memcmp(kinds[i].short_name, name, len) == 0) {
			*ret_kind = (enum digest_kind)i;
			return 0;
		}
	return -EINVAL;
}

struct digest *
digest_new(enum digest_kind kind)
{
	struct digest *d = mem_new(1, sizeof(*d));

	d->crc = UINT32_MAX;
	if (!kinds[kind].evp)
		return d;
	d->evp = EVP_MD_CTX_new();
	if (d->evp && EVP_DigestInit_ex(d->evp, kinds[kind].evp(), NULL) == 1)
		return d;
	digest_free(d);
	return NULL;
}

void
digest_free(struct digest *d)
{
	if (d)
		EVP_MD_CTX_free(d->evp);
	free(d);
}

void
digest_add(struct digest *d, const void *data, size_t len)
{
	if (!d->evp)
		d->crc = crc_add(d->crc, data, len);
	else if (EVP_DigestUpdate(d->evp, data, len) != 1)
		die("libcrypto does not hash");
}

size_t
digest_bytes(struct digest *d, uint8_t room[DIGEST_BYTES_MAX])
{
	unsigned int len = 4;

	if (!d->evp) {
		for (unsigned int i = 0; i < len; i++)
			room[i] = (uint8_t)(~d->crc >> (24 - 8 * i));
	} else if (EVP_DigestFinal_ex(d->evp, room, &len) != 1) {
		die("libcrypto does not hash");
	}
	return len;
}

void
digest_put(struct digest *d, struct text *t)
{
	uint8_t bytes[DIGEST_BYTES_MAX];
	size_t len = digest_bytes(d, bytes);

	for (size_t i = 0; i < len; i++)
		text_printf(t, "%02x", (unsigned int)bytes[i]);
}
