/* SPDX-License-Identifier: ISC */
/* ssh_openssh.c - writes keys in OpenSSH's format; see ssh_openssh.h. Owns no secret. */
#include "protocols/sftp/ssh_openssh.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <stdio.h>
#include <string.h>

#include "server/base/buf.h"

/* Of RSA with 8192 bits. */
#define NUMBER_BYTES 1056
#define BLOB_BYTES 4096

/* RFC 4251, section 5: a positive number, with a 0 in front when its first bit is set. */
static void
put_number(struct buf *b, const uint8_t *at, size_t len)
{
	while (len > 0 && *at == 0) {
		at++;
		len--;
	}
	buf_put_u32(b, (uint32_t)len + (len > 0 && (*at & 0x80) ? 1 : 0));
	if (len > 0 && (*at & 0x80))
		buf_put_u8(b, 0);
	buf_put_bytes(b, at, len);
}

static int
put_param(struct buf *b, EVP_PKEY *key, const char *param)
{
	uint8_t room[NUMBER_BYTES];
	BIGNUM *number = NULL;
	int len = -1;

	if (EVP_PKEY_get_bn_param(key, param, &number) == 1 && BN_num_bytes(number) <= NUMBER_BYTES)
		len = BN_bn2bin(number, room);
	BN_free(number);
	if (len < 0)
		return -EINVAL;
	put_number(b, room, (size_t)len);
	return 0;
}

static int
put_ed25519(struct buf *public, struct buf *private, EVP_PKEY *key, const uint8_t *token)
{
	uint8_t both[2 * SSH_OPENSSH_ED25519];
	size_t len = SSH_OPENSSH_ED25519;

	memcpy(both, token, len);
	if (EVP_PKEY_get_raw_public_key(key, both + SSH_OPENSSH_ED25519, &len) != 1)
		return -EINVAL;
	buf_put_cstring(public, "ssh-ed25519");
	buf_put_string(public, both + SSH_OPENSSH_ED25519, len);
	buf_put_bytes(private, public->at, public->end);
	buf_put_string(private, both, sizeof(both));
	return 0;
}

static int
put_rsa(struct buf *public, struct buf *private, EVP_PKEY *key, const uint8_t *token)
{
	static const uint8_t small[] = { 3 };
	int err;

	(void)token;
	buf_put_cstring(public, "ssh-rsa");
	err = put_param(public, key, OSSL_PKEY_PARAM_RSA_E);
	if (err == 0)
		err = put_param(public, key, OSSL_PKEY_PARAM_RSA_N);
	buf_put_cstring(private, "ssh-rsa");
	if (err == 0)
		err = put_param(private, key, OSSL_PKEY_PARAM_RSA_N);
	if (err == 0)
		err = put_param(private, key, OSSL_PKEY_PARAM_RSA_E);
	for (int i = 0; i < 4; i++) /* d, iqmp, p, q */
		put_number(private, small, sizeof(small));
	return err;
}

static int
put_ecdsa(struct buf *public, struct buf *private, EVP_PKEY *key, const uint8_t *token)
{
	static const struct {
		const char *group, *name, *type;
	} curves[] = {
		{ "prime256v1", "nistp256", "ecdsa-sha2-nistp256" },
		{ "secp384r1", "nistp384", "ecdsa-sha2-nistp384" },
		{ "secp521r1", "nistp521", "ecdsa-sha2-nistp521" },
	};
	char group[32];
	uint8_t point[256];
	size_t len;

	if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
					   NULL) != 1 ||
	    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
					    &len) != 1)
		return -EINVAL;
	for (size_t i = 0; i < COUNT_OF(curves); i++) {
		if (strcmp(curves[i].group, group) != 0)
			continue;
		buf_put_cstring(public, curves[i].type);
		buf_put_cstring(public, curves[i].name);
		buf_put_string(public, point, len);
		buf_put_bytes(private, public->at, public->end);
		put_number(private, token,
			   SSH_OPENSSH_ED25519 - 1); /* below the order of every curve */
		return 0;
	}
	return -EINVAL;
}

/* The whole file around both halves. Returns 0 or -EINVAL. */
static int
put_file(struct buf *b, const struct buf *public, struct buf *private)
{
	static const char magic[] = "openssh-key-v1";

	buf_put_cstring(private, ""); /* comment */
	for (uint8_t pad = 1; private->end % 8 != 0; pad++)
		buf_put_u8(private, pad);
	buf_put_bytes(b, magic, sizeof(magic));
	buf_put_cstring(b, "none"); /* cipher */
	buf_put_cstring(b, "none"); /* key derivation */
	buf_put_cstring(b, "");
	buf_put_u32(b, 1);
	buf_put_string(b, public->at, public->end);
	buf_put_string(b, private->at, private->end);
	return public->bad || private->bad || b->bad ? -EINVAL : 0;
}

int
ssh_openssh_write(EVP_PKEY *public, const uint8_t token[SSH_OPENSSH_ED25519],
		  char text[SSH_OPENSSH_TEXT_MAX])
{
	static const struct {
		const char *kind;
		int (*put)(struct buf *public, struct buf *private, EVP_PKEY *key,
			   const uint8_t *token);
	} kinds[] = { { "ED25519", put_ed25519 }, { "RSA", put_rsa }, { "EC", put_ecdsa } };
	static uint8_t halves[2][BLOB_BYTES], whole[2 * BLOB_BYTES];
	static char base64[SSH_OPENSSH_TEXT_MAX - 128];
	struct buf open, hidden, file;
	int err = -EINVAL;

	buf_init(&open, halves[0], BLOB_BYTES);
	buf_init(&hidden, halves[1], BLOB_BYTES);
	buf_init(&file, whole, sizeof(whole));
	buf_put_u64(&hidden, 0); /* two numbers that must be equal */
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (EVP_PKEY_is_a(public, kinds[i].kind))
			err = kinds[i].put(&open, &hidden, public, token);
	}
	if (err == 0)
		err = put_file(&file, &open, &hidden);
	if (err < 0)
		return err;
	(void)EVP_EncodeBlock((unsigned char *)base64, file.at, (int)file.end);
	(void)snprintf(
	    text, SSH_OPENSSH_TEXT_MAX,
	    "-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n-----END OPENSSH PRIVATE KEY-----\n", base64);
	return 0;
}
