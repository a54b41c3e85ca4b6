/* SPDX-License-Identifier: ISC */
/*
 * sftp_run.c - the SFTP front end: its loop and its channels.
 * Owns: the order of work. Must not: open anything, decide any right, or touch libssh.
 *
 * One turn: what waited is offered again, replies are made and sent as far as the client reads,
 * then the turn waits for the client, worker or monitor. Requests are taken apart inside that
 * waiting.
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/sftp/sftp_channel.h"
#include "server/base/clock.h"
#include "server/base/log.h"

/* How long worker is told at the end what became of its files. */
#define TELL_MS 2000

static void *
on_open(void *ctx, struct ssh_pipe *pipe, bool sftp, const char *command)
{
	struct sftp *f = ctx;
	struct sftp_channel *ch;

	if (f->channel_count == f->channel_max)
		return NULL;
	ch = mem_new(1, sizeof(*ch));
	ch->f = f;
	ch->pipe = pipe;
	buf_init(&ch->small, mem_new(4096, 1), 4096);
	ch->out = mem_new(SFTP_OUT_BYTES, 1); /* untouched pages cost nothing */
	ch->reads = mem_new(SFTP_READS_MAX, sizeof(*ch->reads));
	f->channels[f->channel_count++] = ch;
	if (!sftp)
		sftp_verb_begin(ch, command);
	return ch;
}

static const struct ssh_wire_ops wire_ops = { .open = on_open, .input = sftp_input };

static void
free_channel(struct sftp *f, size_t i)
{
	struct sftp_channel *ch = f->channels[i];
	struct sftp_handle *h = NULL;

	sftp_sum_stop(ch);
	sftp_verb_free(ch);
	while ((h = sftp_handle_next(f->handles, ch, h)) != NULL) {
		if (h->asks > 0)
			h->owner = NULL; /* the answer will find nobody, and abandon it */
		else
			sftp_abandon(f, h);
	}
	for (size_t k = 0; k < ASK_MAX; k++) {
		if (f->asks[k].channel == ch)
			f->asks[k].channel = NULL;
	}
	ssh_pipe_free(ch->pipe);
	free(ch->small.at);
	free(ch->out);
	free(ch->reads);
	free(ch);
	f->channels[i] = f->channels[--f->channel_count];
}

static void
move_small(struct sftp_channel *ch)
{
	size_t n = ch->small.end < SFTP_BATCH_BYTES ? ch->small.end : SFTP_BATCH_BYTES;

	memcpy(ch->out + ch->out_end, ch->small.at, n);
	ch->out_end += n;
	ch->small.end -= n;
	memmove(ch->small.at, ch->small.at + n, ch->small.end);
}

/* Puts a batch together: small replies, and queued reads behind them. */
static void
fill(struct sftp_channel *ch)
{
	ch->out_pos = ch->out_end = 0;
	move_small(ch);
	if (ch->small.end > 0)
		return;
	sftp_fill_reads(ch);
	if (ch->out_end == 0)
		move_small(ch); /* reads that came to nothing: at the end of a file, or failed */
}

/* Sends what there is. Returns true when something moved. */
static bool
produce(struct sftp_channel *ch)
{
	ssize_t n;

	if (ch->out_pos == ch->out_end)
		fill(ch);
	if (ch->out_pos == ch->out_end)
		return false;
	n = ssh_pipe_write(ch->pipe, ch->out + ch->out_pos, ch->out_end - ch->out_pos);
	if (n < 0) {
		ch->broken = true;
		return false;
	}
	ch->out_pos += (size_t)n;
	if (n > 0)
		ch->f->progress_ms = clock_ms();
	return n > 0;
}

/* Has everything that the client asked for been answered? */
static bool
is_settled(const struct sftp_channel *ch)
{
	return ch->asks == 0 && !ch->sum && ch->read_count == 0 && ch->small.end == 0 &&
	       ch->out_pos == ch->out_end;
}

/* One turn of one channel. Returns true when something moved; *gone when it is no more. */
static bool
serve_channel(struct sftp *f, size_t i, bool *gone)
{
	struct sftp_channel *ch = f->channels[i];
	bool moved = false, ended;
	int status = 0;

	if (ssh_pipe_is_closed(ch->pipe)) {
		free_channel(f, i);
		*gone = true;
		return true;
	}
	ssh_pipe_resume(ch->pipe);
	if (!ch->broken && !f->held && !ssh_wire_is_full(f->wire)) {
		moved = ch->verb ? sftp_verb_step(ch) : sftp_sum_step(ch);
		moved |= produce(ch);
	}
	ended = ch->verb ? sftp_verb_is_done(ch, &status) : ssh_pipe_is_ended(ch->pipe);
	if (ch->broken || (ended && is_settled(ch)))
		ssh_pipe_shut(ch->pipe, status);
	/* libssh reads while it writes, so the client's close may have come in this very turn. */
	return moved || ssh_pipe_is_closed(ch->pipe);
}

