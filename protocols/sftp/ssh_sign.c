/* SPDX-License-Identifier: ISC */
/*
 * ssh_sign.c - EVP_DigestSign, EVP_DigestVerify and EVP_PKEY_get_raw_public_key of this program;
 * see ssh_sign.h. Must not: change what any of them does for a key that is not a stand-in.
 */
#include "protocols/sftp/ssh_sign.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <string.h>

#include "protocols/sftp/ssh_openssh.h"

/* One of each kind. */
#define STAND_INS_MAX 3
/* What a security key signs: a hash, flags and a counter, a hash (OpenSSH's PROTOCOL.u2f). */
#define SK_SIGNED 69u
#define SK_HEAD_AT 32u
#define SK_HEAD 5u

struct stand_in {
	EVP_PKEY *key; /* as OpenSSL sees what libssh makes of the stand-in */
	uint32_t id;   /* signer's */
	bool rsa, ed25519;
	uint8_t shown[SSH_OPENSSH_ED25519], real[SSH_OPENSSH_ED25519]; /* Ed25519: public halves */
};

/*
 * The stand-ins of a configuration. There are two sets at most: a reload makes the second beside
 * the first, and one of them goes when it is clear which configuration stays.
 */
static struct set {
	struct stand_in at[STAND_INS_MAX];
	unsigned int count;
} sets[2];
static unsigned int current;

#define stand_ins (sets[current].at)
#define stand_in_count (sets[current].count)

static struct {
	uint8_t signature[SSH_SIGN_SIGNATURE_MAX];
	size_t len;
	uint8_t sk_head[SK_HEAD];
	bool sk;
} verified;

typedef int sign_fn(EVP_MD_CTX *, unsigned char *, size_t *, const unsigned char *, size_t);
typedef int verify_fn(EVP_MD_CTX *, const unsigned char *, size_t, const unsigned char *, size_t);
typedef int raw_public_fn(const EVP_PKEY *, unsigned char *, size_t *);

/*
 * OpenSSL's own function of this name. There always is one, or this program would not have started.
 */
static void
find_real(const char *name, void *ret_function, size_t size)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(ret_function, &found, size);
}

static int
find_stand_in(const EVP_PKEY *key)
{
	int found = -1;

	/*
	 * Keys of two kinds are an error for OpenSSL, which must not stay behind: TLS, which signs
	 * by the same function, would take it for its own.
	 */
	ERR_set_mark();
	for (unsigned int i = 0; key && found < 0 && i < stand_in_count; i++)
		if (EVP_PKEY_eq(key, stand_ins[i].key) == 1)
			found = (int)i;
	ERR_pop_to_mark();
	return found;
}

static const char *
digest_name(const EVP_MD *md)
{
	switch (md ? EVP_MD_get_size(md) : 0) {
	case 32:
		return "SHA256";
	case 48:
		return "SHA384";
	case 64:
		return "SHA512";
	default:
		return "";
	}
}

static int
ask_signer(int i, EVP_MD_CTX *ctx, unsigned char *signature, size_t *len, const unsigned char *tbs,
	   size_t tbs_len)
{
	struct sign_request r = { .purpose = SIGN_SSH,
				  .key = stand_ins[i].id,
				  .padding = stand_ins[i].rsa ? SIGN_PAD_PKCS1 : SIGN_PAD_NONE,
				  .tbs = tbs,
				  .tbs_len = tbs_len };
	const char *digest = stand_ins[i].ed25519 ? "" : digest_name(EVP_MD_CTX_get0_md(ctx));

	memcpy(r.digest, digest, strlen(digest) + 1);
	return sign_ask(&r, signature, *len, len) == 0 ? 1 : 0;
}

int
EVP_DigestSign(EVP_MD_CTX *ctx, unsigned char *signature, size_t *len, const unsigned char *tbs,
	       size_t tbs_len)
{
	static sign_fn *real;
	EVP_PKEY_CTX *of;
	int i = -1;

	if (stand_in_count > 0) {
		of = EVP_MD_CTX_get_pkey_ctx(ctx);
		i = of ? find_stand_in(EVP_PKEY_CTX_get0_pkey(of)) : -1;
	}
	if (i >= 0 && !signature) {
		*len = (size_t)EVP_PKEY_get_size(stand_ins[i].key);
		return 1;
	}
	if (i >= 0)
		return ask_signer(i, ctx, signature, len, tbs, tbs_len);
	if (!real)
		find_real("EVP_DigestSign", &real, sizeof(real));
	return real(ctx, signature, len, tbs, tbs_len);
}

