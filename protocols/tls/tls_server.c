/* SPDX-License-Identifier: ISC */
/*
 * tls_server.c - the policy: versions, ciphers, groups, tickets, ALPN. Made in the listener; wire
 * adds its own ticket keys. Must not: know what is spoken inside.
 *
 * There is no way to a weaker policy than this one: no setting turns on what is left out here.
 */
#include "protocols/tls/tls_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "server/base/text.h"

/*
 * AES-128 first, since it is the cheapest and nothing is known that would make AES-256 safer over a
 * wire; a client without AES in hardware says so by its order and gets ChaCha20.
 */
#define CIPHERS_13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define CIPHERS_12                                                   \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define GROUPS_MODERN "X25519:P-256:P-384"
#define GROUPS_COMPATIBLE "X25519:P-256:P-384:P-521"
/*
 * What is recorded today cannot be read by tomorrow's quantum computers. OpenSSL has it from 3.5
 * on. No client is asked for a second hello over it: of the groups that it sent a share of, the
 * first of our list is taken.
 */
#define GROUPS_QUANTUM "X25519MLKEM768:"
#define SIGNATURES                                                                      \
	"ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:RSA-PSS+SHA256:RSA-PSS+SHA384:" \
	"RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512"

/*
 * A session can be resumed as long as RFC 8446 lets a ticket live. Its keys die with the process,
 * so a transfer after a long night does not fail over an expired ticket, and nothing is lost by it.
 */
#define SESSION_SECONDS (7L * 24 * 3600)
/*
 * TLS 1.2 clients without tickets resume by session id: the control connection's, and few others.
 */
#define SESSION_CACHE 8

/* Record heads and tags of TLS_BATCH, and a record more. */
#define DATA_OUT_SIZE (TLS_BATCH + 2 * TLS_RECORD_MAX)

static bool
alpn_has(const unsigned char *list, unsigned int len, const char *name)
{
	size_t name_len = strlen(name);

	for (unsigned int at = 0; at < len; at += 1u + list[at])
		if (list[at] == name_len && at + 1 + name_len <= len &&
		    memcmp(list + at + 1, name, name_len) == 0)
			return true;
	return false;
}

/*
 * A client that asks for other protocols only is somebody whose bytes were sent astray (ALPACA): it
 * gets no_application_protocol. Data connections of some clients call themselves ftp-data.
 */
static int
choose_protocol(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_len,
		const unsigned char *list, unsigned int len, void *arg)
{
	static const unsigned char ftp[] = "ftp", ftp_data[] = "ftp-data";
	const struct tls_conn *c = SSL_get_app_data(ssl);

	(void)arg;
	if (c && c->kind != TLS_CONTROL && alpn_has(list, len, "ftp-data")) {
		*ret_name = ftp_data;
		*ret_len = sizeof(ftp_data) - 1;
		return SSL_TLSEXT_ERR_OK;
	}
	if (!alpn_has(list, len, "ftp"))
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret_name = ftp;
	*ret_len = sizeof(ftp) - 1;
	return SSL_TLSEXT_ERR_OK;
}

/* OpenSSL 3.2 has them; an older one does not look at these bits. */
#ifndef SSL_OP_NO_TX_CERTIFICATE_COMPRESSION
#define SSL_OP_NO_TX_CERTIFICATE_COMPRESSION ((uint64_t)1 << 32)
#define SSL_OP_NO_RX_CERTIFICATE_COMPRESSION ((uint64_t)1 << 33)
#endif

static bool
set_groups(SSL_CTX *ctx, bool modern)
{
	if (SSL_CTX_set1_groups_list(ctx, modern ? GROUPS_QUANTUM GROUPS_MODERN
						 : GROUPS_QUANTUM GROUPS_COMPATIBLE) == 1)
		return true;
	ERR_clear_error(); /* an older OpenSSL takes no list with a name that it does not know */
	return SSL_CTX_set1_groups_list(ctx, modern ? GROUPS_MODERN : GROUPS_COMPATIBLE) == 1;
}

/* Each of these must hold; none is a matter of taste. */
static bool
set_policy(SSL_CTX *ctx, const struct conf *conf)
{
	const bool modern = conf->tls.policy == CONF_POLICY_MODERN;
	const int oldest =
	    conf->tls.minimum_version == CONF_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;

	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	/*
	 * Nobody unpacks what a stranger packed (RFC 8879), and tls_proof.c reads messages as they
	 * are.
	 */
	SSL_CTX_set_options(ctx, SSL_OP_NO_TX_CERTIFICATE_COMPRESSION |
				     SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_AUTO_CLEAR);
	SSL_CTX_sess_set_cache_size(ctx, SESSION_CACHE);
	SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	SSL_CTX_set_msg_callback(ctx, tls_conn_watch);
	SSL_CTX_set_client_hello_cb(ctx, tls_ja3_hello, NULL);
	/*
	 * Early data could be replayed by anybody who saw it. What comes all the same, 16 KiB at
	 * most, is passed over without being read (RFC 8446, section 4.2.10).
	 */
	return SSL_CTX_set_max_early_data(ctx, 0) == 1 && SSL_CTX_set_num_tickets(ctx, 1) == 1 &&
	       tls_ticket_prepare(ctx) && SSL_CTX_set_min_proto_version(ctx, oldest) == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, CIPHERS_13) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, CIPHERS_12) == 1 && set_groups(ctx, modern) &&
	       SSL_CTX_set1_sigalgs_list(ctx, SIGNATURES) == 1 &&
	       SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"warm", 4) == 1;
}

