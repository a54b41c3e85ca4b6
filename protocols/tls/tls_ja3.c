/* SPDX-License-Identifier: ISC */
/*
 * tls_ja3.c - which program is this? Its hello, as JA3 writes it down: version, ciphers,
 * extensions, groups and point formats in their order, hashed. Programs that say nothing of
 * themselves can be looked up by it. It proves nothing.
 */
#include "protocols/tls/tls_in.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "server/base/text.h"

#define TEXT_MAX 4096

/* RFC 8701: values that are made up to keep servers tolerant. */
static bool
is_grease(unsigned int value)
{
	return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

static void
put(struct text *t, unsigned int value, bool *first)
{
	if (is_grease(value))
		return;
	text_printf(t, *first ? "%u" : "-%u", value);
	*first = false;
}

/* A list of 16-bit numbers, skip bytes behind its begin. */
static void
put_numbers(struct text *t, const unsigned char *at, size_t len, size_t skip)
{
	bool first = true;

	for (size_t i = skip; i + 1 < len; i += 2)
		put(t, (unsigned int)at[i] << 8 | at[i + 1], &first);
}

int
tls_ja3_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls_conn *c = SSL_get_app_data(ssl);
	char room[TEXT_MAX];
	uint8_t digest[EVP_MAX_MD_SIZE];
	const unsigned char *at = NULL;
	unsigned int digest_len = 0;
	bool first = true;
	int *extensions = NULL;
	size_t len = 0;
	struct text t;

	(void)alert, (void)arg;
	if (!c || c->kind != TLS_CONTROL)
		return SSL_CLIENT_HELLO_SUCCESS;
	tls_ticket_hello(ssl);
	text_init(&t, room, sizeof(room));
	text_printf(&t, "%u,", SSL_client_hello_get0_legacy_version(ssl));
	len = SSL_client_hello_get0_ciphers(ssl, &at);
	put_numbers(&t, at, len, 0);
	text_puts(&t, ",");
	if (SSL_client_hello_get1_extensions_present(ssl, &extensions, &len) == 1)
		for (size_t i = 0; i < len; i++)
			put(&t, (unsigned int)extensions[i], &first);
	OPENSSL_free(extensions);
	text_puts(&t, ",");
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_groups, &at, &len) == 1)
		put_numbers(&t, at, len, 2);
	text_puts(&t, ",");
	first = true;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_ec_point_formats, &at, &len) == 1)
		for (size_t i = 1; i < len; i++)
			put(&t, at[i], &first);
	if (t.cut || EVP_Digest(room, t.len, digest, &digest_len, EVP_md5(), NULL) != 1)
		return SSL_CLIENT_HELLO_SUCCESS; /* then it has no name */
	text_init(&t, c->ja3, sizeof(c->ja3));
	for (unsigned int i = 0; i < digest_len; i++)
		text_printf(&t, "%02x", digest[i]);
	return SSL_CLIENT_HELLO_SUCCESS;
}

const char *
tls_ja3(const struct tls_conn *c)
{
	return c->ja3;
}
