/* SPDX-License-Identifier: ISC */
/*
 * fake_sftp_server.c - the SFTP front end with a monitor that knows one password and takes every
 * key: for measuring and for hostile tests of the front end alone. Real wire code, real worker
 * code, no sandbox, one uid. Never installed.
 *
 *	fake_sftp_server PORT HOSTKEY DIRECTORY [modern|compatible]
 *
 * User: anyone. Password: "secret". Keyboard-interactive: two rounds, "first" and then "secret".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/auth_msg.h"
#include "protocols/sftp/sftp.h"
#include "server/base/clock.h"
#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/vfs/vfs_serve.h"

static struct conf conf;

static void
complain(void *ctx, const struct conf_place *place, const char *text)
{
	(void)ctx;
	(void)place;
	(void)fprintf(stderr, "%s\n", text);
}

static NORETURN void
worker(int sock)
{
	static uint8_t room[IPC_MESSAGE_MAX];
	struct account account = { .name = "tester", .uid = getuid(), .gid = getgid() };
	struct vfs_serve *serve;
	struct buf b;
	uint16_t type;
	uint32_t id;

	if (vfs_serve_new(&conf, &account, &serve) < 0)
		die("no share");
	while (ipc_recv(sock, 0, room, sizeof(room), &b, &type, &id, NULL) == 0) {
		if (vfs_serve_message(serve, sock, type, id, &b) < 0)
			break;
	}
	vfs_serve_free(serve);
	_exit(0);
}

static void
verdict(int sock, enum auth_answer answer)
{
	uint8_t room[512];
	int ends[2] = { -1, -1 };
	struct buf b;

	if (answer == AUTH_OK) {
		if (ipc_pair(ends) < 0)
			die("no sockets");
		if (fork() == 0) {
			close(ends[0]);
			close(sock);
			worker(ends[1]);
		}
		close(ends[1]);
	}
	ipc_begin(&b, room, sizeof(room), AUTH_MSG_VERDICT, 0);
	buf_put_u8(&b, (uint8_t)answer);
	buf_put_u32(&b, AUTH_PASSWORD | AUTH_PUBLICKEY | AUTH_INTERACTIVE);
	buf_put_cstring(&b, "tester");
	buf_put_cstring(&b, "/");
	buf_put_string(&b, "", 0); /* no key for tickets */
	buf_put_u8(&b, 0);	   /* binding */
	if (ipc_send(sock, &b, ends[0]) < 0)
		die("wire is gone");
	if (ends[0] >= 0)
		close(ends[0]);
}

static void
ask(int sock, const char *prompt)
{
	uint8_t room[512];
	struct buf b;

	ipc_begin(&b, room, sizeof(room), AUTH_MSG_ASK, 0);
	buf_put_cstring(&b, "");
	buf_put_cstring(&b, "two rounds");
	buf_put_u32(&b, 1);
	buf_put_u8(&b, 0);
	buf_put_cstring(&b, prompt);
	if (ipc_send(sock, &b, -1) < 0)
		die("wire is gone");
}

/* Returns the verdict on one message, or -1 when there is none. */
static int
judge(int sock, uint16_t type, struct buf *b, int *round)
{
	static char user[AUTH_NAME_MAX], word[AUTH_PASSWORD_MAX];
	size_t len;

	switch (type) {
	case AUTH_MSG_PASSWORD:
		buf_get_cstring(b, user, sizeof(user));
		buf_get_cstring(b, word, sizeof(word));
		return strcmp(word, "secret") == 0 ? AUTH_OK : AUTH_NO;
	case AUTH_MSG_INTERACTIVE:
		*round = 1;
		ask(sock, "First: ");
		return -1;
	case AUTH_MSG_ANSWERS:
		(void)buf_get_u32(b);
		buf_get_cstring(b, word, sizeof(word));
		if (*round == 1 && strcmp(word, "first") == 0) {
			*round = 2;
			ask(sock, "Second: ");
			return -1;
		}
		return *round == 2 && strcmp(word, "secret") == 0 ? AUTH_OK : AUTH_NO;
	case AUTH_MSG_KEY:
		for (int i = 0; i < 4; i++)
			(void)buf_get_string(b, &len);
		return buf_get_u8(b) ? AUTH_OK : AUTH_KEY_OK;
	case AUTH_MSG_CANCEL:
		return AUTH_NO;
	default: /* records, names */
		return -1;
	}
}