static bool
needs_tls(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listener_count; i++)
		if (conf->listeners[i].protocol != CONF_SFTP)
			return true;
	return false;
}

static const struct sign_key *
find_key(const struct sign_keys *keys, size_t index)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->at[i].purpose == SIGN_TLS && keys->at[i].index == index)
			return &keys->at[i];
	return NULL;
}

/* One certificate of each kind of key for those who name no name: the first of its kind. */
static bool
is_default(const struct tls_server *ts, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (EVP_PKEY_get_base_id(ts->pairs[i].key) ==
		    EVP_PKEY_get_base_id(ts->pairs[index].key))
			return false;
	return true;
}

/* Has it a name that none of the same kind above it has? Else nobody would ever see it. */
static bool
adds_a_name(const struct tls_server *ts, size_t index)
{
	struct tls_server above = { .pairs = mem_new(index, sizeof(*above.pairs)) };
	struct tls_server one = { .pairs = &ts->pairs[index], .pair_count = 1 };
	char lost[256];
	bool adds;

	for (size_t i = 0; i < index; i++)
		if (EVP_PKEY_get_base_id(ts->pairs[i].key) ==
		    EVP_PKEY_get_base_id(ts->pairs[index].key))
			above.pairs[above.pair_count++] = ts->pairs[i];
	adds = !tls_server_keeps_names(&one, &above, lost, sizeof(lost));
	free(above.pairs);
	return adds;
}

/* Puts the defaults into ctx, and looks for those that are of no use. */
static bool
is_useful(struct tls_server *ts, conf_complain_fn *complain, void *ctx)
{
	bool good = true;

	for (size_t i = 0; i < ts->pair_count; i++) {
		const struct tls_pair *pair = &ts->pairs[i];
		const char *what = NULL;
		char room[1024];
		struct text t;

		if (is_default(ts, i)) {
			if (SSL_CTX_use_cert_and_key(ts->ctx, pair->leaf, pair->key, pair->chain,
						     1) != 1)
				what = "OpenSSL does not take it";
		} else if (!adds_a_name(ts, i)) {
			what = "a certificate with the same kind of key and all its names stands "
			       "above, so nobody would see it; one ECDSA and one RSA key can be "
			       "used side by side";
		}
		if (!what)
			continue;
		text_init(&t, room, sizeof(room));
		text_printf(&t, "%s: %s", pair->file, what);
		complain(ctx, &pair->place, room);
		good = false;
	}
	return good;
}

static int
fill(struct tls_server *ts, const struct conf *conf, const struct sign_keys *keys,
     conf_complain_fn *complain, void *ctx)
{
	static const struct conf_place nowhere;
	int err = 0;

	if (conf->tls.certificate_count == 0) {
		complain(ctx, &nowhere,
			 "tls: an FTPS listener needs a certificate, and "
			 "tls.certificates names none");
		return -EINVAL;
	}
	ts->ctx = SSL_CTX_new(TLS_server_method());
	ts->method = tls_bio_method();
	if (!ts->ctx || !ts->method || !set_policy(ts->ctx, conf)) {
		complain(ctx, &nowhere,
			 "tls: OpenSSL does not accept our settings; "
			 "version 3.0 or later is needed");
		return -EINVAL;
	}
	ts->pairs = mem_new(conf->tls.certificate_count, sizeof(*ts->pairs));
	for (size_t i = 0; i < conf->tls.certificate_count; i++) {
		if (tls_key_load(&conf->tls.certificates[i], keys ? find_key(keys, i) : NULL,
				 complain, ctx, &ts->pairs[ts->pair_count]) < 0)
			err = -EINVAL;
		else
			ts->pair_count++;
	}
	if (err == 0 && !is_useful(ts, complain, ctx))
		err = -EINVAL;
	if (err < 0 || tls_client_load(ts, conf, complain, ctx) < 0)
		return -EINVAL;
	ts->refuse_names = conf->tls.unknown_names == CONF_NAMES_REFUSE;
	SSL_CTX_set_cert_cb(ts->ctx, tls_name_choose, ts);
	SSL_CTX_set_tlsext_servername_callback(ts->ctx, tls_name_check);
	SSL_CTX_set_tlsext_servername_arg(ts->ctx, ts);
	return tls_warm(ts, complain, ctx);
}

int
tls_server_new(const struct conf *conf, conf_complain_fn *complain, void *ctx,
	       struct tls_server **ret_server)
{
	return tls_server_new_remote(conf, NULL, complain, ctx, ret_server);
}

int
tls_server_new_remote(const struct conf *conf, const struct sign_keys *keys,
		      conf_complain_fn *complain, void *ctx, struct tls_server **ret_server)
{
	struct tls_server *ts = mem_new(1, sizeof(*ts));
	int err = needs_tls(conf) ? fill(ts, conf, keys, complain, ctx) : 0;

	if (err < 0) {
		tls_server_free(ts);
		return err;
	}
	*ret_server = ts;
	return 0;
}

void
tls_server_free(struct tls_server *ts)
{
	if (!ts)
		return;
	SSL_CTX_free(ts->ctx);
	BIO_meth_free(ts->method);
	for (size_t i = 0; i < ts->pair_count; i++)
		tls_key_clear(&ts->pairs[i]);
	free(ts->pairs);
	X509_STORE_free(ts->clients);
	free(ts->data_out);
	free(ts);
}

void
tls_server_make_room(struct tls_server *ts)
{
	if (ts->data_out)
		return;
	/* Not zeroed: its pages are touched when the first download needs them. */
	ts->data_out = malloc(DATA_OUT_SIZE);
	ts->data_out_size = ts->data_out ? DATA_OUT_SIZE : 0;
}
