/* SPDX-License-Identifier: ISC */
/*
 * fuzz_sftp.c - a client's whole session with the SFTP front end and worker behind it, in one
 * process; only SSH is left out. The bytes are a program: requests, commands and their input,
 * pieces of packets, ends of channels, a client that reads slowly, a worker that is late. (make
 * fuzz)
 *
 * Whatever comes: replies are whole packets, each lawful request has exactly one, no byte from
 * beside the share is sent, every channel comes to its end, and no descriptor is left.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "server/base/ipc.h"
#include "server/vfs/vfs_serve.h"
#include "tests/fuzz/fuzz_sftp_say.h"
#include "tests/fuzz/fuzz_share.h"
#include "tests/fuzz/fuzz_ssh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define IN_MAX (1u << 20)
/* Turns in which everything must have come to its end when the client has nothing more to say. */
#define LAST_TURNS 20000

static struct vfs_serve *serve;
static unsigned int handle_next;

/* ---- what the client reads ---- */

static void
read_reply(struct ssh_pipe *p, const uint8_t *packet, size_t size)
{
	struct buf b;
	uint8_t type;
	uint32_t id;

	buf_init_read(&b, packet, size);
	(void)buf_get_u32(&b);
	type = buf_get_u8(&b);
	if (type == SFTP_REPLY_VERSION)
		return;
	assert((type >= SFTP_REPLY_STATUS && type <= SFTP_REPLY_ATTRS) ||
	       type == SFTP_REPLY_EXTENDED);
	id = buf_get_u32(&b) - p->first;
	assert(!b.bad);
	if (p->lawful) {
		assert(id < p->asked && p->waiting[id]);
		p->waiting[id] = 0;
	}
	if (type == SFTP_REPLY_HANDLE) {
		assert(buf_get_u32(&b) == SFTP_HANDLE_BYTES);
		memcpy(handles[handle_next++ % HANDLES], buf_get_bytes(&b, SFTP_HANDLE_BYTES),
		       SFTP_HANDLE_BYTES);
	}
	if (type == SFTP_REPLY_STATUS) {
		assert(buf_get_u32(&b) <= SFTP_OP_UNSUPPORTED);
		for (int i = 0; i < 2; i++) {
			size_t len;

			assert(buf_get_string(&b, &len));
		}
		assert(buf_done(&b) == 0);
	}
	assert(!memmem(packet, size, SECRET, strlen(SECRET)));
}

static void
read_bytes(struct ssh_pipe *p, const uint8_t *bytes, size_t len)
{
	size_t pos = 0, size;

	assert(!memmem(bytes, len, SECRET, strlen(SECRET)));
	if (!p->sftp)
		return;
	memcpy(p->out + p->out_len, bytes, len);
	p->out_len += len;
	while (sftp_packet_size(p->out + pos, p->out_len - pos, &size) == 0 &&
	       size <= p->out_len - pos) {
		read_reply(p, p->out + pos, size);
		pos += size;
	}
	p->out_len -= pos;
	memmove(p->out, p->out + pos, p->out_len);
	assert(p->out_len <= SFTP_PACKET_MAX);
}

/* ---- what the client sends ---- */

static void
send_bytes(struct ssh_pipe *p, const void *bytes, size_t len)
{
	if (!p->owner || p->ended || p->in_len + len > IN_MAX)
		return;
	memcpy(p->in + p->in_len, bytes, len);
	p->in_len += len;
}

static void
send_request(struct ssh_pipe *p)
{
	static uint8_t room[4 * VFS_PATH_MAX + 65536];
	struct buf b;

	buf_init(&b, room, sizeof(room));
	put_request(&b, p->first + p->asked);
	if (b.bad || !p->owner || !p->sftp || p->ended || p->asked == REQUESTS_MAX ||
	    p->in_len + b.end > IN_MAX)
		return;
	p->waiting[p->asked++] = 1;
	send_bytes(p, room, b.end);
}

static void
send_raw(struct ssh_pipe *p)
{
	static const char *const scp[] = { "C0644 4 f\n", "D0755 0 d\n",    "E\n",
					   "T1 0 1 0\n",  "C0644 4 ../x\n", "" };
	uint8_t room[256], which = byte();
	size_t n = which;

	p->lawful = false;
	if (which >= 0xc0) { /* "go on", to scp -f */
		send_bytes(p, "\0\0\0\0", which % 4 + 1u);
		return;
	}
	if (which < COUNT_OF(scp)) {
		send_bytes(p, scp[which], strlen(scp[which]));
		return;
	}
	for (size_t i = 0; i < n; i++)
		room[i] = byte();
	send_bytes(p, room, n);
}

