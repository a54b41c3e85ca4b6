/* SPDX-License-Identifier: ISC */
/*
 * tls_ticket.c - under which keys session tickets are made and read. Runs in wire.
 *
 * Until login a wire has keys of its own, so a ticket is good in this process only. After login it
 * makes tickets under keys that all sessions of this user from this address have: some clients keep
 * one session per server name for all their connections (Go's crypto/tls, so rclone), and then show
 * the ticket of one control connection to the data connection of another. Whoever resumes such a
 * session has logged in as this user from this address.
 */
#include "protocols/tls/tls_in.h"

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "server/base/fail.h"
#include "server/base/text.h"

/* RFC 8449. Of the libraries that FTP clients have, GnuTLS offers it. */
#define RECORD_SIZE_LIMIT 28

_Static_assert(sizeof(struct tls_ticket_keys) == TLS_SHARED_KEY, "the key of a user is three keys");

static struct tls_ticket_keys *
find(struct tls_server *ts, const unsigned char *name)
{
	if (ts->has_shared && memcmp(ts->shared.name, name, sizeof(ts->shared.name)) == 0)
		return &ts->shared;
	return memcmp(ts->own.name, name, sizeof(ts->own.name)) == 0 ? &ts->own : NULL;
}

static bool
set_mac(EVP_MAC_CTX *mac, struct tls_ticket_keys *k)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof(k->mac)),
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_END,
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 1 goes on, 0 is no ticket of ours, -1 ends it all. */
static int
choose(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
       int make)
{
	struct tls_server *ts = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct tls_ticket_keys *k;

	if (make) {
		k = ts->has_shared ? &ts->shared : &ts->own;
		memcpy(name, k->name, sizeof(k->name));
		return RAND_bytes(iv, 16) == 1 &&
			       EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->aes, iv) ==
				   1 &&
			       set_mac(mac, k)
			   ? 1
			   : -1;
	}
	k = find(ts, name);
	if (!k)
		return 0;
	return set_mac(mac, k) &&
		       EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->aes, iv) == 1
		   ? 1
		   : -1;
}

/* What is only looked for is not answered. */
static int
say_nothing(SSL *ssl, unsigned int type, unsigned int context, const unsigned char **at,
	    size_t *len, X509 *cert, size_t cert_index, int *alert, void *arg)
{
	(void)ssl, (void)type, (void)context, (void)at, (void)len;
	(void)cert, (void)cert_index, (void)alert, (void)arg;
	return 0;
}

bool
tls_ticket_prepare(SSL_CTX *ctx)
{
	/* OpenSSL shows callbacks no extension but those that it knows or was told of. */
	return SSL_extension_supported(RECORD_SIZE_LIMIT) == 1 ||
	       SSL_CTX_add_custom_ext(ctx, RECORD_SIZE_LIMIT, SSL_EXT_CLIENT_HELLO, say_nothing,
				      NULL, NULL, NULL, NULL) == 1;
}

void
tls_ticket_hello(SSL *ssl)
{
	const unsigned char *at;
	size_t len;

	if (SSL_client_hello_get0_ext(ssl, RECORD_SIZE_LIMIT, &at, &len) == 1 &&
	    SSL_set_num_tickets(ssl, 1) != 1)
		bug("tickets cannot be turned on");
}

int
tls_server_own(struct tls_server *ts)
{
	/*
	 * Keys tell sessions apart, and the cache is this process's; so this one may be the same.
	 */
	static const unsigned char id[] = "coffer";

	if (!ts->ctx)
		return -EIO;
	SSL_CTX_set_app_data(ts->ctx, ts);
	if (RAND_bytes((unsigned char *)&ts->own, sizeof(ts->own)) != 1 ||
	    SSL_CTX_set_session_id_context(ts->ctx, id, sizeof(id) - 1) != 1 ||
	    SSL_CTX_set_tlsext_ticket_key_evp_cb(ts->ctx, choose) != 1)
		return -EIO;
	ts->has_shared = false;
	tls_server_make_room(ts);
	return 0;
}

void
tls_server_share(struct tls_server *ts, const uint8_t key[TLS_SHARED_KEY])
{
	memcpy(&ts->shared, key, sizeof(ts->shared));
	ts->has_shared = true;
}

int
tls_shared_key(const uint8_t secret[TLS_SECRET], const char *user, const char *addr,
	       uint8_t ret_key[TLS_SHARED_KEY])
{
	uint8_t block[EVP_MAX_MD_SIZE];
	char text[512];
	struct text t;
	unsigned int len;

	for (size_t at = 0; at < TLS_SHARED_KEY; at += len) {
		/* A name has no blank, so this is one text for one pair. */
		text_init(&t, text, sizeof(text));
		text_printf(&t, "%zu %s %s", at, addr, user);
		if (t.cut || !HMAC(EVP_sha256(), secret, TLS_SECRET, (const uint8_t *)text, t.len,
				   block, &len))
			return -EINVAL;
		memcpy(ret_key + at, block, len < TLS_SHARED_KEY - at ? len : TLS_SHARED_KEY - at);
	}
	mem_wipe(block, sizeof(block));
	return 0;
}

int
tls_secret(uint8_t ret_secret[TLS_SECRET])
{
	return RAND_priv_bytes(ret_secret, TLS_SECRET) == 1 ? 0 : -EIO;
}
