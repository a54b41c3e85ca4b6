/* SPDX-License-Identifier: ISC */
/*
 * ssh_keys.c - host keys and users' public keys, through libssh's public interface.
 * Owns: where private host keys come from. Nothing else in the room knows.
 */
#include "protocols/sftp/ssh_keys.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "protocols/sftp/ssh_sign.h"
#include "server/base/buf.h"
#include "server/base/text.h"

/* Kinds of user keys that we look at, and how they sign. RSA signs by SHA-2 only. */
static const struct {
	enum ssh_keytypes_e type;
	const char *algorithm;
} user_kinds[] = {
	{ SSH_KEYTYPE_ED25519, "ssh-ed25519" },
	{ SSH_KEYTYPE_ECDSA_P256, "ecdsa-sha2-nistp256" },
	{ SSH_KEYTYPE_ECDSA_P384, "ecdsa-sha2-nistp384" },
	{ SSH_KEYTYPE_ECDSA_P521, "ecdsa-sha2-nistp521" },
	{ SSH_KEYTYPE_SK_ED25519, "sk-ssh-ed25519@openssh.com" },
	{ SSH_KEYTYPE_SK_ECDSA, "sk-ecdsa-sha2-nistp256@openssh.com" },
	{ SSH_KEYTYPE_RSA, "rsa-sha2-256" },
	/* Certificates: monitor judges what they say, of which libssh looks at nothing. */
	{ SSH_KEYTYPE_ED25519_CERT01, "ssh-ed25519-cert-v01@openssh.com" },
	{ SSH_KEYTYPE_ECDSA_P256_CERT01, "ecdsa-sha2-nistp256-cert-v01@openssh.com" },
	{ SSH_KEYTYPE_ECDSA_P384_CERT01, "ecdsa-sha2-nistp384-cert-v01@openssh.com" },
	{ SSH_KEYTYPE_ECDSA_P521_CERT01, "ecdsa-sha2-nistp521-cert-v01@openssh.com" },
	{ SSH_KEYTYPE_SK_ED25519_CERT01, "sk-ssh-ed25519-cert-v01@openssh.com" },
	{ SSH_KEYTYPE_SK_ECDSA_CERT01, "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com" },
	{ SSH_KEYTYPE_RSA_CERT01, "rsa-sha2-256-cert-v01@openssh.com" },
};

static const char *
user_algorithm(ssh_key key)
{
	enum ssh_keytypes_e type = ssh_key_type(key);

	for (size_t i = 0; i < COUNT_OF(user_kinds); i++) {
		if (user_kinds[i].type == type)
			return user_kinds[i].algorithm;
	}
	return NULL;
}

/* The blob through the one public door: base64 text, as in authorized_keys. */
static int
export_blob(ssh_key key, uint8_t *room, size_t size, size_t *ret_len)
{
	char *text;
	size_t len, padding;
	int n;

	if (ssh_pki_export_pubkey_base64(key, &text) != SSH_OK)
		return -EKEYREJECTED;
	len = strlen(text);
	if (len == 0 || len > 65536 || len / 4 * 3 > size) {
		ssh_string_free_char(text);
		return -EMSGSIZE;
	}
	padding = strcspn(text, "=");
	padding = len - padding;
	n = EVP_DecodeBlock(room, (const unsigned char *)text, (int)len);
	ssh_string_free_char(text);
	if (n < 0 || padding > 2 || (size_t)n < padding)
		return -EKEYREJECTED;
	*ret_len = (size_t)n - padding;
	return 0;
}

/* Bits of the modulus in an RSA blob (RFC 4253, 6.6: name, e, n), 0 when it is none. */
static unsigned int
rsa_bits(const uint8_t *blob, size_t blob_len)
{
	const uint8_t *n;
	struct buf b;
	size_t len;
	unsigned int bits;

	buf_init_read(&b, blob, blob_len);
	(void)buf_get_string(&b, &len);
	(void)buf_get_string(&b, &len);
	n = buf_get_string(&b, &len);
	while (n && len > 0 && n[0] == 0) {
		n++;
		len--;
	}
	if (!n || len == 0 || len > 4096)
		return 0;
	bits = (unsigned int)len * 8;
	for (uint8_t top = n[0]; !(top & 0x80); top = (uint8_t)(top << 1))
		bits--;
	return bits;
}

int
ssh_keys_public(ssh_key key, void *room, size_t size, size_t *ret_len, const char **ret_algorithm)
{
	const char *algorithm = user_algorithm(key);
	size_t len;
	int err;

	if (!algorithm)
		return -EKEYREJECTED;
	err = export_blob(key, room, size, &len);
	if (err < 0)
		return err;
	if (ssh_key_type(key) == SSH_KEYTYPE_RSA && rsa_bits(room, len) < SSH_KEYS_RSA_MIN)
		return -EKEYREJECTED;
	*ret_len = len;
	*ret_algorithm = algorithm;
	return 0;
}

