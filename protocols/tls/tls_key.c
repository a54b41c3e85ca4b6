/* SPDX-License-Identifier: ISC */
/*
 * tls_key.c - certificates from their files into a context, with keys that signer holds. Runs in
 * the listener, before anything is given up. Owns: the reading of certificates, and of private keys
 * where there is no signer (unit tests).
 */
#include "protocols/tls/tls_in.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "protocols/tls/tls_provider.h"
#include "server/base/text.h"

static void
complain_about(conf_complain_fn *complain, void *ctx, const struct conf_certificate *pair,
	       const char *file, const char *what)
{
	char room[1024];
	struct text t;
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	text_init(&t, room, sizeof(room));
	text_printf(&t, "%s: %s", file, what);
	if (reason)
		text_printf(&t, " (%s)", reason);
	complain(ctx, &pair->place, room);
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

static bool
key_is_strong(const EVP_PKEY *key)
{
	return EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) >= 2048;
}

/* One place per kind of key: a second certificate of the same kind would silently replace the
 * first. */
static bool
kind_is_taken(SSL_CTX *ctx, const EVP_PKEY *key)
{
	bool taken = false;
	long more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);

	while (more == 1) {
		const EVP_PKEY *have = SSL_CTX_get0_privatekey(ctx);

		if (have && EVP_PKEY_get_base_id(have) == EVP_PKEY_get_base_id(key))
			taken = true;
		more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT);
	}
	return taken;
}

int
tls_key_load(SSL_CTX *ctx, const struct conf_certificate *pair, const struct sign_key *remote,
	     conf_complain_fn *complain, void *complain_ctx)
{
	const char *file = pair->key, *what = NULL;
	EVP_PKEY *key;

	ERR_clear_error();
	key = remote ? tls_provider_key(remote) : read_key(pair->key);
	if (!key && remote)
		what = "its public half cannot be used by OpenSSL";
	else if (!key)
		what = "the private key cannot be read; it must be PEM without a passphrase";
	else if (!key_is_strong(key))
		what = "RSA keys below 2048 bits are not used";
	else if (kind_is_taken(ctx, key))
		what = "a certificate with the same kind of key stands above; "
		       "one ECDSA and one RSA key can be used side by side";
	else {
		file = pair->certificate;
		if (SSL_CTX_use_certificate_chain_file(ctx, file) != 1)
			what = "the certificate cannot be read; it must be PEM, "
			       "the server's own first, then its chain";
		else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
			 SSL_CTX_check_private_key(ctx) != 1)
			what = "the certificate and the private key do not belong together";
	}
	EVP_PKEY_free(key);
	if (!what)
		return 0;
	complain_about(complain, complain_ctx, pair, file, what);
	return -EINVAL;
}
