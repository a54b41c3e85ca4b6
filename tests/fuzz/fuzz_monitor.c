/* SPDX-License-Identifier: ISC */
/*
 * fuzz_monitor.c - a wire that has gone bad talks to monitor before login. The bytes are a program:
 * which rules hold, then message by message. (make fuzz)
 *
 * Whatever is said: nobody is in without the password, and nobody at all where a key, a code or a
 * certificate is wanted too; guesses end the session; who has broken the rules is not heard again.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/auth_msg.h"
#include "auth/auth_serve.h"
#include "auth/users.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define PASSWORD "good"
#define TRIES 4u
#define MESSAGES 12

/* "": what the methods of the listener allow by themselves. */
static char factors[][24] = { "", "publickey", "password+totp", "certificate+password",
			      "publickey+password" };
static char *methods[] = { (char[]) { "password" }, (char[]) { "publickey" },
			   (char[]) { "keyboard-interactive" } };
static struct conf conf;
static struct conf_listener doors[] = { { .protocol = CONF_SFTP }, { .protocol = CONF_FTPS } };
static char users[] = "/tmp/coffer-fuzz-users-XXXXXX", codes[64], keys[64];
static unsigned int failures;
static bool password_said;

static const uint8_t *program;
static size_t left;

static uint64_t
failed(void *ctx, const char *user)
{
	(void)ctx;
	assert(strlen(user) < 256);
	failures++;
	return 0;
}

static bool
use_code(void *ctx, const char *user, uint64_t step)
{
	(void)ctx, (void)user;
	assert(step == 0); /* nobody knows one */
	return false;
}

static const uint8_t *
session_id(void *ctx, size_t *ret_len)
{
	static const uint8_t id[32] = "a session";

	(void)ctx;
	*ret_len = sizeof(id);
	return id;
}

static int
certificate(void *ctx, const uint8_t *handshake, size_t len, struct auth_certificate *ret,
	    char *ret_reason, size_t reason_size)
{
	(void)ctx, (void)handshake, (void)len, (void)ret;
	snprintf(ret_reason, reason_size, "made up");
	return -EACCES;
}

static int
as_user(void *ctx, const struct account *account, int (*fn)(void *arg), void *arg)
{
	(void)ctx, (void)account;
	return fn(arg);
}

static const struct auth_host host = { .as_user = as_user,
				       .failed = failed,
				       .use_code = use_code,
				       .session_id = session_id,
				       .certificate = certificate };

static void
no_log(void *ctx, enum log_level level, const char *event, const char *fields)
{
	(void)ctx, (void)level, (void)event, (void)fields;
}

static void
end_all(void)
{
	(void)unlink(users);
	(void)unlink(codes);
	(void)unlink(keys);
}

static void
write_file(const char *path, const char *text)
{
	FD_OWN int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert(fd >= 0 && fd_write_full(fd, text, strlen(text)) == 0);
}

