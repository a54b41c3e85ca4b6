/* SPDX-License-Identifier: ISC */
/*
 * worker.c - the hands. Becomes the user, opens the roots of his shares, closes the door behind it,
 * and then answers wire's questions about paths and ports.
 * Distrusts: wire, in every byte. Trusts: monitor, from which it was forked.
 */
#include "server/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/auth_msg.h"
#include "server/base/beat.h"
#include "server/base/fail.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/hook.h"
#include "server/port_msg.h"
#include "server/port_serve.h"
#include "server/sandbox.h"
#include "server/vfs/vfs_msg.h"
#include "server/vfs/vfs_serve.h"

/* The largest question: two paths. */
#define QUESTION_MAX (2 * IPC_PATH_MAX + 256)

/* Between two looks at monitor. */
#define QUESTIONS_AT_ONCE 64

static void
tell_monitor(const struct worker *w, int err)
{
	uint8_t room[64];
	struct buf b;

	ipc_begin(&b, room, sizeof(room), WORKER_MSG_READY, 0);
	buf_put_u32(&b, (uint32_t)-err);
	if (ipc_send(w->monitor_sock, &b, -1) < 0)
		die("monitor does not listen");
}

/* One question. Returns 0, -EAGAIN (there is none), or -errno when the session is over. */
static int
serve_one(struct worker *w, struct vfs_serve *files, struct port_serve *ports)
{
	static uint8_t room[QUESTION_MAX];
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err;

	err = ipc_recv(w->wire_sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);
	if (err == -EAGAIN)
		return err;
	beat_work(w->beat);
	if (err == 0 && type >= VFS_MSG_STAT && type < VFS_MSG_END) {
		err = vfs_serve_queue(files, w->wire_sock, type, id, &b);
	} else if (err == 0 && type >= PORT_MSG_LISTEN && type < PORT_MSG_END) {
		err = vfs_serve_flush(files, w->wire_sock);
		if (err == 0)
			err = port_serve_message(ports, w->wire_sock, type, id, &b);
	} else if (err == 0) {
		err = -EBADMSG;
	}
	if (err == -EBADMSG)
		log_error("bad-message", "from=wire type=%u", type);
	return err;
}

static void
serve(struct worker *w, struct vfs_serve *files)
{
	struct port_serve ports = {
		.conf = w->conf, .gate = w->gate_sock, .local = w->local, .peer = w->peer
	};
	struct pollfd fds[] = {
		{ .fd = w->wire_sock, .events = POLLIN },
		{ .fd = w->monitor_sock, .events = POLLIN },
	};

	for (;;) {
		int err = -EAGAIN;

		beat_rest(w->beat);
		if (poll(fds, COUNT_OF(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			die("poll: %s", strerror(errno));
		}
		if (fds[1].revents)
			return;
		/* Pipelined questions are answered without a poll between them. */
		for (int i = 0; fds[0].revents && i < QUESTIONS_AT_ONCE; i++)
			if ((err = serve_one(w, files, &ports)) < 0)
				break;
		if (err >= 0 || err == -EAGAIN)
			err = vfs_serve_flush(files, w->wire_sock);
		if (err < 0) {
			if (err != -EPIPE && err != -EBADMSG)
				log_error("worker-end", "error=%s", strerrorname_np(-err));
			return;
		}
	}
}

/* Nobody waits for a hook: when monitor has no room for it, it is lost, and that is counted. */
static void
on_event(void *ctx, const struct vfs_event *what)
{
	static const enum hook_kind kinds[] = { [VFS_EVENT_UPLOAD] = HOOK_UPLOAD,
						[VFS_EVENT_DELETE] = HOOK_DELETE,
						[VFS_EVENT_RENAME] = HOOK_RENAME };
	static uint8_t room[HOOK_MESSAGE_MAX];
	static struct hook_event e;
	static uint64_t lost;
	const struct worker *w = ctx;
	struct text file;
	struct buf b;

	e.kind = kinds[what->kind];
	if (!hook_wants(w->conf, e.kind))
		return;
	/* All of these are shorter, but for share and file, which may be cut. */
	(void)snprintf(e.share, sizeof(e.share), "%s", what->share);
	(void)snprintf(e.path, sizeof(e.path), "%s", what->path);
	(void)snprintf(e.to, sizeof(e.to), "%s", what->to);
	text_init(&file, e.file, sizeof(e.file));
	text_puts(&file, what->root);
	if (what->inner[0]) {
		text_putc(&file, '/');
		text_puts(&file, what->inner);
	}
	e.bytes = what->bytes;
	e.directory = what->directory;
	ipc_begin(&b, room, sizeof(room), WORKER_MSG_EVENT, 0);
	buf_put_u64(&b, lost);
	hook_put_event(&b, &e);
	lost = ipc_send_now(w->monitor_sock, &b, -1) == 0 ? 0 : lost + 1;
}

static void
allow_root(void *ctx, int root, bool write)
{
	landlock_allow(ctx, root, write);
}

void
worker_run(struct worker *w)
{
	struct vfs_serve *files;
	struct landlock paths;
	int err;

	log_process("worker");
	/* The files behind quotas are not the user's. */
	err = vfs_serve_prepare(w->conf, w->account, &files);
	sandbox_worker_user(w->conf, w->account);
	umask(0);
	if (err == 0)
		err = vfs_serve_start(files);
	if (err < 0) {
		tell_monitor(w, err);
		_exit(1);
	}
	landlock_begin(&paths, w->ports && w->conf->ftps.active);
	vfs_serve_roots(files, allow_root, &paths);
	sandbox_worker(w->conf, &paths, w->ports, w->monitor_sock);
	tell_monitor(w, 0);
	if (w->conf->hooks.spool)
		vfs_serve_events(files, on_event, w);
	serve(w, files);
	vfs_serve_free(files);
	_exit(0);
}
