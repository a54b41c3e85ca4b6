/* SPDX-License-Identifier: ISC */
/*
 * signer.c - holds the private keys of TLS and SSH and signs with them.
 * Distrusts: monitors, in what they pass on from wire; a request that is not of a shape is refused
 * and its socket closed. Must not: decrypt, sign raw numbers, or give anything but signatures.
 */
#include "server/conns.h"
#include "server/signer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/process.h"
#include "server/sign_msg.h"
#include "server/signer_keys.h"

/* How long listener waits for the keys to be read. */
#define HELLO_MS 20000
/* OpenSSL keeps private numbers in a heap of its own, locked and apart. */
#define SECURE_HEAP_BYTES (256 * 1024)

struct held {
	enum sign_purpose purpose;
	uint32_t index;
	EVP_PKEY *key;
};

static struct {
	struct held held[SIGN_KEYS_MAX];
	size_t count;
	struct pollfd *polls; /* [0] is control */
	size_t clients, clients_max;
	char complaint[512];
} us;

/* ---- loading ---- */

static int
hold(enum sign_purpose purpose, size_t index, const char *file)
{
	EVP_PKEY *key = NULL;
	struct text t;
	int err;

	text_init(&t, us.complaint, sizeof(us.complaint));
	if (us.count == SIGN_KEYS_MAX) {
		text_printf(&t, "%s: there are more than %d keys", file, SIGN_KEYS_MAX);
		return -E2BIG;
	}
	err = signer_key_read(file, &key);
	if (err < 0) {
		text_printf(&t, "%s: %s", file,
			    err == -EINVAL
				? "not a private key that we know, or one with a passphrase"
				: strerror(-err));
		return err;
	}
	us.held[us.count++] = (struct held) { purpose, (uint32_t)index, key };
	return 0;
}

static int
hold_all(const struct conf *conf)
{
	int err = 0;

	for (size_t i = 0; i < conf->tls.certificate_count && err == 0; i++)
		err = hold(SIGN_TLS, i, conf->tls.certificates[i].key);
	for (size_t i = 0; i < conf->sftp.host_keys.count && err == 0; i++)
		err = hold(SIGN_SSH, i, conf->sftp.host_keys.at[i]);
	return err;
}

static void
say_hello(int control, int err)
{
	static uint8_t room[IPC_MESSAGE_MAX];
	struct buf b;

	ipc_begin(&b, room, sizeof(room), SIGN_MSG_KEYS, 0);
	buf_put_u32(&b, (uint32_t)-err);
	buf_put_cstring(&b, us.complaint);
	buf_put_u32(&b, err ? 0 : (uint32_t)us.count);
	for (size_t i = 0; i < us.count && !err; i++) {
		unsigned char *spki = NULL;
		int len = i2d_PUBKEY(us.held[i].key, &spki);

		if (len <= 0 || len > SIGN_PUBLIC_MAX)
			die("a key has no public half");
		buf_put_u8(&b, (uint8_t)us.held[i].purpose);
		buf_put_u32(&b, us.held[i].index);
		buf_put_string(&b, spki, (size_t)len);
		OPENSSL_free(spki);
	}
	if (ipc_send(control, &b, -1) < 0)
		_exit(0); /* nobody wants us any more */
}

/* ---- signing ---- */

static bool
set_padding(EVP_PKEY_CTX *ctx, enum sign_padding padding)
{
	switch (padding) {
	case SIGN_PAD_PKCS1:
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
	case SIGN_PAD_PSS:
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
	default:
		return true;
	}
}

/* Digests that a handshake may name. */
static bool
digest_ok(EVP_PKEY *key, const char *digest)
{
	if (EVP_PKEY_is_a(key, "ED25519"))
		return digest[0] == '\0';
	return strcmp(digest, "SHA256") == 0 || strcmp(digest, "SHA384") == 0 ||
	       strcmp(digest, "SHA512") == 0;
}

