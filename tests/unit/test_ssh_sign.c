/* SPDX-License-Identifier: ISC */
/*
 * test_ssh_sign.c - libssh serves with host keys whose private half is in another process: its
 * client sees the real key and believes the signature, and nothing is signed without that process.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <libssh/libssh.h>
#include <libssh/server.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "protocols/sftp/ssh_sign.h"
#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/sign_msg.h"

static const struct {
	const char *kind, *algorithm;
} kinds[] = {
	{ "ED25519", "ssh-ed25519" },
	{ "RSA", "rsa-sha2-512" },
	{ "EC", "ecdsa-sha2-nistp256" },
};
#define KINDS COUNT_OF(kinds)

static EVP_PKEY *keys[KINDS];
static ssh_key stand_ins[KINDS];
static pid_t signer;

static void
answer(int sock, struct buf *b)
{
	static uint8_t room[SIGN_MSG_MAX], signature[SIGN_SIGNATURE_MAX];
	size_t len = sizeof(signature), tbs_len;
	char digest[32];
	const uint8_t *tbs;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint32_t key;
	struct buf a;

	(void)buf_get_u8(b);
	key = buf_get_u32(b);
	buf_get_cstring(b, digest, sizeof(digest));
	(void)buf_get_u8(b);
	tbs = buf_get_string(b, &tbs_len);
	ipc_begin(&a, room, sizeof(room), SIGN_MSG_ANSWER, 0);
	if (key < KINDS &&
	    EVP_DigestSignInit_ex(ctx, NULL, digest[0] ? digest : NULL, NULL, NULL, keys[key],
				  NULL) == 1 &&
	    EVP_DigestSign(ctx, signature, &len, tbs, tbs_len) == 1) {
		buf_put_u32(&a, 0);
		buf_put_string(&a, signature, len);
	} else {
		buf_put_u32(&a, EACCES);
		buf_put_string(&a, NULL, 0);
	}
	EVP_MD_CTX_free(ctx);
	ignore_result(ipc_send(sock, &a, -1));
}

/* Another process that has the keys; it is forked before any stand-in is known. */
static void
start_signer(void)
{
	static uint8_t room[SIGN_MSG_MAX];
	struct buf b;
	uint16_t type;
	uint32_t id;
	int ends[2];

	assert_int_equal(ipc_pair(ends), 0);
	signer = fork();
	assert_true(signer >= 0);
	if (signer == 0) {
		close(ends[0]);
		while (ipc_recv(ends[1], 0, room, sizeof(room), &b, &type, &id, NULL) == 0)
			answer(ends[1], &b);
		_exit(0);
	}
	close(ends[1]);
	sign_use(ends[0]);
}

static int
make_keys(void **state)
{
	(void)state;
	keys[0] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	keys[1] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	keys[2] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	start_signer();
	for (uint32_t i = 0; i < KINDS; i++) {
		struct sign_key key = { .purpose = SIGN_SSH, .id = i, .index = i };
		unsigned char *at = key.spki;
		int len = i2d_PUBKEY(keys[i], NULL);

		assert_true(len > 0 && len <= SIGN_PUBLIC_MAX);
		key.spki_len = (size_t)i2d_PUBKEY(keys[i], &at);
		assert_int_equal(ssh_sign_stand_in(&key, &stand_ins[i]), 0);
	}
	return 0;
}

static int
free_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++)
		EVP_PKEY_free(keys[i]);
	kill(signer, SIGKILL);
	return waitpid(signer, NULL, 0) == signer ? 0 : -1;
}

struct pair {
	ssh_bind bind;
	ssh_session server, client;
};

