/* SPDX-License-Identifier: ISC */
/*
 * tls_key.c - certificates from their files, with keys that signer holds. Runs in the listener,
 * before anything is given up. Owns: the reading of certificates, and of private keys where there
 * is no signer (unit tests).
 */
#include "protocols/tls/tls_in.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "protocols/tls/tls_provider.h"
#include "server/base/text.h"

static void
complain_about(conf_complain_fn *complain, void *ctx, const struct conf_place *place,
	       const char *file, const char *what)
{
	char room[1024];
	struct text t;
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	text_init(&t, room, sizeof(room));
	text_printf(&t, "%s: %s", file, what);
	if (reason)
		text_printf(&t, " (%s)", reason);
	complain(ctx, place, room);
	ERR_clear_error();
}

/* A key with a passphrase is refused: a daemon has nobody to ask, and must not ask the terminal. */
static int
no_passphrase(char *room, int size, int rwflag, void *arg)
{
	(void)rwflag;
	(void)arg;
	if (size > 0)
		room[0] = '\0';
	return -1;
}

static EVP_PKEY *
read_key(const char *file)
{
	BIO *in = BIO_new_file(file, "r");
	EVP_PKEY *key;

	if (!in)
		return NULL;
	key = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
	BIO_free(in);
	return key;
}

/* The first certificate of the file; the others are its chain. Returns 0 or -EINVAL. */
static int
read_certificates(const char *file, struct tls_pair *ret)
{
	BIO *in = BIO_new_file(file, "r");
	X509 *next;

	ret->chain = sk_X509_new_null();
	if (in && ret->chain)
		ret->leaf = PEM_read_bio_X509(in, NULL, no_passphrase, NULL);
	while (ret->leaf && (next = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)) != NULL) {
		if (sk_X509_push(ret->chain, next) > 0)
			continue;
		X509_free(next);
		break;
	}
	/* Reading ends when there is no further one. Anything else is a broken file. */
	if (ret->leaf && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
		ERR_clear_error();
	BIO_free(in);
	return ret->leaf && ERR_peek_error() == 0 ? 0 : -EINVAL;
}

static bool
key_is_strong(const EVP_PKEY *key)
{
	return EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) >= 2048;
}

void
tls_key_clear(struct tls_pair *pair)
{
	X509_free(pair->leaf);
	sk_X509_pop_free(pair->chain, X509_free);
	EVP_PKEY_free(pair->key);
}

int
tls_key_load(const struct conf_certificate *conf, const struct sign_key *remote,
	     conf_complain_fn *complain, void *complain_ctx, struct tls_pair *ret)
{
	const char *file = conf->key, *what = NULL;

	ERR_clear_error();
	memset(ret, 0, sizeof(*ret));
	ret->file = conf->certificate;
	ret->place = conf->place;
	ret->key = remote ? tls_provider_key(remote) : read_key(conf->key);
	if (!ret->key && remote)
		what = "its public half cannot be used by OpenSSL";
	else if (!ret->key)
		what = "the private key cannot be read; it must be PEM without a passphrase";
	else if (!key_is_strong(ret->key))
		what = "RSA keys below 2048 bits are not used";
	else {
		file = conf->certificate;
		if (read_certificates(file, ret) < 0)
			what = "the certificate cannot be read; it must be PEM, "
			       "the server's own first, then its chain";
		else if (X509_check_private_key(ret->leaf, ret->key) != 1)
			what = "the certificate and the private key do not belong together";
	}
	if (!what)
		return 0;
	complain_about(complain, complain_ctx, &conf->place, file, what);
	tls_key_clear(ret);
	return -EINVAL;
}