int
EVP_DigestVerify(EVP_MD_CTX *ctx, const unsigned char *signature, size_t len,
		 const unsigned char *tbs, size_t tbs_len)
{
	static verify_fn *real;
	int fits;

	if (!real)
		find_real("EVP_DigestVerify", &real, sizeof(real));
	fits = real(ctx, signature, len, tbs, tbs_len);
	verified.len = 0;
	if (fits == 1 && len <= sizeof(verified.signature)) {
		memcpy(verified.signature, signature, len);
		verified.len = len;
		verified.sk = tbs_len == SK_SIGNED;
		if (verified.sk)
			memcpy(verified.sk_head, tbs + SK_HEAD_AT, SK_HEAD);
	}
	return fits;
}

/*
 * libssh from 0.12 on computes the public half of an Ed25519 key from its private one, which here
 * is none. What clients have to see is the real one.
 */
int
EVP_PKEY_get_raw_public_key(const EVP_PKEY *key, unsigned char *public, size_t *len)
{
	static raw_public_fn *real;
	int done;

	if (!real)
		find_real("EVP_PKEY_get_raw_public_key", &real, sizeof(real));
	done = real(key, public, len);
	if (done != 1 || !public || *len != SSH_OPENSSH_ED25519)
		return done;
	for (unsigned int i = 0; i < stand_in_count; i++) {
		if (stand_ins[i].ed25519 && memcmp(public, stand_ins[i].shown, *len) == 0)
			memcpy(public, stand_ins[i].real, *len);
	}
	return done;
}

/*
 * The key as libssh will hold it. Ed25519 has its public half from the private one: from the token.
 */
static int
remember(const struct sign_key *key, EVP_PKEY *public, const uint8_t token[SSH_OPENSSH_ED25519])
{
	size_t len = SSH_OPENSSH_ED25519;
	unsigned int i = stand_in_count;

	if (i == STAND_INS_MAX)
		return -EINVAL;
	stand_ins[i].id = key->id;
	stand_ins[i].rsa = EVP_PKEY_is_a(public, "RSA");
	stand_ins[i].ed25519 = EVP_PKEY_is_a(public, "ED25519");
	stand_ins[i].key = public;
	if (stand_ins[i].ed25519) {
		stand_ins[i].key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, token, len);
		if (!stand_ins[i].key ||
		    EVP_PKEY_get_raw_public_key(public, stand_ins[i].real, &len) != 1 ||
		    EVP_PKEY_get_raw_public_key(stand_ins[i].key, stand_ins[i].shown, &len) != 1)
			return -EINVAL;
	} else {
		EVP_PKEY_up_ref(public);
	}
	stand_in_count++;
	return 0;
}

int
ssh_sign_stand_in(const struct sign_key *key, ssh_key *ret_key)
{
	static char text[SSH_OPENSSH_TEXT_MAX];
	const unsigned char *at = key->spki;
	EVP_PKEY *public = d2i_PUBKEY(NULL, &at, (long)key->spki_len);
	uint8_t token[SSH_OPENSSH_ED25519];
	int err = -EINVAL;

	if (public && RAND_bytes(token, sizeof(token)) == 1)
		err = ssh_openssh_write(public, token, text);
	if (err == 0 && ssh_pki_import_privkey_base64(text, NULL, NULL, NULL, ret_key) != SSH_OK)
		err = -EINVAL;
	if (err == 0) {
		err = remember(key, public, token);
		if (err < 0)
			ssh_key_free(*ret_key);
	}
	EVP_PKEY_free(public);
	return err;
}

static void
clear(struct set *set)
{
	for (unsigned int i = 0; i < set->count; i++)
		EVP_PKEY_free(set->at[i].key);
	set->count = 0;
}

unsigned int
ssh_sign_begin(void)
{
	current = 1 - current;
	clear(&sets[current]);
	return current;
}

void
ssh_sign_end(unsigned int set)
{
	clear(&sets[set]);
	if (set == current)
		current = 1 - current;
}

bool
ssh_sign_is_remote(void)
{
	return stand_in_count > 0;
}

size_t
ssh_sign_take_verified(enum ssh_keytypes_e type, uint8_t room[SSH_SIGN_SIGNATURE_MAX])
{
	bool sk = type == SSH_KEYTYPE_SK_ED25519 || type == SSH_KEYTYPE_SK_ECDSA ||
		  type == SSH_KEYTYPE_SK_ED25519_CERT01 || type == SSH_KEYTYPE_SK_ECDSA_CERT01;
	size_t head = sk ? SK_HEAD : 0, len = verified.len;

	verified.len = 0;
	if (len == 0 || sk != verified.sk || head + len > SSH_SIGN_SIGNATURE_MAX)
		return 0;
	memcpy(room, verified.sk_head, head);
	memcpy(room + head, verified.signature, len);
	return head + len;
}
