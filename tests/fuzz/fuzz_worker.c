/* SPDX-License-Identifier: ISC */
/*
 * fuzz_worker.c - a wire that has gone bad asks worker whatever it likes, in one session over real
 * directories, while something beside it exchanges directories for links. The bytes are a program:
 * one byte chooses what is done, the next ones its fields. (make fuzz)
 *
 * Whatever is asked: no descriptor comes but of a regular file of the share, the directory beside
 * the share stays as it is, and the session leaves no descriptor behind.
 */
#include <sys/socket.h>

#include "server/base/ipc.h"
#include "server/vfs/vfs_msg.h"
#include "server/vfs/vfs_serve.h"
#include "tests/fuzz/fuzz_share.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define STEPS 200
#define FDS 4
#define TICKETS 8

static struct vfs_serve *serve;
static int ends[2]; /* ours, worker's */
static int fds[FDS];
static uint32_t tickets[TICKETS];
static unsigned int fd_next, ticket_next;

/* What has been answered: is it what may be answered? */
static void
look_at(const struct buf *answer, uint16_t type, int fd)
{
	struct buf b = *answer;
	uint32_t err = buf_get_u32(&b);
	char why[4096];
	struct stat st, secret;

	buf_get_cstring(&b, why, sizeof(why));
	assert(!b.bad && err < 4096 && (err == 0 || buf_left(&b) == 0));
	if (err == 0 && (type == VFS_MSG_OPEN || type == VFS_MSG_OPENDIR))
		tickets[ticket_next++ % TICKETS] = buf_get_u32(&b);
	if (fd < 0)
		return;
	assert(err == 0 && type == VFS_MSG_OPEN);
	assert(fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
	assert(stat(under_top("/beside/secret"), &secret) == 0 && secret.st_ino != st.st_ino);
	fd_close(&fds[fd_next % FDS]);
	fds[fd_next++ % FDS] = fd;
}

/* False: the session is over. */
static bool
send_it(uint16_t type, uint32_t id, const struct buf *question)
{
	static uint8_t room[IPC_MESSAGE_MAX];
	struct buf b;
	uint32_t answered;
	uint16_t of;
	int fd;

	buf_init_read(&b, question->at, question->end);
	if (vfs_serve_message(serve, ends[1], type, id, &b) < 0)
		return false;
	while (ipc_recv(ends[0], MSG_DONTWAIT, room, sizeof(room), &b, &of, &answered, &fd) == 0) {
		assert(of == type && answered == id);
		look_at(&b, type, fd);
	}
	return true;
}

static bool
ask(uint8_t which)
{
	/* p path, 4 and 8 numbers, 1 a byte, t ticket, s a word: vfs_msg.h */
	static const char *const shapes[] = {
		"p4",  "p448488444", "p448", "t", "t8", "t8s", "t",  "t48488444",
		"t",   "t88t8",	     "p4",   "t", "t",	"p4",  "p",  "p",
		"pp4", "pp",	     "pp",   "p", "p",	"t8",  "t1",
	};
	static uint8_t room[2 * VFS_PATH_MAX + 512];
	uint16_t type = (uint16_t)(VFS_MSG_STAT + which % (VFS_MSG_END - VFS_MSG_STAT));
	struct buf b;

	_Static_assert(COUNT_OF(shapes) == VFS_MSG_END - VFS_MSG_STAT, "a shape for each question");
	buf_init(&b, room, sizeof(room));
	for (const char *s = shapes[type - VFS_MSG_STAT]; *s; s++) {
		switch (*s) {
		case 'p':
			put_path(&b);
			break;
		case 't': {
			uint8_t t = byte();

			buf_put_u32(&b, t < 0xe0 ? tickets[t % TICKETS] : (uint32_t)number());
			break;
		}
		case '1':
			buf_put_u8(&b, byte());
			break;
		case '4':
			buf_put_u32(&b, (uint32_t)number());
			break;
		case '8':
			buf_put_u64(&b, number());
			break;
		case 's':
			buf_put_cstring(&b, byte() & 1 ? "connection-lost" : "");
			break;
		}
	}
	return send_it(type, byte() & 1 ? 1 : 0x80000001u, &b);
}

static bool
ask_raw(void)
{
	static uint8_t room[256];
	uint16_t type = (uint16_t)(VFS_MSG_STAT - 1 + byte() % (VFS_MSG_END - VFS_MSG_STAT + 2));
	size_t n = byte();
	struct buf b;

	buf_init(&b, room, sizeof(room));
	for (size_t i = 0; i < n; i++)
		buf_put_u8(&b, byte());
	return send_it(type, 1, &b);
}

/* What wire does with the descriptors that it has. */
static void
write_some(void)
{
	static const char text[4096] = "content";
	int fd = fds[byte() % FDS];

	if (fd >= 0)
		ignore_result((int)pwrite(fd, text, (size_t)number() % sizeof(text),
					  (off_t)(number() & 0xffff)));
}

static bool
step(void)
{
	uint8_t what = byte();

	if (what < 0xd0)
		return ask(what);
	if (what < 0xe0)
		return ask_raw();
	if (what < 0xf0)
		write_some();
	else
		beside_us(what);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned int before;

	if (!top[0])
		begin_all();
	program = data;
	left = len;
	make_share();
	before = open_fds();
	memset(tickets, 0, sizeof(tickets));
	memset(fds, -1, sizeof(fds));
	assert(ipc_pair(ends) == 0);
	assert(vfs_serve_new(confs[byte() % COUNT_OF(kinds)], &account, &serve) == 0);
	for (int i = 0; i < STEPS && left > 0 && step(); i++)
		;
	vfs_serve_free(serve);
	for (int i = 0; i < FDS; i++)
		fd_close(&fds[i]);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	assert(open_fds() == before);
	check_beside();
	assert(delete_below(under_top("/share")) == 0);
	return 0;
}