static NORETURN void
monitor(int sock)
{
	static uint8_t room[IPC_MESSAGE_MAX];
	struct buf b;
	uint16_t type;
	uint32_t id;
	int tries = 0, round = 0;

	signal(SIGCHLD, SIG_DFL);
	while (ipc_recv(sock, 0, room, sizeof(room), &b, &type, &id, NULL) == 0) {
		int answer = judge(sock, type, &b, &round);

		if (type == AUTH_MSG_LOG)
			(void)fprintf(stderr, "record of wire\n");
		if (answer == AUTH_NO && ++tries == 4)
			answer = AUTH_LAST;
		if (answer >= 0)
			verdict(sock, (enum auth_answer)answer);
	}
	_exit(0);
}

static NORETURN void
wire(int client, struct ssh_server *server)
{
	struct session s = { .conf = &conf, .client_fd = client };
	const int on = 1;
	enum session_end end;
	int ends[2];

	if (ipc_pair(ends) < 0 || fd_nonblock(client) < 0)
		die("no sockets");
	(void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (fork() == 0) {
		close(client);
		close(ends[0]);
		monitor(ends[1]);
	}
	close(ends[1]);
	s.auth = auth_new(ends[0]);
	s.login_deadline_ms = clock_after(conf.limits.login_ms);
	end = sftp_run(&s, server);
	(void)fprintf(stderr, "end: %s\n", session_end_name(end));
	exit(0);
}

int
main(int argc, char **argv)
{
	static struct conf_share share = { .rights = RIGHTS_READ_WRITE | RIGHT_LINK,
					   .create = false };
	static char root[] = "/", name[] = "files", one[] = "password", two[] = "publickey",
		    three[] = "keyboard-interactive";
	static char *methods[] = { one, two, three };
	struct sockaddr_in here = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct ssh_server *server;
	const int on = 1;
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc < 4)
		die("usage: fake_sftp_server PORT HOSTKEY DIRECTORY [modern|compatible]");
	conf.file = "fake";
	conf.sftp.host_keys = (struct conf_list) { &argv[2], 1 };
	conf.sftp.policy = argc > 4 && strcmp(argv[4], "compatible") == 0 ? CONF_POLICY_COMPATIBLE
									  : CONF_POLICY_MODERN;
	conf.sftp.rekey_bytes = getenv("REKEY") ? strtoull(getenv("REKEY"), NULL, 10) : 1 << 30;
	conf.sftp.rekey_ms = 3600000;
	conf.sftp.max_channels = 10;
	conf.sftp.max_handles = 256;
	conf.sftp.window_bytes = getenv("WINDOW") ? strtoull(getenv("WINDOW"), NULL, 10) : 4 << 20;
	conf.auth.methods = (struct conf_list) { methods, 3 };
	conf.limits.login_ms = getenv("LOGIN") ? strtoull(getenv("LOGIN"), NULL, 10) : 60000;
	conf.limits.stall_ms = getenv("STALL") ? strtoull(getenv("STALL"), NULL, 10) : 60000;
	conf.limits.rate_up = conf.limits.rate_down =
	    getenv("RATE") ? strtoull(getenv("RATE"), NULL, 10) : 0;
	conf.limits.idle_ms = getenv("IDLE") ? strtoull(getenv("IDLE"), NULL, 10) : 600000;
	share.name = name;
	share.mount = root;
	share.path = argv[3];
	share.file_mode = 0666;
	share.dir_mode = 0777;
	share.partial_keep_ms = 3600000;
	conf.shares = &share;
	conf.share_count = 1;
	conf.mode = CONF_PERSONAL;
	if (ssh_server_new(&conf, complain, NULL, &server) < 0)
		return 1;
	signal(SIGCHLD, SIG_IGN);
	here.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	(void)setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(sock, (struct sockaddr *)&here, sizeof(here)) < 0 || listen(sock, 64) < 0)
		die("port: %s", strerror(errno));
	(void)fprintf(stderr, "ready\n");
	for (;;) {
		int client = accept4(sock, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0)
			continue;
		if (fork() == 0) {
			close(sock);
			wire(client, server);
		}
		close(client);
	}
}
