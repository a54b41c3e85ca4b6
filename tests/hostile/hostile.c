/* SPDX-License-Identifier: ISC */
/*
 * hostile.c - a wire that has gone bad, and a worker that does what it is told. A test build: the
 * real daemon with this file in place of both front ends and of the port service. The system calls
 * that it makes are calls.c.
 *
 * The tester connects to either port and sends one line; what follows is done inside wire, after
 * its sandbox was entered, with everything that wire has: its sockets. One line is answered:
 *
 *	list                    names the system calls that it can make
 *	call NAME               makes one in wire; "NAME errno" when it comes back
 *	claim USER [forged]     says that a key was verified (forged: with a signature); the verdict
 *	sign PURPOSE LEN        asks for a signature over LEN zero bytes; how many, and errno
 *	hash N                  asks N times for a signature of the right shape
 *	records N               sends N records that would be monitor's, of others, of several lines
 *	monitor KIND            sends monitor a bad message: short, type, huge, cut, fds, flood
 *
 * These log in first:
 *
 *	again USER PASSWORD         a second time
 *	worker USER PASSWORD NAME   has worker make the system call
 *	attack USER PASSWORD KIND   sends worker a bad message
 *	open USER PASSWORD PATH     asks worker for a file; "descriptor KIND" or errno
 *	opendir USER PASSWORD PATH  and for a directory
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/auth_msg.h"
#include "protocols/ftp/ftp.h"
#include "protocols/sftp/sftp.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/port_msg.h"
#include "server/port_serve.h"
#include "server/sign.h"
#include "server/sign_msg.h"
#include "server/vfs/vfs_msg.h"
#include "tests/hostile/calls.h"

#define LINE_MAX_BYTES 512

static struct session *us;
static int worker = -1;

static void say(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void
say(const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	line[n] = '\n';
	(void)!write(us->client_fd, line, (size_t)n + 1);
}

/* ---- records ---- */

static void
send_records(unsigned int count)
{
	uint8_t room[LOG_RECORD_MAX];
	struct buf b;

	for (unsigned int i = 0; i < count; i++) {
		ipc_begin(&b, room, sizeof(room), AUTH_MSG_LOG, 0);
		buf_put_u8(&b, LOG_LEVEL_NOTICE);
		buf_put_cstring(&b, i % 2 ? "login" : "x login: session=feedface\nlogin");
		buf_put_cstring(&b,
				i % 3 ? "session=feedface user=root addr=192.0.2.9 method=publickey"
				      : "a=b\n2026-01-01T00:00:00.000Z notice monitor login: "
					"session=feedface user=root");
		if (ipc_send(auth_fd(us->auth), &b, -1) < 0)
			return;
	}
}

/* ---- logging in as the client could ---- */

static bool
log_in(const char *user, const char *password)
{
	struct auth_verdict v;
	struct pollfd wait = { .fd = auth_fd(us->auth), .events = POLLIN };

	if (auth_send_password(us->auth, user, password) < 0 || poll(&wait, 1, 10000) <= 0 ||
	    auth_recv(us->auth, &v) < 0 || v.answer != AUTH_OK)
		return false;
	worker = v.worker_fd;
	return true;
}

/* ---- monitor ---- */

static void
hear_monitor(void)
{
	struct pollfd wait = { .fd = auth_fd(us->auth), .events = POLLIN };
	struct auth_verdict v;
	int err;

	if (poll(&wait, 1, 8000) <= 0) {
		say("silence");
		return;
	}
	err = auth_recv(us->auth, &v);
	if (err < 0)
		say("gone");
	else
		say("verdict %d", v.answer);
}

static void
send_raw(int sock, uint16_t type, size_t len)
{
	uint8_t *room = calloc(1, 300000);
	struct buf b;

	ipc_begin(&b, room, 300000, type, 0);
	b.end += len;
	(void)!send(sock, room, b.end, MSG_NOSIGNAL | MSG_DONTWAIT);
	free(room);
}

static void
send_fds(int sock, uint16_t type)
{
	enum { N = 200 };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(N * sizeof(int))];
	} control;
	uint8_t room[16];
	struct iovec part;
	struct msghdr msg = { .msg_iov = &part,
			      .msg_iovlen = 1,
			      .msg_control = control.room,
			      .msg_controllen = sizeof(control.room) };
	struct buf b;

	ipc_begin(&b, room, sizeof(room), type, 0);
	part = (struct iovec) { room, b.end };
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(N * sizeof(int));
	for (int i = 0; i < N; i++)
		memcpy(CMSG_DATA(&control.head) + (size_t)i * sizeof(int), &us->client_fd,
		       sizeof(int));
	(void)!sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
attack(int sock, const char *kind, uint16_t known, uint16_t unknown)
{
	if (strcmp(kind, "short") == 0)
		(void)!send(sock, "x", 1, MSG_NOSIGNAL);
	else if (strcmp(kind, "type") == 0)
		send_raw(sock, unknown, 4);
	else if (strcmp(kind, "huge") == 0)
		send_raw(sock, known, 150000);
	else if (strcmp(kind, "cut") == 0)
		send_raw(sock, known, 2);
	else if (strcmp(kind, "fds") == 0)
		send_fds(sock, unknown);
	else if (strcmp(kind, "flood") == 0)
		for (int i = 0; i < 100000; i++)
			send_raw(sock, known, 3);
}

/* ---- worker ---- */