static bool
serve_channels(struct sftp *f)
{
	bool moved = false;

	f->held = ssh_wire_holds(f->wire, clock_ms());
	for (size_t i = 0; i < f->channel_count;) {
		bool gone = false;

		moved |= serve_channel(f, i, &gone);
		i += !gone;
	}
	return moved;
}

/* Looks whether bytes left since the last turn. */
static void
note_sent(struct sftp *f, uint64_t now)
{
	uint64_t sent = ssh_wire_sent(f->wire);

	if (sent != f->sent || !ssh_wire_is_full(f->wire)) {
		f->sent = sent;
		f->sent_ms = now;
	}
}

/* Is it over because nothing happens? Returns why, for the client, or NULL. */
static const char *
too_quiet(const struct sftp *f, uint64_t now)
{
	const uint64_t idle_ms = f->s->conf->limits.idle_ms, stall_ms = f->s->conf->limits.stall_ms;

	if (stall_ms > 0 && now - f->sent_ms >= stall_ms)
		return "The client has not read for too long.";
	if (idle_ms > 0 && now - f->progress_ms >= idle_ms &&
	    (!ssh_wire_is_full(f->wire) || now - f->sent_ms >= idle_ms))
		return "Idle for too long.";
	return NULL;
}

/* Is there something that could be sent, or summed, or looked at again, in another turn? */
static bool
has_more(const struct sftp *f)
{
	for (size_t i = 0; i < f->channel_count; i++) {
		const struct sftp_channel *ch = f->channels[i];

		if (ch->verb || ch->sum || ch->read_count > 0 || ch->small.end > 0 ||
		    ch->out_pos < ch->out_end || !ssh_pipe_is_idle(ch->pipe))
			return true;
	}
	return false;
}

/* When must the loop turn again although nothing came? */
static uint64_t
deadline(struct sftp *f, bool moved)
{
	const uint64_t idle_ms = f->s->conf->limits.idle_ms, stall_ms = f->s->conf->limits.stall_ms;
	bool full = ssh_wire_is_full(f->wire);
	uint64_t at = ssh_wire_deadline(f->wire);

	if (moved && !full && !f->held && has_more(f))
		return 0;
	if (idle_ms > 0) /* the later of both, so that it is not woken in vain */
		at = clock_first(
		    at,
		    (full && f->sent_ms > f->progress_ms ? f->sent_ms : f->progress_ms) + idle_ms);
	if (full && stall_ms > 0)
		at = clock_first(at, f->sent_ms + stall_ms);
	at = clock_first(at, pace_deadline(&f->s->down));
	return clock_first(at, pace_deadline(&f->s->up));
}

/* Monitor speaks to a logged-in session only by going away. */
static bool
is_monitor_gone(struct sftp *f)
{
	static struct auth_verdict v;
	int err = auth_recv(f->s->auth, &v);

	if (err == 0)
		auth_verdict_clear(&v);
	return err == -EPIPE;
}

static enum session_end
end_of_connection(const struct sftp *f)
{
	enum session_end end = ssh_wire_end(f->wire);

	return end == SESSION_LOST && sftp_handles_used(f->handles) == 0 ? SESSION_QUIT : end;
}

/* Is the session over? What stays true is looked at in every turn. */
static bool
is_over(struct sftp *f, uint64_t now, enum session_end *ret_end, const char **ret_reason)
{
	const char *quiet = too_quiet(f, now);

	if (ssh_wire_is_over(f->wire)) {
		*ret_end = end_of_connection(f);
	} else if (ssh_wire_is_broken(f->wire)) {
		*ret_end = SESSION_PROTOCOL;
	} else if (quiet) {
		*ret_end = SESSION_IDLE;
		*ret_reason = quiet;
	} else {
		return false;
	}
	return true;
}

