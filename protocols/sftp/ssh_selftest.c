/* SPDX-License-Identifier: ISC */
/*
 * ssh_selftest.c - does the installed libssh notice a forged byte? (ledger SS01)
 * Versions of it did not: with AES-GCM a flipped bit was stored in the file, and the login was as
 * forgeable. So before a cipher is offered, one connection to ourselves is made with it, inside
 * this process, and the last byte of the first encrypted packet is changed on the way.
 */
#include "protocols/sftp/ssh_selftest.h"

#include <errno.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/base/text.h"

/* Longer than any machine needs for one key exchange with itself. */
#define TEST_MS 10000

/* client - ends[0] = ends[1] - relay - ends[2] = ends[3] - server */
struct test {
	int ends[4];
	ssh_bind bind;
	ssh_session client, server;
	bool connected; /* both have keys */
	bool forge;	/* the next bytes of the client */
};

static int
open_ends(struct test *t)
{
	for (int i = 0; i < 4; i++)
		t->ends[i] = -1;
	for (int i = 0; i < 4; i += 2) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			       t->ends + i) < 0)
			return -errno;
	}
	return 0;
}

static int
set_server(struct test *t, ssh_key key, const char *cipher, const char *mac)
{
	const bool no = false;

	t->bind = ssh_bind_new();
	t->server = ssh_new();
	if (!t->bind || !t->server)
		return -ENOMEM;
	if (ssh_bind_options_set(t->bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no) < 0 ||
	    ssh_bind_options_set(t->bind, SSH_BIND_OPTIONS_IMPORT_KEY, ssh_key_dup(key)) < 0 ||
	    ssh_bind_options_set(t->bind, SSH_BIND_OPTIONS_CIPHERS_C_S, cipher) < 0 ||
	    ssh_bind_options_set(t->bind, SSH_BIND_OPTIONS_CIPHERS_S_C, cipher) < 0 ||
	    ssh_bind_options_set(t->bind, SSH_BIND_OPTIONS_HMAC_C_S, mac) < 0 ||
	    ssh_bind_options_set(t->bind, SSH_BIND_OPTIONS_HMAC_S_C, mac) < 0)
		return -EINVAL;
	ssh_set_blocking(t->server, 0);
	if (ssh_bind_accept_fd(t->bind, t->server, t->ends[3]) != SSH_OK)
		return -EINVAL;
	t->ends[3] = -1; /* the session closes it */
	return 0;
}

static int
set_client(struct test *t, const char *cipher, const char *mac)
{
	const bool no = false;

	t->client = ssh_new();
	if (!t->client)
		return -ENOMEM;
	if (ssh_options_set(t->client, SSH_OPTIONS_PROCESS_CONFIG, &no) < 0 ||
	    ssh_options_set(t->client, SSH_OPTIONS_HOST, "selftest") < 0 ||
	    ssh_options_set(t->client, SSH_OPTIONS_USER, "selftest") < 0 ||
	    ssh_options_set(t->client, SSH_OPTIONS_KNOWNHOSTS, "/dev/null") < 0 ||
	    ssh_options_set(t->client, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null") < 0 ||
	    ssh_options_set(t->client, SSH_OPTIONS_CIPHERS_C_S, cipher) < 0 ||
	    ssh_options_set(t->client, SSH_OPTIONS_CIPHERS_S_C, cipher) < 0 ||
	    ssh_options_set(t->client, SSH_OPTIONS_HMAC_C_S, mac) < 0 ||
	    ssh_options_set(t->client, SSH_OPTIONS_HMAC_S_C, mac) < 0 ||
	    ssh_options_set(t->client, SSH_OPTIONS_FD, &t->ends[0]) < 0)
		return -EINVAL;
	t->ends[0] = -1;
	ssh_set_blocking(t->client, 0);
	return 0;
}

/* Carries what is there from one end to the other. */
static void
relay(struct test *t, int from, int to)
{
	uint8_t room[4096];
	ssize_t n = recv(from, room, sizeof(room), 0);

	if (n <= 0)
		return;
	if (t->forge && from == t->ends[1]) {
		room[n - 1] ^= 1;
		t->forge = false;
	}
	if (send(to, room, (size_t)n, MSG_NOSIGNAL) != n)
		log_debug("ssh-selftest", "why=\"short send\"");
}

static void
turn(struct test *t)
{
	struct pollfd wait[2] = { { .fd = t->ends[1], .events = POLLIN },
				  { .fd = t->ends[2], .events = POLLIN } };

	(void)poll(wait, 2, 1);
	relay(t, t->ends[1], t->ends[2]);
	relay(t, t->ends[2], t->ends[1]);
}

/* Runs both ends until they have keys. */
static int
shake_hands(struct test *t, uint64_t deadline)
{
	bool client = false, server = false;

	while (!client || !server) {
		int rc = client ? SSH_AGAIN : ssh_connect(t->client);

		if (rc == SSH_ERROR || clock_ms() > deadline)
			return -EPROTO;
		client |= rc == SSH_OK;
		rc = server ? SSH_AGAIN : ssh_handle_key_exchange(t->server);
		if (rc == SSH_ERROR)
			return -EPROTO;
		server |= rc == SSH_OK;
		turn(t);
	}
	return 0;
}

/*
 * Sends the first packet under the new keys. Returns 0 when it arrived, -EBADMSG when it was
 * refused.
 */
static int
send_one(struct test *t, bool forge, uint64_t deadline)
{
	ssh_message msg = NULL;

	t->forge = forge;
	while (clock_ms() <= deadline) {
		(void)ssh_service_request(t->client, "ssh-userauth");
		turn(t);
		msg = ssh_message_get(t->server);
		if (msg) {
			ssh_message_free(msg);
			return 0;
		}
		if (ssh_get_status(t->server) & (SSH_CLOSED | SSH_CLOSED_ERROR))
			return -EBADMSG;
	}
	return -ETIMEDOUT;
}

static int
run(ssh_key key, const char *cipher, const char *mac, bool forge)
{
	uint64_t deadline = clock_after(TEST_MS);
	struct test t = { .client = NULL };
	int err = open_ends(&t);

	if (err == 0)
		err = set_server(&t, key, cipher, mac);
	if (err == 0)
		err = set_client(&t, cipher, mac);
	if (err == 0)
		err = shake_hands(&t, deadline);
	if (err == 0)
		err = send_one(&t, forge, deadline);
	ssh_free(t.client);
	ssh_free(t.server);
	ssh_bind_free(t.bind);
	for (int i = 0; i < 4; i++)
		fd_close(&t.ends[i]);
	return err;
}

bool
ssh_selftest(const char *cipher, const char *mac)
{
	ssh_key key = NULL;
	int honest, forged;

	if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key) != SSH_OK)
		return false;
	honest = run(key, cipher, mac, false);
	forged = run(key, cipher, mac, true);
	ssh_key_free(key);
	if (honest == 0 && forged == -EBADMSG)
		return true;
	if (honest < 0)
		log_error("ssh-selftest", "cipher=%s mac=%s why=\"no connection with it\"", cipher,
			  mac);
	else
		log_error(
		    "ssh-selftest",
		    "cipher=%s mac=%s why=\"libssh takes forged packets: update it\" result=%d",
		    cipher, mac, forged);
	return false;
}