const char *
ssh_keys_signed_by(ssh_key key, const char *seen, const char *usual)
{
	bool sha512 = strcmp(seen, "rsa-sha2-512") == 0;

	switch (ssh_key_type(key)) {
	case SSH_KEYTYPE_RSA:
		return seen[0] ? seen : usual;
	case SSH_KEYTYPE_RSA_CERT01:
		return sha512 ? "rsa-sha2-512-cert-v01@openssh.com" : usual;
	default:
		return usual;
	}
}

static unsigned int
host_kind(ssh_key key)
{
	switch (ssh_key_type(key)) {
	case SSH_KEYTYPE_ED25519:
		return SSH_KEYS_ED25519;
	case SSH_KEYTYPE_RSA:
		return SSH_KEYS_RSA;
	case SSH_KEYTYPE_ECDSA_P256:
	case SSH_KEYTYPE_ECDSA_P384:
	case SSH_KEYTYPE_ECDSA_P521:
		return SSH_KEYS_ECDSA;
	default:
		return 0;
	}
}

/* Gives bind a key, which it then owns. Returns NULL, or what is wrong with it. */
static const char *
use_one(ssh_bind bind, ssh_key key, unsigned int *kinds)
{
	unsigned int kind = host_kind(key);
	const char *wrong = NULL;

	if (kind == 0)
		wrong = "is of a kind that is not served: use ed25519, rsa or ecdsa";
	else if (*kinds & kind)
		wrong = "is the second key of its kind: list one of each";
	else if (ssh_bind_options_set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, key) < 0)
		wrong = "is not strong enough: an RSA key needs 2048 bits";
	if (wrong)
		ssh_key_free(key);
	else
		*kinds |= kind;
	return wrong;
}

static const char *
load_file(ssh_bind bind, const char *file, unsigned int *kinds)
{
	ssh_key key;

	if (ssh_pki_import_privkey_file(file, NULL, NULL, NULL, &key) != SSH_OK)
		return "cannot be read as a private key without a passphrase";
	return use_one(bind, key, kinds);
}

static const char *
load_remote(ssh_bind bind, const struct sign_key *public, unsigned int *kinds)
{
	ssh_key key;

	if (ssh_sign_stand_in(public, &key) < 0)
		return "is of a kind that is not served: use ed25519, rsa or ecdsa";
	return use_one(bind, key, kinds);
}

static void
complain_of(const struct conf *conf, const char *file, const char *wrong,
	    conf_complain_fn *complain, void *ctx)
{
	struct conf_place place = { .file = conf->file };
	char room[512];
	struct text t;

	text_init(&t, room, sizeof(room));
	text_printf(&t, "sftp.host-keys: %s %s", file, wrong);
	complain(ctx, &place, room);
}

/* All keys were looked at: are there any? */
static int
done(const struct conf *conf, int err, unsigned int kinds, conf_complain_fn *complain, void *ctx,
     unsigned int *ret_kinds)
{
	struct conf_place place = { .file = conf->file };

	if (err == 0 && kinds == 0) {
		complain(ctx, &place,
			 "sftp.host-keys: no host key; make one with: "
			 "ssh-keygen -t ed25519 -N '' -f FILE");
		err = -EINVAL;
	}
	if (err == 0)
		*ret_kinds = kinds;
	return err;
}

int
ssh_keys_load(const struct conf *conf, ssh_bind bind, conf_complain_fn *complain, void *ctx,
	      unsigned int *ret_kinds)
{
	unsigned int kinds = 0;
	int err = 0;

	for (size_t i = 0; i < conf->sftp.host_keys.count; i++) {
		const char *file = conf->sftp.host_keys.at[i];
		const char *wrong = load_file(bind, file, &kinds);

		if (!wrong)
			continue;
		complain_of(conf, file, wrong, complain, ctx);
		err = -EINVAL;
	}
	return done(conf, err, kinds, complain, ctx, ret_kinds);
}

int
ssh_keys_load_remote(const struct conf *conf, const struct sign_keys *keys, ssh_bind bind,
		     conf_complain_fn *complain, void *ctx, unsigned int *ret_kinds)
{
	unsigned int kinds = 0;
	int err = 0;

	for (size_t i = 0; i < keys->count; i++) {
		const struct sign_key *key = &keys->at[i];
		const char *wrong;

		if (key->purpose != SIGN_SSH || key->index >= conf->sftp.host_keys.count)
			continue;
		wrong = load_remote(bind, key, &kinds);
		if (!wrong)
			continue;
		complain_of(conf, conf->sftp.host_keys.at[key->index], wrong, complain, ctx);
		err = -EINVAL;
	}
	return done(conf, err, kinds, complain, ctx, ret_kinds);
}
