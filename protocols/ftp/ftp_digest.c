/* SPDX-License-Identifier: ISC */
/*
 * ftp_digest.c - checksums of files. Owns: every EVP_MD of this room. Must not: read a file.
 * MD5, SHA-1 and CRC32 find accidents, not attackers; clients ask for them all the same.
 */
#include "protocols/ftp/ftp_digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <strings.h>

#include "server/base/fail.h"
#include "server/base/mem.h"

struct ftp_digest {
	EVP_MD_CTX *evp; /* NULL: CRC32 */
	uint32_t crc;
};

static const struct {
	const char *name;
	const EVP_MD *(*evp)(void);
} kinds[] = {
	[FTP_DIGEST_SHA256] = { "SHA-256", EVP_sha256 },
	[FTP_DIGEST_SHA512] = { "SHA-512", EVP_sha512 },
	[FTP_DIGEST_SHA1] = { "SHA-1", EVP_sha1 },
	[FTP_DIGEST_MD5] = { "MD5", EVP_md5 },
	[FTP_DIGEST_CRC32] = { "CRC32", NULL },
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
ftp_digest_name(enum ftp_digest_kind kind)
{
	return kinds[kind].name;
}

int
ftp_digest_find(const char *name, enum ftp_digest_kind *ret_kind)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (strcasecmp(name, kinds[i].name) == 0) {
			*ret_kind = (enum ftp_digest_kind)i;
			return 0;
		}
	return -EINVAL;
}

struct ftp_digest *
ftp_digest_new(enum ftp_digest_kind kind)
{
	struct ftp_digest *d = mem_new(1, sizeof(*d));

	d->crc = UINT32_MAX;
	if (!kinds[kind].evp)
		return d;
	d->evp = EVP_MD_CTX_new();
	if (d->evp && EVP_DigestInit_ex(d->evp, kinds[kind].evp(), NULL) == 1)
		return d;
	ftp_digest_free(d);
	return NULL;
}

void
ftp_digest_free(struct ftp_digest *d)
{
	if (d)
		EVP_MD_CTX_free(d->evp);
	free(d);
}

void
ftp_digest_add(struct ftp_digest *d, const void *data, size_t len)
{
	if (!d->evp)
		d->crc = crc_add(d->crc, data, len);
	else if (EVP_DigestUpdate(d->evp, data, len) != 1)
		die("libcrypto does not hash");
}

void
ftp_digest_put(struct ftp_digest *d, struct text *t)
{
	uint8_t bytes[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (!d->evp) {
		text_printf(t, "%08x", ~d->crc);
		return;
	}
	if (EVP_DigestFinal_ex(d->evp, bytes, &len) != 1)
		die("libcrypto does not hash");
	for (unsigned int i = 0; i < len; i++)
		text_printf(t, "%02x", (unsigned int)bytes[i]);
}