static int
sign(const struct sign_request *r, uint8_t *signature, size_t *len)
{
	const struct held *h = r->key < us.count ? &us.held[r->key] : NULL;
	EVP_PKEY_CTX *key_ctx = NULL;
	EVP_MD_CTX *ctx;
	bool rsa, ok;

	if (!h || h->purpose != r->purpose || !digest_ok(h->key, r->digest) ||
	    !sign_shape_ok(r->purpose, r->tbs, r->tbs_len))
		return -EACCES;
	rsa = EVP_PKEY_is_a(h->key, "RSA");
	if (rsa != (r->padding != SIGN_PAD_NONE))
		return -EACCES;
	ctx = EVP_MD_CTX_new();
	ok = ctx &&
	     EVP_DigestSignInit_ex(ctx, &key_ctx, r->digest[0] ? r->digest : NULL, NULL, NULL,
				   h->key, NULL) > 0 &&
	     set_padding(key_ctx, r->padding) &&
	     EVP_DigestSign(ctx, signature, len, r->tbs, r->tbs_len) > 0;
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

/* Returns 0, or -errno when this client is done for. */
static int
serve(int sock)
{
	static uint8_t room[SIGN_MSG_MAX], signature[SIGN_SIGNATURE_MAX];
	struct sign_request r = { 0 };
	size_t len = sizeof(signature);
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err;

	err = ipc_recv(sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);
	if (err < 0)
		return err == -EAGAIN ? 0 : err;
	r.purpose = (enum sign_purpose)buf_get_u8(&b);
	r.key = buf_get_u32(&b);
	buf_get_cstring(&b, r.digest, sizeof(r.digest));
	r.padding = (enum sign_padding)buf_get_u8(&b);
	r.tbs = buf_get_string(&b, &r.tbs_len);
	if (type != SIGN_MSG_REQUEST || buf_done(&b) < 0)
		return -EBADMSG;
	err = sign(&r, signature, &len);
	if (err == -EACCES) {
		log_error("sign-refused", "purpose=%d key=%u bytes=%zu", r.purpose, r.key,
			  r.tbs_len);
		return err;
	}
	ipc_begin(&b, room, sizeof(room), SIGN_MSG_ANSWER, id);
	buf_put_u32(&b, (uint32_t)-err);
	buf_put_string(&b, signature, err ? 0 : len);
	return ipc_send_now(sock, &b, -1);
}

static void
take_client(void)
{
	uint8_t room[64];
	struct buf b;
	uint16_t type;
	uint32_t id;
	int fd = -1;
	int err;

	err = ipc_recv(us.polls[0].fd, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, &fd);
	if (err == -EAGAIN)
		return;
	if (err < 0 || type != SIGN_MSG_CLIENT || fd < 0) {
		fd_close(&us.polls[0].fd); /* poll(2) passes over -1 */
		return;
	}
	if (us.clients == us.clients_max) {
		fd_close(&fd);
		return;
	}
	us.polls[++us.clients] = (struct pollfd) { .fd = fd, .events = POLLIN };
}

NORETURN static void
serve_all(void)
{
	while (us.polls[0].fd >= 0 || us.clients > 0) {
		size_t n = us.clients;

		if (poll(us.polls, n + 1, -1) < 0) {
			if (errno == EINTR)
				continue;
			die("poll: %s", strerror(errno));
		}
		/* Backwards, so that the last may take the place of one that is gone. */
		for (size_t i = n; i > 0; i--) {
			if (!us.polls[i].revents || serve(us.polls[i].fd) == 0)
				continue;
			fd_close(&us.polls[i].fd);
			us.polls[i] = us.polls[us.clients--];
		}
		if (us.polls[0].revents)
			take_client();
	}
	_exit(0);
}

void
signer_run(const struct conf *conf, const struct sandbox_ids *ids, int control)
{
	int err;

	process_name("signer", "coffer-signer", "%s", "");
	process_stdio();
	/* ^C and a stop are the listener's; this process ends when its sockets do. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	sandbox_signer_memory();
	if (CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, 64) == 0)
		log_warn("secure-heap", "result=none");
	err = hold_all(conf);
	say_hello(control, err);
	if (err < 0)
		_exit(1);
	us.clients_max = conf->limits.sessions + conf->limits.waiting + CONNS_ENDING;
	us.polls = mem_new(us.clients_max + 1, sizeof(*us.polls));
	us.polls[0] = (struct pollfd) { .fd = control, .events = POLLIN };
	sandbox_signer(conf, ids);
	serve_all();
}

/* ---- the other end ---- */

int
signer_hello(int control, conf_complain_fn *complain, void *ctx, struct sign_keys *ret_keys)
{
	static uint8_t room[IPC_MESSAGE_MAX];
	struct pollfd wait = { .fd = control, .events = POLLIN };
	struct conf_place nowhere = { 0 };
	struct sign_keys keys = { 0 };
	char complaint[512];
	struct buf b;
	uint16_t type;
	uint32_t id, err;

	if (poll(&wait, 1, HELLO_MS) <= 0 ||
	    ipc_recv(control, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL) < 0) {
		complain(ctx, &nowhere, "the signer process did not start");
		return -EPIPE;
	}
	err = buf_get_u32(&b);
	buf_get_cstring(&b, complaint, sizeof(complaint));
	if (err) {
		complain(ctx, &nowhere, complaint);
		return -EINVAL;
	}
	keys.count = buf_get_u32(&b);
	if (type != SIGN_MSG_KEYS || keys.count > SIGN_KEYS_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < keys.count; i++) {
		struct sign_key *k = &keys.at[i];
		const uint8_t *spki;

		k->id = i;
		k->purpose = (enum sign_purpose)buf_get_u8(&b);
		k->index = buf_get_u32(&b);
		spki = buf_get_string(&b, &k->spki_len);
		if (!spki || k->spki_len > sizeof(k->spki))
			return -EINVAL;
		memcpy(k->spki, spki, k->spki_len);
	}
	if (buf_done(&b) < 0)
		return -EINVAL;
	*ret_keys = keys;
	return 0;
}

int
signer_connect(int control, int *ret_sock)
{
	uint8_t room[16];
	int ends[2], err;
	struct buf b;

	err = ipc_pair(ends);
	if (err < 0)
		return err;
	ipc_begin(&b, room, sizeof(room), SIGN_MSG_CLIENT, 0);
	err = ipc_send_now(control, &b, ends[1]);
	fd_close(&ends[1]);
	if (err < 0) {
		fd_close(&ends[0]);
		return err;
	}
	*ret_sock = ends[0];
	return 0;
}
