/* SPDX-License-Identifier: ISC */
/*
 * fuzz_ftp.c - a client's whole session with the FTP front end and worker behind it, in one
 * process; only TLS is left out: what stands in its place passes bytes through, and says what the
 * program wants of a handshake or an end. The bytes are a program: commands, pieces of lines, data
 * connections that come, speak, break and stay away. (make fuzz)
 *
 * Whatever comes: replies are lines of RFC 959, nobody is in without a password, nothing from
 * beside the share is sent, a session that is told to quit comes to its end, and no descriptor is
 * left.
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "auth/auth_msg.h"
#include "protocols/ftp/ftp.h"
#include "server/base/ipc.h"
#include "server/gate_msg.h"
#include "server/port_msg.h"
#include "server/vfs/vfs_serve.h"
#include "tests/fuzz/fuzz_ftp_say.h"
#include "tests/fuzz/fuzz_share.h"
#include "tests/fuzz/fuzz_tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A question about a port that is open when the session ends goes with the process. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:port_listen\nleak:port_connect\n";
}

#define DATA_MAX 4
/* Turns in which it must be over when the client has said QUIT and closed. */
#define LAST_TURNS 3000

static struct vfs_serve *serve;
static struct session session;
static struct conf_listener door;
static int control, monitor, worker; /* the ends that are ours; -1 when closed */
static int line, data[DATA_MAX];     /* the way to the passive port; data connections */
static bool logged_in, password_said, wants_login, late;
static unsigned int turns;
static char replies[65536];
static size_t replies_len;
static int inside; /* a reply of several lines: its code */