static void
begin_all(void)
{
	struct user alice = { .name = "alice", .uid = 61001, .gid = 61001, .home = "/" };
	static char *key_files[] = { keys };
	int fd = mkstemp(users);

	assert(fd >= 0 && users_hash(PASSWORD, alice.hash, sizeof(alice.hash)) == 0);
	close(fd);
	snprintf(codes, sizeof(codes), "%s.totp", users);
	write_file(codes, "alice:GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n");
	snprintf(keys, sizeof(keys), "%s.keys", users);
	write_file(
	    keys,
	    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHERmGFYl+5jrq/kKK75FEAREWgLcNWqhpPg5X7CT3gY\n");
	atexit(end_all);
	conf.mode = CONF_PERSONAL;
	conf.auth.users_file = users;
	conf.auth.tries = TRIES;
	conf.auth.methods = (struct conf_list) { methods, COUNT_OF(methods) };
	conf.sftp.authorized_keys = (struct conf_list) { key_files, 1 };
	assert(users_set(users, &alice) == 0);
	log_to(no_log, NULL);
}

static uint8_t
byte(void)
{
	if (left == 0)
		return 0;
	left--;
	return *program++;
}

static void
put_word(struct buf *b)
{
	static const char *const words[] = { "alice",
					     "bob",
					     "root",
					     "",
					     "wrong",
					     "000000",
					     PASSWORD "000000",
					     PASSWORD,
					     "ssh-ed25519",
					     "../x",
					     "alice\nx",
					     "rsa-sha2-256",
					     "ssh-ed25519-cert-v01@openssh.com" };
	static const uint8_t blob[] =
	    "\0\0\0\x0bssh-ed25519\0\0\0 \x71\x11\x98\x61\x58\x97\xee\x63\xae\xaf\xe4"
	    "\x28\xae\xf9\x14\x40\x11\x11\x68\x0b\x70\xd5\xaa\x86\x93\xe0\xe5\x7e\xc2\x4f\x78\x18";
	static const uint8_t signature[4 + 11 + 4 + 64] = "\0\0\0\x0bssh-ed25519\0\0\0@";
	uint8_t choice = byte(), room[256];
	size_t n;

	switch (choice) {
	case 0xff:
		n = byte();
		for (size_t i = 0; i < n; i++)
			room[i] = byte();
		buf_put_string(b, room, n);
		break;
	case 0xfd:
		buf_put_string(b, blob, sizeof(blob) - 1);
		break;
	case 0xfc:
		buf_put_string(b, signature, sizeof(signature));
		break;
	default:
		password_said |= strcmp(words[choice % COUNT_OF(words)], PASSWORD) == 0;
		buf_put_cstring(b, words[choice % COUNT_OF(words)]);
		break;
	}
}

/* One message; the shapes are those of auth_msg.h: s string, 1 a byte, c a count and strings. */
static void
make_message(struct buf *b, void *room, size_t size)
{
	static const char *const shapes[] = { "ss", "s", "c", "ssss1", "s", "s",
					      "1s", "",	 "s", "1ss",   "1", "" };
	uint8_t choice = byte();
	uint16_t type = (uint16_t)(AUTH_MSG_PASSWORD + choice % COUNT_OF(shapes));
	uint32_t n;

	ipc_begin(b, room, size, type, byte());
	if (choice >= 0xf0) { /* bytes as they are */
		for (n = byte(); n > 0; n--)
			buf_put_u8(b, byte());
		return;
	}
	for (const char *s = shapes[type - AUTH_MSG_PASSWORD]; *s; s++) {
		switch (*s) {
		case 's':
			put_word(b);
			break;
		case '1':
			buf_put_u8(b, byte());
			break;
		case 'c':
			n = byte() % 40;
			buf_put_u32(b, n);
			for (; n > 0; n--)
				put_word(b);
			break;
		}
	}
}

static void
swallow(int sock)
{
	static uint8_t room[IPC_MESSAGE_MAX];
	struct buf b;
	uint16_t type;
	uint32_t id;

	while (ipc_recv(sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL) == 0)
		assert(type == AUTH_MSG_VERDICT || type == AUTH_MSG_ASK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t room[AUTH_MSG_MAX];
	static char *list[1];
	enum auth_step step = AUTH_STEP_GO_ON;
	struct auth_serve *serve;
	struct buf b;
	uint16_t type;
	uint32_t id;
	int ends[2];

	if (!conf.auth.users_file)
		begin_all();
	program = data;
	left = len;
	failures = 0;
	password_said = false;
	list[0] = factors[byte() % COUNT_OF(factors)];
	conf.auth.factors = (struct conf_list) { list, list[0][0] ? 1 : 0 };
	assert(ipc_pair(ends) == 0);
	serve =
	    auth_serve_new(&conf, &doors[byte() % COUNT_OF(doors)], ends[1], "192.0.2.1", &host);
	for (int i = 0; i < MESSAGES && left > 0; i++) {
		make_message(&b, room, sizeof(room));
		if (!b.bad)
			assert(ipc_send_now(ends[0], &b, -1) == 0);
	}
	assert(shutdown(ends[0], SHUT_WR) == 0);
	while (step != AUTH_STEP_END &&
	       ipc_recv(ends[1], 0, room, sizeof(room), &b, &type, &id, NULL) == 0) {
		enum auth_step before = step;

		step = auth_serve_message(serve, type, &b);
		swallow(ends[0]);
		if (step == AUTH_STEP_LOGGED_IN)
			assert(before == AUTH_STEP_GO_ON && !list[0][0] && password_said &&
			       strcmp(auth_serve_account(serve)->name, "alice") == 0);
	}
	assert(failures <= TRIES);
	auth_serve_free(serve);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	return 0;
}