static void
open_pair(struct pair *p, size_t kind)
{
	const bool no = false;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	p->bind = ssh_bind_new();
	p->server = ssh_new();
	p->client = ssh_new();
	assert_int_equal(ssh_bind_options_set(p->bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no), 0);
	assert_int_equal(ssh_bind_options_set(p->bind, SSH_BIND_OPTIONS_IMPORT_KEY,
					      ssh_key_dup(stand_ins[kind])),
			 0);
	ssh_set_blocking(p->server, 0);
	assert_int_equal(ssh_bind_accept_fd(p->bind, p->server, ends[0]), SSH_OK);
	assert_int_equal(ssh_options_set(p->client, SSH_OPTIONS_PROCESS_CONFIG, &no), 0);
	assert_int_equal(ssh_options_set(p->client, SSH_OPTIONS_HOST, "test"), 0);
	assert_int_equal(ssh_options_set(p->client, SSH_OPTIONS_USER, "test"), 0);
	assert_int_equal(ssh_options_set(p->client, SSH_OPTIONS_KNOWNHOSTS, "/dev/null"), 0);
	assert_int_equal(ssh_options_set(p->client, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null"), 0);
	assert_int_equal(ssh_options_set(p->client, SSH_OPTIONS_HOSTKEYS, kinds[kind].algorithm),
			 0);
	assert_int_equal(ssh_options_set(p->client, SSH_OPTIONS_FD, &ends[1]), 0);
	ssh_set_blocking(p->client, 0);
}

static void
close_pair(struct pair *p)
{
	ssh_free(p->client);
	ssh_free(p->server);
	ssh_bind_free(p->bind);
}

/* Returns SSH_OK when both ends have keys, SSH_ERROR when one gave up. */
static int
shake_hands(struct pair *p)
{
	uint64_t deadline = clock_after(10000);
	int client = SSH_AGAIN, server = SSH_AGAIN;

	while (clock_ms() < deadline) {
		if (client == SSH_AGAIN)
			client = ssh_connect(p->client);
		if (server == SSH_AGAIN)
			server = ssh_handle_key_exchange(p->server);
		if (client == SSH_ERROR || server == SSH_ERROR)
			return SSH_ERROR;
		if (client == SSH_OK && server == SSH_OK)
			return SSH_OK;
		(void)poll(NULL, 0, 1);
	}
	return SSH_AGAIN;
}

/* The blob that the client saw ends with the real key's public bytes. */
static void
assert_real_key(ssh_session client, EVP_PKEY *key)
{
	unsigned char *spki = NULL, seen[2048];
	int len = i2d_PUBKEY(key, &spki), n;
	ssh_key host;
	char *text;

	assert_int_equal(ssh_get_server_publickey(client, &host), SSH_OK);
	assert_int_equal(ssh_pki_export_pubkey_base64(host, &text), SSH_OK);
	n = EVP_DecodeBlock(seen, (unsigned char *)text, (int)strlen(text));
	for (const char *end = text + strlen(text); end > text && end[-1] == '='; end--)
		n--;
	if (EVP_PKEY_is_a(key, "RSA")) /* e stands in front of n here, and behind it there */
		assert_non_null(memmem(seen, (size_t)n, spki + len - 5 - 256, 256));
	else
		assert_memory_equal(seen + n - 32, spki + len - 32, 32);
	ssh_string_free_char(text);
	ssh_key_free(host);
	OPENSSL_free(spki);
}

static void
test_clients_see_the_real_key_and_believe_its_signature(void **state)
{
	(void)state;
	assert_true(ssh_sign_is_remote());
	for (size_t i = 0; i < KINDS; i++) {
		struct pair p;

		open_pair(&p, i);
		assert_int_equal(shake_hands(&p), SSH_OK);
		assert_real_key(p.client, keys[i]);
		close_pair(&p);
	}
}

static void
test_other_keys_are_signed_with_as_ever(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[64], taken[SSH_SIGN_SIGNATURE_MAX];
	size_t len = sizeof(signature);

	(void)state;
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)"abc", 3), 1);
	EVP_MD_CTX_free(ctx);
	ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestVerify(ctx, signature, len, (const uint8_t *)"abc", 3), 1);
	/* What was verified can be taken, once; of another kind or when it was wrong, never. */
	assert_int_equal(ssh_sign_take_verified(SSH_KEYTYPE_ED25519, taken), 64);
	assert_memory_equal(taken, signature, 64);
	assert_int_equal(ssh_sign_take_verified(SSH_KEYTYPE_ED25519, taken), 0);
	EVP_MD_CTX_free(ctx);
	ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestVerify(ctx, signature, len, (const uint8_t *)"abd", 3), 0);
	assert_int_equal(ssh_sign_take_verified(SSH_KEYTYPE_ED25519, taken), 0);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
}

static void
test_without_signer_there_is_no_handshake(void **state)
{
	int ends[2];
	struct pair p;

	(void)state;
	assert_int_equal(ipc_pair(ends), 0);
	close(ends[1]);
	sign_use(ends[0]);
	for (size_t i = 0; i < KINDS; i++) {
		open_pair(&p, i);
		assert_int_equal(shake_hands(&p), SSH_ERROR);
		close_pair(&p);
	}
	close(ends[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients_see_the_real_key_and_believe_its_signature),
		cmocka_unit_test(test_other_keys_are_signed_with_as_ever),
		cmocka_unit_test(test_without_signer_there_is_no_handshake),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
