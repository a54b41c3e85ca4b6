/* SPDX-License-Identifier: ISC */
/*
 * ssh_setup.c - which algorithms are offered, and every option that libssh is given.
 * Owns: struct ssh_server. Must not: leave a list to libssh's defaults, which change with its
 * version, or let it read a configuration file.
 *
 * Policy `modern` is what ssh-audit finds nothing to say about: no NIST curves, no MAC over clear
 * text. Names that the installed libssh does not know (post-quantum key exchange before 0.12) are
 * dropped by it when the list is set.
 */
#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/sftp/ssh_keys.h"
#include "protocols/sftp/ssh_quirk.h"
#include "protocols/sftp/ssh_sign.h"
#include "protocols/sftp/ssh_local.h"
#include "protocols/sftp/ssh_selftest.h"
#include "protocols/sftp/ssh_shim.h"
#include "server/base/text.h"

/* RFC 4253, 4.2 wants a name here. It is no product's. */
#define VERSION_NAME "SFTP"
/* A version string has 255 bytes at most (RFC 4253, 4.2). */
#define VERSION_MAX 255

#define KEX_QUANTUM \
	"mlkem768x25519-sha256,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,"
#define KEX_MODERN                                                                      \
	KEX_QUANTUM                                                                     \
	"curve25519-sha256,curve25519-sha256@libssh.org,diffie-hellman-group16-sha512," \
	"diffie-hellman-group18-sha512"
#define KEX_COMPATIBLE \
	KEX_MODERN ",ecdh-sha2-nistp256,ecdh-sha2-nistp384,diffie-hellman-group14-sha256"
#define MACS_MODERN "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com"
#define MACS_COMPATIBLE MACS_MODERN ",hmac-sha2-256,hmac-sha2-512"
#define HOST_MODERN "ssh-ed25519,rsa-sha2-512,rsa-sha2-256"
#define HOST_ECDSA "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"
/* Also the server-sig-algs that are sent (RFC 8308): no certificates, no SHA-1. */
#define USER_KEYS                                                                         \
	"ssh-ed25519,sk-ssh-ed25519@openssh.com,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384," \
	"ecdsa-sha2-nistp521,sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256"

struct ssh_server {
	const struct conf *conf;
	ssh_bind bind;
	bool remote;		/* the host keys are signer's, */
	unsigned int stand_ins; /* and this is the set of those that stand in for them */
};

static const char *const ciphers[] = {
	"aes256-gcm@openssh.com",
	"aes128-gcm@openssh.com",
	"chacha20-poly1305@openssh.com",
	"aes256-ctr",
	"aes192-ctr",
	"aes128-ctr",
};

/*
 * Puts those ciphers together in which the installed libssh notices a forged byte. AES-CTR is tried
 * with both kinds of MAC; for the others libssh ignores which MAC is named. Done once in a process:
 * a reload changes nothing about libssh.
 */
static const char *
tested_ciphers(void)
{
	static char list[192];
	struct text t;

	if (list[0])
		return list;
	text_init(&t, list, sizeof(list));
	for (size_t i = 0; i < COUNT_OF(ciphers); i++) {
		if (!ssh_selftest(ciphers[i], "hmac-sha2-256-etm@openssh.com") ||
		    (i == 3 && !ssh_selftest(ciphers[i], "hmac-sha2-256")))
			continue;
		if (t.len > 0)
			text_putc(&t, ',');
		text_puts(&t, ciphers[i]);
	}
	return list;
}

static const char *
host_algorithms(const struct conf *conf, unsigned int kinds)
{
	if (conf->sftp.policy == CONF_POLICY_COMPATIBLE)
		return HOST_MODERN "," HOST_ECDSA;
	/* An administrator who has ECDSA and nothing else wants it served. */
	return kinds & (SSH_KEYS_ED25519 | SSH_KEYS_RSA) ? HOST_MODERN : HOST_ECDSA;
}

static int
set_lists(ssh_bind bind, const struct conf *conf, unsigned int kinds)
{
	bool modern = conf->sftp.policy == CONF_POLICY_MODERN;
	const char *kex = modern ? KEX_MODERN : KEX_COMPATIBLE;
	const char *macs = modern ? MACS_MODERN : MACS_COMPATIBLE;
	const struct {
		enum ssh_bind_options_e option;
		const char *value;
	} lists[] = {
		{ SSH_BIND_OPTIONS_BANNER, VERSION_NAME },
		{ SSH_BIND_OPTIONS_KEY_EXCHANGE, kex },
		{ SSH_BIND_OPTIONS_CIPHERS_C_S, tested_ciphers() },
		{ SSH_BIND_OPTIONS_CIPHERS_S_C, tested_ciphers() },
		{ SSH_BIND_OPTIONS_HMAC_C_S, macs },
		{ SSH_BIND_OPTIONS_HMAC_S_C, macs },
		{ SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, host_algorithms(conf, kinds) },
		{ SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, USER_KEYS },
	};

	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		if (ssh_bind_options_set(bind, lists[i].option, lists[i].value) < 0)
			return -EINVAL;
	}
	return 0;
}

int
ssh_server_new(const struct conf *conf, conf_complain_fn *complain, void *ctx,
	       struct ssh_server **ret_server)
{
	return ssh_server_new_remote(conf, NULL, complain, ctx, ret_server);
}

