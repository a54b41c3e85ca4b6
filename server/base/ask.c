/* SPDX-License-Identifier: ISC */
/*
 * ask.c - ordered questions and answers over one ipc socket.
 * Invariant: answers carry the ids of the questions in the order in which those were sent. An
 * answer out of order means that the other side is not what it was: the channel is given up.
 */
#include "server/base/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server/base/fd.h"
#include "server/base/ipc.h"

struct waiting { /* a question that the socket had no room for yet */
	struct waiting *next;
	size_t len;
	uint8_t bytes[];
};

struct ask {
	int sock;
	uint32_t next_id;
	bool gone;
	struct {
		uint32_t id;
		ask_fn *done;
		void *ctx;
	} open[ASK_MAX]; /* a ring: the oldest is open[first] */
	unsigned int first, count;
	struct waiting *out, **out_end;
	bool gathers;
	struct ipc_batch batch; /* gathered; not while anything is in out */
	uint8_t room[IPC_MESSAGE_MAX];
};

struct ask *
ask_new(int sock)
{
	struct ask *a = mem_new(1, sizeof(*a));

	a->sock = sock;
	a->out_end = &a->out;
	return a;
}

void
ask_free(struct ask *a)
{
	if (!a)
		return;
	while (a->out) {
		struct waiting *w = a->out;

		a->out = w->next;
		free(w);
	}
	fd_close(&a->sock);
	free(a);
}

int
ask_fd(const struct ask *a)
{
	return a->sock;
}

short
ask_events(const struct ask *a)
{
	return a->out ? POLLIN | POLLOUT : POLLIN;
}

unsigned int
ask_open(const struct ask *a)
{
	return a->count;
}

void
ask_begin(struct ask *a, struct buf *b, void *storage, size_t size, uint16_t type)
{
	ipc_begin(b, storage, size, type, a->next_id);
}

static void
wait_for_room(struct ask *a, const void *at, size_t len)
{
	struct waiting *w = mem_new(1, sizeof(*w) + len);

	w->len = len;
	memcpy(w->bytes, at, len);
	*a->out_end = w;
	a->out_end = &w->next;
}

void
ask_gather(struct ask *a)
{
	a->gathers = true;
}

void
ask_flush(struct ask *a)
{
	struct ipc_batch *t = &a->batch;
	unsigned int sent = 0;

	if (t->count == 0)
		return;
	/* A broken socket shows itself in the next recv. */
	ignore_result(ipc_batch_send_now(a->sock, t, &sent));
	for (; sent < t->count; sent++)
		wait_for_room(a, t->room + t->out[sent].at, t->out[sent].len);
	ipc_batch_clear(t);
}

/* Now, or when there is room. */
static int
send_or_wait(struct ask *a, const struct buf *question)
{
	int err = -EAGAIN;

	if (a->gathers && !a->out) {
		if (ipc_batch_put(&a->batch, question, -1))
			return 0;
		ask_flush(a);
		if (!a->out && ipc_batch_put(&a->batch, question, -1))
			return 0;
	}
	if (!a->out)
		err = ipc_send_now(a->sock, question, -1);
	if (err == -EAGAIN) {
		wait_for_room(a, question->at, question->end);
		err = 0;
	}
	return err;
}

int
ask_send(struct ask *a, const struct buf *question, ask_fn *done, void *ctx)
{
	unsigned int slot;
	int err;

	if (a->gone)
		return -EPIPE;
	if (question->bad)
		return -EMSGSIZE;
	if (!done) {
		ipc_set_id(question, a->next_id | ASK_TELL);
		return send_or_wait(a, question);
	}
	if (a->count == ASK_MAX)
		return -EBUSY;
	err = send_or_wait(a, question);
	if (err < 0)
		return err;
	slot = (a->first + a->count++) % ASK_MAX;
	a->open[slot].id = a->next_id;
	a->next_id = (a->next_id + 1) & ~ASK_TELL;
	a->open[slot].done = done;
	a->open[slot].ctx = ctx;
	return 0;
}

static void
flush(struct ask *a)
{
	while (a->out) {
		struct waiting *w = a->out;
		struct buf b;

		buf_init_read(&b, w->bytes, w->len);
		if (ipc_send_now(a->sock, &b, -1) < 0)
			return; /* no room yet; a broken socket shows itself in the next recv */
		a->out = w->next;
		if (!a->out)
			a->out_end = &a->out;
		free(w);
	}
}

/* Takes the oldest question off the ring and answers it. */
static void
hand_out(struct ask *a, int err, const char *why, struct buf *b, int *fd)
{
	ask_fn *done = a->open[a->first].done;
	void *ctx = a->open[a->first].ctx;

	a->first = (a->first + 1) % ASK_MAX;
	a->count--;
	if (done)
		done(ctx, err, why, b, fd);
}

static void
give_up(struct ask *a)
{
	a->gone = true;
	while (a->count > 0) {
		struct buf nothing;
		int fd = -1;

		buf_init_read(&nothing, "", 0);
		hand_out(a, -EPIPE, "", &nothing, &fd);
	}
}

int
ask_pump(struct ask *a)
{
	int err;

	ask_flush(a);
	flush(a);
	/* Once also when nothing is due, for the end of the other side, or a lie. */
	do {
		FD_OWN int fd = -1;
		struct buf b;
		uint16_t type;
		uint32_t id, verdict;
		char why[512];

		err =
		    ipc_recv(a->sock, MSG_DONTWAIT, a->room, sizeof(a->room), &b, &type, &id, &fd);
		if (err == -EAGAIN)
			return 0;
		if (err < 0)
			break;
		verdict = buf_get_u32(&b);
		buf_get_cstring(&b, why, sizeof(why));
		if (b.bad || verdict > 4095 || a->count == 0 || a->open[a->first].id != id) {
			err = -EBADMSG;
			break;
		}
		hand_out(a, -(int)verdict, why, &b, &fd);
	} while (a->count > 0);
	if (err == 0)
		return 0;
	give_up(a);
	return err;
}

void
answer_begin(struct buf *b, void *storage, size_t size, uint16_t type, uint32_t id, int err,
	     const char *why)
{
	ipc_begin(b, storage, size, type, id);
	buf_put_u32(b, (uint32_t)-err);
	buf_put_cstring(b, why);
}
