/* SPDX-License-Identifier: ISC */
/*
 * fuzz_ssh.h - what stands in place of ssh_wire.h for a fuzzer: pipes are memory, and each time the
 * front end waits, the client and worker have a turn.
 */
#ifndef TESTS_FUZZ_FUZZ_SSH_H
#define TESTS_FUZZ_FUZZ_SSH_H

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "auth/auth.h"
#include "protocols/sftp/ssh_wire.h"
#include "tests/fuzz/fuzz_share.h"

#define CHANNELS 3
#define REQUESTS_MAX 256

/* The fuzzer's: what it reads, and the turns. */
static void read_bytes(struct ssh_pipe *p, const uint8_t *bytes, size_t len);
static void client_turn(void);
static void worker_turn(void);

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
static int ends[2]; /* the way to worker: wire's end, worker's */

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
	client_turn();
	for (int i = 0; i < CHANNELS; i++)
		offer(&w->pipes[i]);
	worker_turn();
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
ssh_wire_is_link_first(const struct ssh_wire *w)
{
	(void)w;
	return false;
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

#endif
