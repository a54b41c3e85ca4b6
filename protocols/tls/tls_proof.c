/* SPDX-License-Identifier: ISC */
/*
 * tls_proof.c - takes a recorded handshake apart and checks both signatures of it.
 * Distrusts: every byte of the messages, which wire gave. Trusts: what was signed for this
 * connection.
 *
 * TLS 1.3 (RFC 8446, section 4.4): the server signed a hash of all messages up to its Certificate.
 * The messages must have that hash; so they are this connection's. The client signed a hash of all
 * up to its own Certificate. TLS 1.2 (RFC 5246, section 7.4.8): the server signed both randoms and
 * its key share, which must stand in the messages; the client signed all messages. The server's
 * certificate in them must be one of ours.
 */
#include "protocols/tls/tls_proof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "protocols/tls/tls_in.h"
#include "server/base/buf.h"
#include "server/base/text.h"

#define HEAD 4u
#define RANDOM 32u
#define V13_SPACES 64u

static const char client_label[] = "TLS 1.3, client CertificateVerify";

/* Where the messages that count are; two of a kind: the server's, then the client's. */
struct handshake {
	const uint8_t *at;
	size_t len;
	struct part {
		size_t from, body, to;
	} hello, retry, server_hello, key_exchange, certificate[2], verify;
	size_t certificates;
	bool has_retry;
};

static const uint8_t retry_random[RANDOM] = { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
					      0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
					      0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
					      0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c };

static size_t
body_len(const struct part *p)
{
	return p->to - p->body;
}

static void
note(struct handshake *h, uint8_t type, const struct part *p)
{
	switch (type) {
	case SSL3_MT_CLIENT_HELLO:
		if (h->hello.to == 0)
			h->hello = *p;
		break;
	case SSL3_MT_SERVER_HELLO:
		if (body_len(p) >= 2 + RANDOM &&
		    memcmp(h->at + p->body + 2, retry_random, RANDOM) == 0) {
			h->retry = *p;
			h->has_retry = true;
		} else {
			h->server_hello = *p;
		}
		break;
	case SSL3_MT_SERVER_KEY_EXCHANGE:
		h->key_exchange = *p;
		break;
	case SSL3_MT_CERTIFICATE:
		if (h->certificates < 2)
			h->certificate[h->certificates] = *p;
		h->certificates++;
		break;
	case SSL3_MT_CERTIFICATE_VERIFY:
		h->verify = *p; /* the last is the client's */
		break;
	default:
		break;
	}
}

static bool
take_apart(struct handshake *h)
{
	for (size_t at = 0; at < h->len;) {
		struct part p = { .from = at, .body = at + HEAD };

		if (h->len - at < HEAD)
			return false;
		p.to = p.body + ((size_t)h->at[at + 1] << 16 | (size_t)h->at[at + 2] << 8 |
				 (size_t)h->at[at + 3]);
		if (p.to > h->len)
			return false;
		note(h, h->at[at], &p);
		at = p.to;
	}
	return h->certificates == 2 && h->hello.to && h->server_hello.to &&
	       h->verify.to == h->len && h->verify.from > h->certificate[1].from;
}