static enum session_end
loop(struct sftp *f, const char **ret_reason)
{
	struct pollfd others[2];
	enum session_end end;

	ask_gather(f->s->ask);
	f->progress_ms = f->sent_ms = clock_ms();
	for (;;) {
		bool moved = serve_channels(f);
		uint64_t now = clock_ms();

		note_sent(f, now);
		if (f->lost > 0)
			sftp_bury(f);
		if (is_over(f, now, &end, ret_reason))
			return end;
		ask_flush(f->s->ask);
		others[0] = (struct pollfd) { ask_fd(f->s->ask), ask_events(f->s->ask), 0 };
		others[1] = (struct pollfd) { auth_fd(f->s->auth), POLLIN, 0 };
		ssh_wire_wait(f->wire, others, 2, deadline(f, moved));
		ask_flush(f->s->ask);
		if (others[1].revents && is_monitor_gone(f))
			return SESSION_MONITOR_GONE;
		if (others[0].revents && ask_pump(f->s->ask) < 0) {
			*ret_reason = "The server had to end this session.";
			return SESSION_WORKER_GONE;
		}
	}
}

static struct sftp *
sftp_new(struct session *s, struct ssh_wire *wire)
{
	struct sftp *f = mem_new(1, sizeof(*f));

	f->s = s;
	f->wire = wire;
	f->handles = sftp_handles_new(s->conf->sftp.max_handles);
	f->channel_max = s->conf->sftp.max_channels > 0 ? s->conf->sftp.max_channels : 1;
	f->channels = mem_new(f->channel_max, sizeof(struct sftp_channel *));
	for (size_t i = 0; i < ASK_MAX; i++) {
		f->asks[i].next = f->free_ask;
		f->free_ask = &f->asks[i];
	}
	return f;
}

/*
 * What was being written ends, and worker hears how much came: without that it must take it that
 * something is missing in the middle. Not for long: a worker that hangs is what may have ended us.
 */
static void
tell_lost(struct sftp *f)
{
	uint64_t end = clock_ms() + TELL_MS;
	bool told = f->lost > 0;

	for (size_t i = 0; i < ASK_MAX; i++)
		f->asks[i].channel = NULL;
	for (size_t i = 0; i < f->channel_count; i++) {
		struct sftp_handle *h = NULL;

		while ((h = sftp_handle_next(f->handles, f->channels[i], h)) != NULL) {
			if (h->kind != SFTP_HANDLE_FILE || h->bytes_written == 0)
				continue;
			told = true;
			if (h->asks > 0)
				h->owner = NULL; /* the answer will find nobody, and abandon it */
			else
				sftp_abandon(f, h);
		}
	}
	while (told && clock_ms() < end) {
		struct pollfd p = { .fd = ask_fd(f->s->ask) };

		sftp_bury(f);
		ask_flush(f->s->ask);
		p.events = ask_events(f->s->ask);
		/* Nothing waits for an answer, nor for room in the socket. */
		if (f->lost == 0 && ask_open(f->s->ask) == 0 && !(p.events & POLLOUT))
			return;
		if (poll(&p, 1, (int)(TELL_MS / 10)) < 0 || ask_pump(f->s->ask) < 0)
			return;
	}
}

/* Only memory and descriptors: what else worker holds ends with the session's socket. */
static void
sftp_free(struct sftp *f)
{
	tell_lost(f);
	for (size_t i = 0; i < f->channel_count; i++) {
		sftp_sum_stop(f->channels[i]);
		sftp_verb_free(f->channels[i]);
		free(f->channels[i]->small.at);
		free(f->channels[i]->out);
		free(f->channels[i]->reads);
		free(f->channels[i]);
	}
	sftp_handles_free(f->handles);
	free(f->channels);
	free(f);
}

enum session_end
sftp_run(struct session *s, struct ssh_server *server)
{
	struct ssh_wire *wire = ssh_wire_new(s, server);
	const char *reason = NULL;
	enum session_end end;
	struct sftp *f;

	if (!wire) {
		log_error("ssh-setup", "why=\"libssh refused to start a session\"");
		return SESSION_LOST;
	}
	/*
	 * libssh frees buffers with passwords in them as they are; the C library overwrites them
	 * for us.
	 */
	ignore_result(mallopt(M_PERTURB, 0x5a));
	if (!ssh_login_run(wire, &end, &reason)) {
		ssh_wire_free(wire, reason);
		return end;
	}
	ignore_result(mallopt(M_PERTURB, 0));
	f = sftp_new(s, wire);
	ssh_wire_serve(wire, &wire_ops, f);
	end = loop(f, &reason);
	ssh_wire_free(wire, reason);
	sftp_free(f);
	return end;
}