int
ssh_server_new_remote(const struct conf *conf, const struct sign_keys *keys,
		      conf_complain_fn *complain, void *ctx, struct ssh_server **ret_server)
{
	const struct conf_place place = { .file = conf->file };
	const bool process_config = false;
	const int rsa_min = SSH_KEYS_RSA_MIN;
	struct ssh_server *server;
	unsigned int kinds;
	uint8_t warm[16];
	int err;

	/*
	 * The first random bytes read OpenSSL's configuration: here, where there still are files.
	 */
	if (ssh_init() != SSH_OK || RAND_bytes(warm, sizeof(warm)) != 1) {
		complain(ctx, &place, "libssh or OpenSSL cannot be started");
		return -EINVAL;
	}
	server = mem_new(1, sizeof(*server));
	server->conf = conf;
	server->remote = keys != NULL;
	if (server->remote)
		server->stand_ins = ssh_sign_begin();
	server->bind = ssh_bind_new();
	if (!server->bind ||
	    ssh_bind_options_set(server->bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &process_config) <
		0 ||
	    ssh_bind_options_set(server->bind, SSH_BIND_OPTIONS_RSA_MIN_SIZE, &rsa_min) < 0) {
		complain(ctx, &place, "this libssh refuses its options: 0.10 or later is needed");
		goto fail;
	}
	err = keys ? ssh_keys_load_remote(conf, keys, server->bind, complain, ctx, &kinds)
		   : ssh_keys_load(conf, server->bind, complain, ctx, &kinds);
	if (err < 0)
		goto fail;
	if (set_lists(server->bind, conf, kinds) < 0) {
		complain(ctx, &place,
			 "this libssh has none of the algorithms of sftp.policy in order");
		goto fail;
	}
	*ret_server = server;
	return 0;
fail:
	ssh_server_free(server);
	return -EINVAL;
}

void
ssh_server_free(struct ssh_server *server)
{
	if (!server)
		return;
	if (server->bind)
		ssh_bind_free(server->bind);
	if (server->remote)
		ssh_sign_end(server->stand_ins);
	free(server);
}

int
ssh_setup_session(const struct ssh_server *server, struct session *s, ssh_session ssh)
{
	const uint64_t rekey_bytes = s->conf->sftp.rekey_bytes;
	uint64_t seconds = s->conf->sftp.rekey_ms / 1000;
	uint32_t rekey_s = seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;

	ssh_set_blocking(ssh, 0);
	/* "no" would still offer zlib; per direction it is really off (measured with 0.10.6). */
	if (ssh_options_set(ssh, SSH_OPTIONS_COMPRESSION_C_S, "none") < 0 ||
	    ssh_options_set(ssh, SSH_OPTIONS_COMPRESSION_S_C, "none") < 0)
		return -EINVAL;
	if (rekey_bytes > 0 && ssh_options_set(ssh, SSH_OPTIONS_REKEY_DATA, &rekey_bytes) < 0)
		return -EINVAL;
	if (rekey_s > 0 && ssh_options_set(ssh, SSH_OPTIONS_REKEY_TIME, &rekey_s) < 0)
		return -EINVAL;
	return ssh_bind_accept_fd(server->bind, ssh, s->client_fd) == SSH_OK ? 0 : -EINVAL;
}

/*
 * What a client of this name cannot do without. Its name is part of the hash that the server signs
 * (RFC 4253, section 8): nobody on the way can put it there for another one.
 */
static void
offer_more(ssh_session ssh, unsigned int quirks)
{
	static const struct {
		unsigned int quirk;
		enum ssh_options_e option;
		const char *list;
	} more[] = {
		{ SSH_QUIRK_PLAIN_MACS, SSH_OPTIONS_HMAC_C_S, MACS_COMPATIBLE },
		{ SSH_QUIRK_PLAIN_MACS, SSH_OPTIONS_HMAC_S_C, MACS_COMPATIBLE },
		{ SSH_QUIRK_OLD_KEX, SSH_OPTIONS_KEY_EXCHANGE, KEX_COMPATIBLE },
		{ SSH_QUIRK_ECDSA_HOST, SSH_OPTIONS_HOSTKEYS, HOST_MODERN "," HOST_ECDSA },
	};

	if (!quirks)
		return;
	/* On failure the client meets the list as it was, and says that nothing fits. */
	for (size_t i = 0; i < COUNT_OF(more); i++)
		if (quirks & more[i].quirk)
			(void)ssh_options_set(ssh, more[i].option, more[i].list);
	(void)ssh_server_init_kex(ssh);
}

bool
ssh_setup_for_client(struct ssh_wire *w)
{
	unsigned int quirks;
	const uint8_t *at;
	bool end;
	size_t len = ssh_shim_peek(&at, &end);
	const uint8_t *line_end = len > 0 ? memchr(at, '\n', len) : NULL;

	if (!end && len < VERSION_MAX && !line_end)
		return false;
	if (line_end)
		len = (size_t)(line_end - at);
	quirks = ssh_quirks(at, len);
	w->link_first = (quirks & SSH_QUIRK_LINK_FIRST) != 0;
	if (quirks & SSH_QUIRK_TALKS_ON)
		ssh_rekey_take_over(w);
	if (w->server->conf->sftp.policy == CONF_POLICY_MODERN)
		offer_more(w->ssh,
			   quirks & ~(unsigned int)(SSH_QUIRK_TALKS_ON | SSH_QUIRK_LINK_FIRST));
	return true;
}