static void
hear_worker(void)
{
	static uint8_t room[IPC_MESSAGE_MAX];
	struct pollfd wait = { .fd = worker, .events = POLLIN };
	struct stat st;
	FD_OWN int fd = -1;
	struct buf b;
	uint16_t type;
	uint32_t id, verdict;
	int err;

	if (poll(&wait, 1, 8000) <= 0) {
		say("silence");
		return;
	}
	err = ipc_recv(worker, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, &fd);
	verdict = buf_get_u32(&b);
	if (err < 0)
		say("gone");
	else if (fd >= 0)
		say("descriptor %s",
		    fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? "directory" : "file");
	else
		say("errno %u", verdict);
}

static void
ask_path(uint16_t type, const char *path)
{
	uint8_t room[2 * LINE_MAX_BYTES];
	struct buf b;

	ipc_begin(&b, room, sizeof(room), type, 7);
	buf_put_cstring(&b, path);
	if (type == VFS_MSG_OPEN) {
		buf_put_u32(&b, 1);
		buf_put_u32(&b, 0);
		buf_put_u64(&b, 0);
	} else {
		buf_put_u32(&b, VFS_DOTS);
	}
	(void)!send(worker, room, b.end, MSG_NOSIGNAL);
	hear_worker();
}

/* In place of the port service: worker makes the call whose place in the table is the id. */
int
port_serve_message(struct port_serve *p, int sock, uint16_t type, uint32_t id, struct buf *b)
{
	uint8_t room[64];
	struct buf out;

	(void)p, (void)b, (void)type;
	answer_begin(&out, room, sizeof(room), PORT_MSG_LISTEN, id, -(int)call_make((long)id), "");
	return ipc_send(sock, &out, -1);
}

static void
worker_call(long i)
{
	uint8_t room[16];
	struct buf b;

	ipc_begin(&b, room, sizeof(room), PORT_MSG_LISTEN, (uint32_t)i);
	(void)!send(worker, room, b.end, MSG_NOSIGNAL);
	hear_worker();
}

/* ---- signer ---- */

static void
ask_signature(unsigned int purpose, size_t len, bool right, unsigned int times)
{
	static const char label[] = "TLS 1.3, server CertificateVerify";
	uint8_t tbs[SIGN_TBS_MAX] = { 0 }, signature[SIGN_SIGNATURE_MAX];
	struct sign_request r = { .purpose = (enum sign_purpose)purpose,
				  .digest = "SHA256",
				  .tbs = tbs,
				  .tbs_len = len };
	unsigned int granted = 0;
	int err = 0;

	if (right) {
		memset(tbs, ' ', 64);
		memcpy(tbs + 64, label, sizeof(label));
		r.tbs_len = 64 + sizeof(label) + 32;
	}
	for (unsigned int i = 0; i < times; i++) {
		size_t got;

		err = sign_ask(&r, signature, sizeof(signature), &got);
		granted += err == 0;
	}
	say("granted %u last %d", granted, -err);
}

/* ---- the tester's line ---- */

static void
obey(char *line)
{
	char *verb = strsep(&line, " "), *one = strsep(&line, " "), *two = strsep(&line, " "),
	     *three = strsep(&line, " ");
	long i;

	if (strcmp(verb, "call") == 0 && (i = call_number(one)) >= 0)
		say("%s %ld", one, call_make(i));
	else if (strcmp(verb, "list") == 0)
		for (i = 0; call_name(i); i++)
			say("%s", call_name(i));
	else if (strcmp(verb, "claim") == 0) {
		/* A key that nobody has, "verified" by us. */
		if (auth_send_key(us->auth, one, "ssh-ed25519",
				  "\0\0\0\13ssh-ed25519\0\0\0\40AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
				  51, two ? "forged" : NULL, two ? 6 : 0, true) == 0)
			hear_monitor();
	} else if (strcmp(verb, "sign") == 0)
		ask_signature((unsigned int)atoi(one), (size_t)atoi(two), false, 1);
	else if (strcmp(verb, "hash") == 0)
		ask_signature(SIGN_TLS, 0, true, (unsigned int)atoi(one));
	else if (strcmp(verb, "records") == 0)
		send_records((unsigned int)atoi(one));
	else if (strcmp(verb, "monitor") == 0) {
		attack(auth_fd(us->auth), one, AUTH_MSG_PASSWORD, 0x7777);
		hear_monitor();
	} else if (!two || !three || !log_in(one, two))
		say("no login");
	else if (strcmp(verb, "worker") == 0 && (i = call_number(three)) >= 0)
		worker_call(i);
	else if (strcmp(verb, "again") == 0) { /* a second login on one connection */
		if (auth_send_password(us->auth, one, two) == 0)
			hear_monitor();
	} else if (strcmp(verb, "attack") == 0) {
		attack(worker, three, VFS_MSG_STAT, 0x7777);
		hear_worker();
	} else if (strcmp(verb, "open") == 0)
		ask_path(VFS_MSG_OPEN, three);
	else if (strcmp(verb, "opendir") == 0)
		ask_path(VFS_MSG_OPENDIR, three);
	else
		say("what?");
}

static enum session_end
serve_tester(struct session *s)
{
	char line[LINE_MAX_BYTES] = { 0 };
	struct pollfd wait = { .fd = s->client_fd, .events = POLLIN };
	ssize_t n;

	us = s;
	if (poll(&wait, 1, 10000) <= 0)
		return SESSION_LOST;
	n = read(s->client_fd, line, sizeof(line) - 1);
	if (n <= 0)
		return SESSION_LOST;
	line[strcspn(line, "\r\n")] = '\0';
	obey(line);
	return SESSION_QUIT;
}

enum session_end
ftp_run(struct session *s, struct tls_server *tls)
{
	(void)tls;
	return serve_tester(s);
}

enum session_end
sftp_run(struct session *s, struct ssh_server *ssh)
{
	(void)ssh;
	return serve_tester(s);
}