/* RFC 8446, section 4.4.1, also behind a HelloRetryRequest. */
static bool
hash_to(const struct handshake *h, size_t to, const EVP_MD *md, uint8_t *ret)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t first[HEAD + EVP_MAX_MD_SIZE] = { SSL3_MT_MESSAGE_HASH, 0, 0,
						  (uint8_t)EVP_MD_get_size(md) };
	size_t from = 0;
	bool ok = ctx && EVP_DigestInit_ex(ctx, md, NULL) == 1;

	if (ok && h->has_retry) {
		from = h->hello.to;
		ok = EVP_Digest(h->at, from, first + HEAD, NULL, md, NULL) == 1 &&
		     EVP_DigestUpdate(ctx, first, HEAD + (size_t)EVP_MD_get_size(md)) == 1;
	}
	ok = ok && to >= from && EVP_DigestUpdate(ctx, h->at + from, to - from) == 1 &&
	     EVP_DigestFinal_ex(ctx, ret, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* ---- signatures ---- */

static const struct scheme {
	uint16_t number;
	const char *key, *digest; /* digest NULL: the algorithm has its own */
	bool pss, v13;
} schemes[] = {
	{ 0x0403, "EC", "SHA256", false, true },   { 0x0503, "EC", "SHA384", false, true },
	{ 0x0603, "EC", "SHA512", false, true },   { 0x0807, "ED25519", NULL, false, true },
	{ 0x0804, "RSA", "SHA256", true, true },   { 0x0805, "RSA", "SHA384", true, true },
	{ 0x0806, "RSA", "SHA512", true, true },   { 0x0401, "RSA", "SHA256", false, false },
	{ 0x0501, "RSA", "SHA384", false, false }, { 0x0601, "RSA", "SHA512", false, false },
};

/* The client's CertificateVerify over these bytes. */
static bool
signature_fits(const struct handshake *h, bool v13, EVP_PKEY *key, const uint8_t *bytes, size_t len)
{
	const uint8_t *body = h->at + h->verify.body;
	size_t size = body_len(&h->verify), signature_len;
	const struct scheme *s = NULL;
	EVP_PKEY_CTX *key_ctx = NULL;
	EVP_MD_CTX *ctx;
	bool ok;

	if (size < 4)
		return false;
	signature_len = (size_t)body[2] << 8 | body[3];
	if (signature_len != size - 4)
		return false;
	for (size_t i = 0; i < COUNT_OF(schemes); i++)
		if (schemes[i].number == (body[0] << 8 | body[1]) && (schemes[i].v13 || !v13))
			s = &schemes[i];
	if (!s || !EVP_PKEY_is_a(key, s->key) ||
	    (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) < 2048))
		return false;
	ctx = EVP_MD_CTX_new();
	ok = ctx && EVP_DigestVerifyInit_ex(ctx, &key_ctx, s->digest, NULL, NULL, key, NULL) == 1;
	if (ok && s->pss)
		ok = EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
	ok = ok && EVP_DigestVerify(ctx, body + 4, signature_len, bytes, len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool
proves_v13(const struct handshake *h, const struct tls_proof *p, EVP_PKEY *key)
{
	const size_t head = V13_SPACES + sizeof(client_label);
	const EVP_MD *md = p->signed_len == head + 48 ? EVP_sha384() : EVP_sha256();
	const size_t size = (size_t)EVP_MD_get_size(md);
	uint8_t bytes[V13_SPACES + sizeof(client_label) + EVP_MAX_MD_SIZE], hash[EVP_MAX_MD_SIZE];

	/* "server" is as long as "client". */
	if (p->signed_len != head + size || !hash_to(h, h->certificate[0].to, md, hash) ||
	    memcmp(hash, p->signed_bytes + head, size) != 0)
		return false;
	memset(bytes, ' ', V13_SPACES);
	memcpy(bytes + V13_SPACES, client_label, sizeof(client_label));
	return hash_to(h, h->certificate[1].to, md, bytes + head) &&
	       signature_fits(h, true, key, bytes, head + size);
}

static bool
proves_v12(const struct handshake *h, const struct tls_proof *p, EVP_PKEY *key)
{
	const size_t params = p->signed_len - 2 * RANDOM;

	return p->signed_len > 2 * RANDOM && body_len(&h->hello) >= 2 + RANDOM &&
	       body_len(&h->server_hello) >= 2 + RANDOM && body_len(&h->key_exchange) >= params &&
	       memcmp(p->signed_bytes, h->at + h->hello.body + 2, RANDOM) == 0 &&
	       memcmp(p->signed_bytes + RANDOM, h->at + h->server_hello.body + 2, RANDOM) == 0 &&
	       memcmp(p->signed_bytes + 2 * RANDOM, h->at + h->key_exchange.body, params) == 0 &&
	       signature_fits(h, false, key, h->at, h->verify.from);
}

/* ---- certificates ---- */

static size_t
get_u24(struct buf *b)
{
	size_t high = buf_get_u8(b);

	return high << 16 | buf_get_u16(b);
}

/* One side's certificates: the first is its own, the others go into chain. */
static X509 *
read_certificates(const struct handshake *h, const struct part *p, bool v13, STACK_OF(X509) * chain)
{
	X509 *leaf = NULL;
	struct buf b;

	buf_init_read(&b, h->at + p->body, body_len(p));
	if (v13)
		buf_get_bytes(&b, buf_get_u8(&b)); /* the context, which is empty */
	if (get_u24(&b) != buf_left(&b))
		return NULL;
	while (buf_left(&b) > 0 && !b.bad) {
		size_t len = get_u24(&b);
		const uint8_t *der = buf_get_bytes(&b, len);
		X509 *cert = der ? d2i_X509(NULL, &der, (long)len) : NULL;

		if (v13)
			buf_get_bytes(&b, buf_get_u16(&b)); /* extensions */
		if (!cert || (leaf && sk_X509_push(chain, cert) == 0)) {
			X509_free(cert);
			b.bad = true;
		} else if (!leaf) {
			leaf = cert;
		}
	}
	if (!b.bad)
		return leaf;
	X509_free(leaf);
	return NULL;
}

/*
 * Is it us whom the client talked to? What is signed comes from wire, so the messages may be those
 * of a handshake with a server of somebody who has taken a wire over.
 */
static bool
server_is_us(const struct tls_server *ts, const struct handshake *h, bool v13)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *leaf = chain ? read_certificates(h, &h->certificate[0], v13, chain) : NULL;
	bool ours = false;

	for (size_t i = 0; leaf && i < ts->pair_count; i++)
		ours |= X509_cmp(leaf, ts->pairs[i].leaf) == 0;
	X509_free(leaf);
	sk_X509_pop_free(chain, X509_free);
	return ours;
}

static bool
authority_stands_behind(const struct tls_server *ts, X509 *leaf, STACK_OF(X509) * chain,
			const char **ret_reason)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool ok = ctx && X509_STORE_CTX_init(ctx, ts->clients, leaf, chain) == 1 &&
		  X509_STORE_CTX_set_default(ctx, "ssl_client") == 1;

	if (ok)
		X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT);
	ok = ok && X509_verify_cert(ctx) == 1;
	if (!ok && ctx)
		*ret_reason = X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
	X509_STORE_CTX_free(ctx);
	return ok;
}