static void
begin_channel(struct ssh_pipe *p)
{
	static const char *const commands[] = { "md5sum f",
						"sha256sum 'a/f' /g",
						"df",
						"scp -t -r /a",
						"scp -f -r -p /",
						"scp -t -d /",
						"sha1sum",
						"scp",
						"ls /",
						NULL };
	uint8_t how = byte();
	uint8_t *in = p->in, *out = p->out;

	if (p->owner)
		return;
	memset(p, 0, sizeof(*p));
	p->in = in;
	p->out = out;
	p->need = 1;
	p->first = (uint32_t)byte() << 24;
	p->sftp = how < 0xa0;
	p->lawful = how < 0x98; /* INIT comes first */
	p->owner = wire.ops->open(wire.ctx, p, p->sftp,
				  p->sftp ? NULL : commands[how % COUNT_OF(commands)]);
	if (p->lawful)
		send_bytes(p, "\0\0\0\5\1\0\0\0\3", 9);
}

/* ---- turns ---- */

static void
step(void)
{
	uint8_t what = byte();
	struct ssh_pipe *p = &wire.pipes[byte() % CHANNELS];

	if (what < 0xb0) {
		send_request(p);
	} else if (what < 0xb8) {
		send_raw(p);
	} else if (what < 0xc0) {
		begin_channel(p);
	} else if (what < 0xc4) {
		p->ended = true;
	} else if (what < 0xc6) {
		p->ended = p->closed = true;
	} else if (what < 0xd0) {
		wire.window = (size_t)number() % 300000;
	} else if (what < 0xd8) {
		wire.full = !wire.full;
	} else if (what < 0xf0) {
		wire.late = !wire.late;
	} else {
		beside_us(what);
	}
}

/* The client has said what it wanted; it reads on until all is answered. */
static void
last_turn(void)
{
	bool open = false;

	wire.full = wire.late = false;
	wire.window = SIZE_MAX;
	assert(++wire.turns < LAST_TURNS);
	for (int i = 0; i < CHANNELS; i++) {
		struct ssh_pipe *p = &wire.pipes[i];

		p->ended = true;
		if (p->shut)
			p->closed = true;
		open |= p->owner != NULL;
	}
	wire.over = !open;
}

static void
client_turn(void)
{
	if (left > 0)
		step();
	else
		last_turn();
}

static void
worker_turn(void)
{
	static uint8_t room[IPC_MESSAGE_MAX];
	struct buf b;
	uint16_t type;
	uint32_t id;

	while (!wire.late &&
	       ipc_recv(ends[1], MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL) == 0)
		assert(vfs_serve_message(serve, ends[1], type, id, &b) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct ssh_pipe rooms[CHANNELS];
	struct session s = { .client_fd = -1 };
	unsigned int before;
	int monitor[2];

	if (!top[0]) {
		begin_all();
		for (int i = 0; i < CHANNELS; i++) {
			rooms[i].in = malloc(IN_MAX);
			rooms[i].out = malloc(2 * SFTP_PACKET_MAX + 600000);
		}
	}
	program = data;
	left = len;
	make_share();
	before = open_fds();
	memset(&wire, 0, sizeof(wire));
	memset(handles, 0, sizeof(handles));
	for (int i = 0; i < CHANNELS; i++)
		wire.pipes[i] = (struct ssh_pipe) { .in = rooms[i].in, .out = rooms[i].out };
	wire.window = SIZE_MAX;
	s.conf = confs[byte() % COUNT_OF(kinds)];
	assert(ipc_pair(ends) == 0 && ipc_pair(monitor) == 0);
	s.auth = auth_new(monitor[0]);
	assert(vfs_serve_new(s.conf, &account, &serve) == 0);
	(void)sftp_run(&s, NULL);
	worker_turn();
	vfs_free(s.vfs);
	ask_free(s.ask);
	auth_free(s.auth);
	vfs_serve_free(serve);
	fd_close(&ends[1]);
	fd_close(&monitor[0]);
	fd_close(&monitor[1]);
	assert(open_fds() == before);
	check_beside();
	assert(delete_below(under_top("/share")) == 0);
	return 0;
}