static void
send_to(int fd, const void *bytes, size_t len)
{
	if (fd >= 0)
		ignore_result((int)send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* ---- what the client reads ---- */

static void
read_line(const char *at, size_t len)
{
	assert(len >= 2 && at[len - 2] == '\r');
	for (size_t i = 0; i < len - 2; i++)
		assert((unsigned char)at[i] >= ' ' && at[i] != 0x7f);
	if (inside && !(atoi(at) == inside && at[3] == ' ')) {
		assert(!isdigit(at[0]) || atoi(at) == inside);
		return;
	}
	assert(len >= 6 && isdigit(at[0]) && isdigit(at[1]) && isdigit(at[2]));
	assert(at[0] >= '1' && at[0] <= '6' && (at[3] == ' ' || at[3] == '-'));
	inside = at[3] == '-' ? atoi(at) : 0;
	if (memcmp(at, "230", 3) == 0)
		assert(password_said);
	if (memcmp(at, "234", 3) == 0)
		send_to(control, HELLO, 1);
}

static void
read_replies(void)
{
	ssize_t n;

	while (control >= 0 && (n = recv(control, replies + replies_len,
					 sizeof(replies) - replies_len, MSG_DONTWAIT)) > 0) {
		char *end;

		replies_len += (size_t)n;
		assert(!memmem(replies, replies_len, SECRET, strlen(SECRET)));
		while ((end = memchr(replies, '\n', replies_len))) {
			size_t size = (size_t)(end + 1 - replies);

			read_line(replies, size);
			replies_len -= size;
			memmove(replies, replies + size, replies_len);
		}
		assert(replies_len < 8192);
	}
}

static void
read_data(int fd)
{
	static char room[65536];
	ssize_t n = recv(fd, room, sizeof(room), MSG_DONTWAIT);

	if (n > 0)
		assert(!memmem(room, (size_t)n, SECRET, strlen(SECRET)));
}

/* ---- what it sends ---- */

static void
say(const char *text)
{
	send_to(control, text, strlen(text));
}

static void
send_command(void)
{
	static char room[COMMAND_MAX];
	size_t len = make_command(room);

	password_said |= memmem(room, len, "PASS good", strlen("PASS good")) != NULL;
	send_to(control, room, len);
}

static void
send_raw(int fd)
{
	uint8_t room[256], n = byte();

	for (size_t i = 0; i < n; i++)
		room[i] = byte();
	send_to(fd, room, n);
}

/* Comes to the passive port. */
static void
come(void)
{
	uint8_t room[32];
	int pair[2];
	struct buf b;

	if (line < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return;
	ipc_begin(&b, room, sizeof(room), GATE_MSG_CAME, 0);
	if (ipc_send_now(line, &b, pair[1]) < 0)
		fd_close(&pair[0]);
	fd_close(&pair[1]);
	if (byte() < 0xe0)
		send_to(pair[0], HELLO, 1);
	for (int i = 0; i < DATA_MAX && pair[0] >= 0; i++) {
		if (data[i] < 0)
			data[i] = fd_give(&pair[0]);
	}
	fd_close(&pair[0]);
}

static void
step(void)
{
	static const char text[20000] = "line\nline\r\n\xffmore";
	uint8_t what = byte(), which = byte() % DATA_MAX;

	if (what < 0x80)
		send_command();
	else if (what < 0x88)
		send_raw(control);
	else if (what < 0xa8)
		come();
	else if (what < 0xb8)
		send_to(data[which], text, (size_t)number() % sizeof(text));
	else if (what < 0xc0)
		send_raw(data[which]);
	else if (what < 0xc8)
		fd_close(&data[which]);
	else if (what < 0xcc && data[which] >= 0)
		ignore_result(shutdown(data[which], SHUT_WR));
	else if (what < 0xd0 && data[which] >= 0)
		read_data(data[which]);
	else if (what < 0xd4)
		tls_rude = !tls_rude;
	else if (what < 0xd8)
		tls_unbound = !tls_unbound;
	else if (what < 0xe0)
		late = !late;
	else if (what < 0xe2)
		fd_close(&control);
	else if (what >= 0xf0)
		beside_us(what);
}

/* ---- monitor and worker ---- */

static void
answer_login(void)
{
	static uint8_t room[AUTH_MSG_MAX], out[512];
	char user[AUTH_NAME_MAX], word[AUTH_PASSWORD_MAX];
	struct buf b;
	uint16_t type;
	uint32_t id;

	while (ipc_recv(monitor, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL) == 0) {
		int pair[2] = { -1, -1 };
		bool good;

		if (type != AUTH_MSG_PASSWORD)
			continue;
		buf_get_cstring(&b, user, sizeof(user));
		buf_get_cstring(&b, word, sizeof(word));
		good = strcmp(word, "good") == 0;
		assert(!b.bad && !logged_in);
		if (good)
			assert(password_said && ipc_pair(pair) == 0);
		ipc_begin(&b, out, sizeof(out), AUTH_MSG_VERDICT, 0);
		buf_put_u8(&b, good ? AUTH_OK : AUTH_NO);
		buf_put_u32(&b, AUTH_PASSWORD);
		buf_put_cstring(&b, user);
		buf_put_cstring(&b, "/");
		buf_put_string(&b, "", 0);
		buf_put_u8(&b, byte() & 1);
		assert(ipc_send(monitor, &b, pair[0]) == 0);
		fd_close(&pair[0]);
		if (good)
			worker = pair[1];
		logged_in |= good;
	}
}

static void
answer_port(uint16_t type, uint32_t id)
{
	uint8_t room[64];
	struct buf b;
	int pair[2];

	assert((type == PORT_MSG_CONNECT
		    ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair)
		    : ipc_line(pair)) == 0);
	answer_begin(&b, room, sizeof(room), type, id, 0, "");
	if (type == PORT_MSG_LISTEN)
		buf_put_u16(&b, 50000);
	assert(ipc_send(worker, &b, pair[1]) == 0);
	fd_close(&pair[1]);
	if (type == PORT_MSG_LISTEN) {
		fd_close(&line);
		line = pair[0];
	} else {
		fd_close(&data[0]);
		data[0] = pair[0];
	}
}

static void
answer_questions(void)
{
	static uint8_t room[IPC_MESSAGE_MAX];
	struct buf b;
	uint16_t type;
	uint32_t id;

	while (worker >= 0 && !late &&
	       ipc_recv(worker, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL) == 0) {
		if (type == PORT_MSG_LISTEN || type == PORT_MSG_CONNECT)
			answer_port(type, id);
		else
			assert(vfs_serve_message(serve, worker, type, id, &b) == 0);
	}
}

/* The client has said what it wanted; it still does what the server waits for. */
static void
last_turn(void)
{
	if (turns++ == 0)
		say("\r\nQUIT\r\n");
	if (turns % 8 == 0)
		come();
	for (int i = 0; i < DATA_MAX; i++) {
		send_to(data[i], HELLO, turns % 8 == 1);
		if (data[i] >= 0)
			read_data(data[i]);
		if (turns % 8 == 7)
			fd_close(&data[i]);
	}
	if (turns > LAST_TURNS / 2)
		fd_close(&control);
}

/* ---- the front end's poll(2): a turn of everybody else ---- */

int
poll(struct pollfd *fds, nfds_t count, int timeout)
{
	static const struct timespec now;

	(void)timeout;
	if (wants_login && tls_secure) {
		say("USER anna\r\nPASS good\r\nPBSZ 0\r\nPROT P\r\n");
		wants_login = false;
	}
	if (wants_login) {
		assert(++turns < LAST_TURNS);
	} else if (left > 0) {
		turns = 0;
		step();
	} else {
		late = false;
		last_turn();
		assert(turns < LAST_TURNS);
	}
	read_replies();
	answer_login();
	answer_questions();
	return (int)syscall(SYS_ppoll, fds, count, &now, NULL, 0);
}

/* The same for what was compiled with _FORTIFY_SOURCE. */
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);
int
__poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size)
{
	assert(count * sizeof(*fds) <= size);
	return poll(fds, count, timeout);
}