static void
add_name(struct auth_certificate *c, enum auth_certificate_kind kind, const ASN1_STRING *text)
{
	size_t len = (size_t)ASN1_STRING_length(text);
	const char *at = (const char *)ASN1_STRING_get0_data(text);

	/* A 0 inside makes two names of one. */
	if (c->count == AUTH_CERTIFICATE_NAMES || len == 0 || len >= sizeof(c->names[0].text) ||
	    memchr(at, '\0', len))
		return;
	c->names[c->count].kind = kind;
	memcpy(c->names[c->count].text, at, len);
	c->names[c->count].text[len] = '\0';
	c->count++;
}

static bool
identify(X509 *leaf, struct auth_certificate *ret)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	X509_NAME *subject = X509_get_subject_name(leaf);
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	struct text t;

	memset(ret, 0, sizeof(*ret));
	text_init(&t, ret->fingerprint, sizeof(ret->fingerprint));
	if (X509_digest(leaf, EVP_sha256(), digest, &len) == 1)
		for (unsigned int i = 0; i < len; i++)
			text_printf(&t, "%02x", digest[i]);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_EMAIL)
			add_name(ret, AUTH_CERTIFICATE_EMAIL, name->d.rfc822Name);
		else if (name->type == GEN_DNS)
			add_name(ret, AUTH_CERTIFICATE_DNS, name->d.dNSName);
	}
	GENERAL_NAMES_free(names);
	for (int i = -1; (i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0;)
		add_name(ret, AUTH_CERTIFICATE_CN,
			 X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
	return t.len == 64;
}

int
tls_proof_check(const struct tls_server *ts, const struct tls_proof *proof,
		struct auth_certificate *ret, const char **ret_reason)
{
	struct handshake h = { .at = proof->messages, .len = proof->len };
	const bool v13 = proof->signed_len > V13_SPACES && proof->signed_bytes[0] == ' ' &&
			 memcmp(proof->signed_bytes, proof->signed_bytes + 1, V13_SPACES - 1) == 0;
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *leaf = NULL;
	bool ok = false;

	ERR_clear_error();
	*ret_reason = "the messages are no handshake with two certificates";
	if (ts->clients && chain && take_apart(&h)) {
		leaf = read_certificates(&h, &h.certificate[1], v13, chain);
		if (leaf && !server_is_us(ts, &h, v13)) {
			*ret_reason = "the client shook hands with another server";
			X509_free(leaf);
			leaf = NULL;
		}
	}
	if (leaf) {
		EVP_PKEY *key = X509_get0_pubkey(leaf);

		*ret_reason = "the signatures do not fit this connection";
		ok = key && (v13 ? proves_v13(&h, proof, key) : proves_v12(&h, proof, key)) &&
		     authority_stands_behind(ts, leaf, chain, ret_reason) && identify(leaf, ret);
	}
	X509_free(leaf);
	sk_X509_pop_free(chain, X509_free);
	return ok ? 0 : -EACCES;
}
