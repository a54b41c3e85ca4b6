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

#include "auth/auth.h"
#include "protocols/sftp/sftp_packet.h"
#include "protocols/sftp/ssh_wire.h"
#include "server/base/ipc.h"
#include "server/vfs/vfs_serve.h"
#include "tests/fuzz/fuzz_share.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define CHANNELS 3
#define HANDLES 8
#define IN_MAX (1u << 20)
#define REQUESTS_MAX 256
/* Turns in which everything must have come to its end when the client has nothing more to say. */
#define LAST_TURNS 20000

struct ssh_pipe {
	void *owner; /* NULL: free */
	bool sftp, lawful, ended, closed, shut;
	uint8_t *in;
	size_t in_len, need;
	uint8_t *out; /* a reply that is not whole yet */
	size_t out_len;
	uint32_t first;		       /* id of its first request */
	uint8_t waiting[REQUESTS_MAX]; /* by id - first: 1: no reply came yet */
	unsigned int asked;
};

struct ssh_wire {
	struct session *s;
	const struct ssh_wire_ops *ops;
	void *ctx;
	struct ssh_pipe pipes[CHANNELS];
	unsigned int turns; /* since the end of the program */
	bool over, full, late;
	size_t window; /* of one write */
};

static struct ssh_wire wire;
static struct vfs_serve *serve;
static int ends[2]; /* wire's, worker's */
static uint8_t handles[HANDLES][SFTP_HANDLE_BYTES];
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
put_attrs(struct buf *b)
{
	uint32_t flags = byte() & 0x0f;

	if (byte() > 0xf8)
		flags |= 0x80000000u;
	buf_put_u32(b, flags);
	if (flags & SFTP_ATTR_SIZE)
		buf_put_u64(b, number());
	if (flags & SFTP_ATTR_UIDGID)
		buf_put_u64(b, number());
	if (flags & SFTP_ATTR_PERMISSIONS)
		buf_put_u32(b, (uint32_t)number());
	if (flags & SFTP_ATTR_TIMES)
		buf_put_u64(b, number());
	if (flags & 0x80000000u) {
		buf_put_u32(b, 1);
		buf_put_string(b, "a", 1);
		buf_put_string(b, "b", 1);
	}
}

static void
put_handle(struct buf *b)
{
	uint8_t which = byte();

	if (which < 0xf0)
		buf_put_string(b, handles[which % HANDLES], SFTP_HANDLE_BYTES);
	else
		buf_put_string(b, "0123456789abcdef", which & 15);
}

/* The fields of a request: p path, h handle, 4 and 8 numbers, A attributes, D data, F flags, i ids,
 * s sums. */
static const struct shape {
	uint8_t type;
	const char *fields, *name;
} shapes[] = {
	{ 3, "pFA", NULL },
	{ 4, "h", NULL },
	{ 5, "h84", NULL },
	{ 6, "h8D", NULL },
	{ 7, "p", NULL },
	{ 8, "h", NULL },
	{ 9, "pA", NULL },
	{ 10, "hA", NULL },
	{ 11, "p", NULL },
	{ 12, "h", NULL },
	{ 13, "p", NULL },
	{ 14, "pA", NULL },
	{ 15, "p", NULL },
	{ 16, "p", NULL },
	{ 17, "p", NULL },
	{ 18, "pp", NULL },
	{ 19, "p", NULL },
	{ 20, "pp", NULL },
	{ 200, "pp", "posix-rename@openssh.com" },
	{ 200, "p", "statvfs@openssh.com" },
	{ 200, "h", "fstatvfs@openssh.com" },
	{ 200, "pp", "hardlink@openssh.com" },
	{ 200, "h", "fsync@openssh.com" },
	{ 200, "pA", "lsetstat@openssh.com" },
	{ 200, "", "limits@openssh.com" },
	{ 200, "p", "expand-path@openssh.com" },
	{ 200, "h88h8", "copy-data" },
	{ 200, "p", "home-directory" },
	{ 200, "ii", "users-groups-by-id@openssh.com" },
	{ 200, "p", "space-available" },
	{ 200, "ppp8", "vendor-id" },
	{ 200, "ps884", "check-file-name" },
	{ 200, "hs884", "check-file-handle" },
	{ 200, "p", "nothing@nobody" },
	{ 99, "p", NULL },
};