static void
begin_session(uint8_t how)
{
	door = (struct conf_listener) { .protocol = how & 1 ? CONF_FTPS_IMPLICIT : CONF_FTPS };
	session = (struct session) { .conf = confs[byte() % COUNT_OF(kinds)], .listener = &door };
	session.peer.ss_family = session.local.ss_family = AF_INET;
	((struct sockaddr_in *)&session.peer)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	((struct sockaddr_in *)&session.local)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	snprintf(session.peer_addr, sizeof(session.peer_addr), "127.0.0.1");
	session.login_deadline_ms = UINT64_MAX;
	wants_login = password_said = how < 0xe0; /* most log in first */
	if (how & 1)
		say(HELLO);
	else if (wants_login)
		say("AUTH TLS\r\n");
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	int pair[2], login[2];
	unsigned int before;
	uint8_t how;

	if (!top[0])
		begin_all();
	program = bytes;
	left = len;
	make_share();
	before = open_fds();
	control = monitor = worker = line = -1;
	memset(data, -1, sizeof(data));
	logged_in = password_said = wants_login = tls_secure = tls_rude = tls_unbound = late =
	    false;
	turns = 0;
	inside = 0;
	replies_len = 0;
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	assert(ipc_pair(login) == 0);
	control = pair[0];
	monitor = login[1];
	how = byte();
	begin_session(how);
	session.client_fd = pair[1];
	session.auth = auth_new(login[0]);
	assert(vfs_serve_new(session.conf, &account, &serve) == 0);
	(void)ftp_run(&session, NULL);
	read_replies();
	answer_questions();
	if (session.vfs)
		vfs_free(session.vfs);
	if (session.ask)
		ask_free(session.ask);
	auth_free(session.auth);
	vfs_serve_free(serve);
	for (int i = 0; i < DATA_MAX; i++)
		fd_close(&data[i]);
	fd_close(&control);
	fd_close(&pair[1]);
	fd_close(&login[0]);
	fd_close(&monitor);
	fd_close(&worker);
	fd_close(&line);
	assert(open_fds() == before);
	check_beside();
	assert(delete_below(under_top("/share")) == 0);
	return 0;
}