static void
put_field(struct buf *b, char field)
{
	static const uint8_t data[40000] = "data";
	uint8_t ids[32];

	switch (field) {
	case 'p':
		put_path(b);
		break;
	case 'h':
		put_handle(b);
		break;
	case '4':
		buf_put_u32(b, (uint32_t)number());
		break;
	case '8':
		buf_put_u64(b, number());
		break;
	case 'A':
		put_attrs(b);
		break;
	case 'F':
		buf_put_u32(b, byte());
		break;
	case 'D':
		buf_put_string(b, data, (size_t)number() % sizeof(data));
		break;
	case 'i':
		for (size_t i = 0; i < sizeof(ids); i++)
			ids[i] = i % 4 == 3 ? byte() : 0;
		buf_put_string(b, ids, byte() % (sizeof(ids) + 1));
		break;
	case 's':
		buf_put_cstring(b, byte() & 1 ? "sha256,md5" : "crc32");
		break;
	}
}

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
	const struct shape *s = &shapes[byte() % COUNT_OF(shapes)];
	struct buf b;

	buf_init(&b, room, sizeof(room));
	buf_put_u32(&b, 0);
	buf_put_u8(&b, s->type);
	buf_put_u32(&b, p->first + p->asked);
	if (s->name)
		buf_put_cstring(&b, s->name);
	for (const char *f = s->fields; *f; f++)
		put_field(&b, *f);
	if (b.bad || !p->owner || !p->sftp || p->ended || p->asked == REQUESTS_MAX ||
	    p->in_len + b.end > IN_MAX)
		return;
	for (int i = 0; i < 4; i++)
		room[i] = (uint8_t)((b.end - 4) >> (24 - 8 * i));
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
offer(struct ssh_pipe *p)
{
	while (p->owner && !p->closed && p->in_len >= p->need) {
		size_t taken = wire.ops->input(p->owner, p->in, p->in_len, &p->need);

		assert(taken <= p->in_len && p->need > 0);
		p->in_len -= taken;
		memmove(p->in, p->in + taken, p->in_len);
		if (taken == 0)
			return;
	}
}

static bool
is_busy(const struct ssh_pipe *p)
{
	return p->in_len > 0 && p->in_len >= p->need;
}

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
work(void)
{
	static uint8_t room[IPC_MESSAGE_MAX];
	struct buf b;
	uint16_t type;
	uint32_t id;

	while (!wire.late &&
	       ipc_recv(ends[1], MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL) == 0)
		assert(vfs_serve_message(serve, ends[1], type, id, &b) == 0);
}

/* ---- ssh_wire.h ---- */

struct ssh_wire *
ssh_wire_new(struct session *s, struct ssh_server *server)
{
	(void)server;
	wire.s = s;
	return &wire;
}

bool
ssh_login_run(struct ssh_wire *w, enum session_end *ret_end, const char **ret_reason)
{
	struct auth_verdict verdict = { .worker_fd = ends[0] };

	(void)ret_end, (void)ret_reason;
	snprintf(verdict.user, sizeof(verdict.user), "anna");
	snprintf(verdict.start_dir, sizeof(verdict.start_dir), "/");
	session_login(w->s, &verdict);
	return true;
}

void
ssh_wire_serve(struct ssh_wire *w, const struct ssh_wire_ops *ops, void *ctx)
{
	w->ops = ops;
	w->ctx = ctx;
}

void
ssh_wire_wait(struct ssh_wire *w, struct pollfd *others, size_t count, uint64_t deadline_ms)
{
	(void)deadline_ms;
	if (left > 0)
		step();
	else
		last_turn();
	for (int i = 0; i < CHANNELS; i++)
		offer(&w->pipes[i]);
	work();
	for (size_t i = 0; i < count; i++)
		others[i].revents = i == 0 ? POLLIN : 0;
}

void
ssh_wire_free(struct ssh_wire *w, const char *reason)
{
	(void)w, (void)reason;
}

bool
ssh_wire_is_over(const struct ssh_wire *w)
{
	return w->over;
}

enum session_end
ssh_wire_end(const struct ssh_wire *w)
{
	(void)w;
	return SESSION_LOST;
}

bool
ssh_wire_is_broken(const struct ssh_wire *w)
{
	(void)w;
	return false;
}

bool
ssh_wire_is_full(const struct ssh_wire *w)
{
	return w->full;
}

bool
ssh_wire_holds(struct ssh_wire *w, uint64_t now)
{
	(void)w, (void)now;
	return false;
}

uint64_t
ssh_wire_deadline(const struct ssh_wire *w)
{
	(void)w;
	return UINT64_MAX;
}

uint64_t
ssh_wire_sent(const struct ssh_wire *w)
{
	(void)w;
	return 0;
}

ssize_t
ssh_pipe_write(struct ssh_pipe *p, const void *bytes, size_t len)
{
	if (p->closed || p->shut)
		return -EPIPE;
	len = len < wire.window ? len : wire.window;
	read_bytes(p, bytes, len);
	return (ssize_t)len;
}

void
ssh_pipe_resume(struct ssh_pipe *p)
{
	offer(p);
}

bool
ssh_pipe_is_ended(const struct ssh_pipe *p)
{
	return p->ended && !is_busy(p);
}

bool
ssh_pipe_is_idle(const struct ssh_pipe *p)
{
	return !is_busy(p) && !p->ended && !p->closed;
}

bool
ssh_pipe_is_closed(const struct ssh_pipe *p)
{
	return p->closed;
}

void
ssh_pipe_complain(struct ssh_pipe *p, const char *text, size_t len)
{
	(void)p;
	assert(!memmem(text, len, SECRET, strlen(SECRET)));
}

void
ssh_pipe_shut(struct ssh_pipe *p, int status)
{
	(void)status;
	if (p->lawful && !p->closed && !p->shut)
		for (unsigned int i = 0; i < p->asked; i++)
			assert(!p->waiting[i]);
	p->shut = true;
}

void
ssh_pipe_free(struct ssh_pipe *p)
{
	p->owner = NULL;
	p->in_len = 0;
}

/* ---- */

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
	work();
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
