/* SPDX-License-Identifier: ISC */
/*
 * ssh_wire.c - one SSH connection and its channels, on top of libssh.
 * Owns: the event loop's waiting, the receive window, back-pressure towards a client that does not
 * read. Must not: know SFTP. Trusts nothing that the client sends, and of libssh only what was
 * measured: it bounds neither its input nor its output, so both are bounded here.
 */
#include "protocols/sftp/ssh_wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "protocols/sftp/ssh_local.h"
#include "protocols/sftp/ssh_shim.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/mem.h"

/*
 * libssh up to 0.10 grows its window by itself to this; beyond, a client sends what was not
 * granted.
 */
#define SSH_WINDOW_OWN (1280u * 1024u)
/* A goodbye may take this long to leave. */
#define FLUSH_MS 1000
/* So many bytes at once are a stream, in which the next ones come within so many milliseconds. */
#define STREAM_BYTES 16384
#define STREAM_MS 2

struct ssh_wire *
ssh_wire_new(struct session *s, struct ssh_server *server)
{
	struct ssh_wire *w = mem_new(1, sizeof(*w));

	w->s = s;
	w->server = server;
	w->fd = s->client_fd;
	w->ssh = ssh_new();
	if (!w->ssh || ssh_setup_session(server, s, w->ssh) < 0) {
		ssh_free(w->ssh);
		free(w);
		return NULL;
	}
	s->client_fd = -1; /* libssh closes it */
	ssh_set_counters(w->ssh, &w->socket_count, &w->packet_count);
	ssh_shim_set(w->fd);
	return w;
}

void
ssh_wire_free(struct ssh_wire *w, const char *reason)
{
	for (size_t i = 0; i < w->pipe_count; i++) {
		struct ssh_pipe *p = &w->pipes[i];

		if (p->channel)
			(void)ssh_remove_channel_callbacks(p->channel, &p->callbacks);
		free(p->carry);
	}
	if (!ssh_wire_is_over(w)) {
		if (reason)
			(void)ssh_session_set_disconnect_message(w->ssh, reason);
		(void)ssh_blocking_flush(w->ssh, FLUSH_MS);
		ssh_disconnect(w->ssh);
	}
	if (w->event)
		ssh_event_free(w->event);
	ssh_free(w->ssh);
	ssh_shim_set(-1);
	free(w->pipes);
	free(w->scratch);
	free(w);
}

bool
ssh_wire_is_over(const struct ssh_wire *w)
{
	return !ssh_is_connected(w->ssh) ||
	       (ssh_get_status(w->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0;
}

/*
 * The beginnings of libssh's errors that are no fault of what a client sent; same in 0.10 to 0.12.
 */
static const struct {
	const char *begin;
	enum session_end end;
} endings[] = {
	{ "Received SSH_MSG_DISCONNECT: 11:", SESSION_QUIT }, /* RFC 4253, 11.1: BY_APPLICATION */
	{ "Received SSH_MSG_DISCONNECT: ", SESSION_LOST },
	{ "Socket error: ", SESSION_LOST },
};

enum session_end
ssh_wire_end(const struct ssh_wire *w)
{
	const char *error = ssh_get_error(w->ssh);
	struct log_value why;

	if (!error || !*error || ssh_get_error_code(w->ssh) != SSH_FATAL)
		return SESSION_LOST;
	for (size_t i = 0; i < COUNT_OF(endings); i++)
		if (strncmp(error, endings[i].begin, strlen(endings[i].begin)) == 0)
			return endings[i].end;
	log_notice("ssh-broken", "why=%s", log_q(&why, error));
	return SESSION_PROTOCOL;
}

bool
ssh_wire_is_broken(const struct ssh_wire *w)
{
	return w->broken;
}

bool
ssh_wire_is_full(const struct ssh_wire *w)
{
	return (ssh_get_status(w->ssh) & SSH_WRITE_PENDING) != 0;
}

bool
ssh_wire_is_link_first(const struct ssh_wire *w)
{
	return w->link_first;
}

uint64_t
ssh_wire_sent(const struct ssh_wire *w)
{
	return w->socket_count.out_bytes;
}

/* Channels that never became SFTP have no owner to free them. */
static void
sweep(struct ssh_wire *w)
{
	for (size_t i = 0; i < w->pipe_count; i++) {
		struct ssh_pipe *p = &w->pipes[i];

		if (!p->channel || p->owner)
			continue;
		if (p->closed)
			ssh_pipe_free(p);
		else if (p->ended)
			ssh_pipe_shut(p, 0);
	}
}

/* Does a part of a packet wait for the rest, of SSH's or of the layer above? */
static bool
waits_for_more(const struct ssh_wire *w, uint64_t packets)
{
	if (w->packet_count.in_packets == packets)
		return true;
	for (size_t i = 0; i < w->pipe_count; i++) {
		if (w->pipes[i].owner && !w->pipes[i].busy && w->pipes[i].left > 0)
			return true;
	}
	return false;
}

/*
 * A client that writes packets in two pieces without TCP_NODELAY (node's ssh2) holds the second one
 * back until the first is acknowledged, for which the kernel would take 40 ms.
 */
static void
hurry(struct ssh_wire *w)
{
	const int on = 1;

	w->in_stream = false;
	ignore_result(setsockopt(w->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on)));
}

/*
 * Waits for the client and the others. In a stream the kernel acknowledges often enough by itself,
 * and every acknowledgement of ours would cost as much as a read: only its end is hurried.
 */
static int
wait_for(struct ssh_wire *w, struct pollfd *fds, size_t count, uint64_t deadline_ms)
{
	int ms = clock_poll(deadline_ms), n;

	if (w->in_stream && (ms < 0 || ms > STREAM_MS)) {
		n = ssh_shim_poll(fds, count, STREAM_MS);
		if (n != 0)
			return n;
		hurry(w);
		ms = clock_poll(deadline_ms);
	}
	return ssh_shim_poll(fds, count, ms);
}

/*
 * While output waits, only its going out is waited for; what came in meanwhile is looked at by the
 * piece that libssh reads per turn. So a client that does not read cannot make us queue.
 */
void
ssh_wire_wait(struct ssh_wire *w, struct pollfd *others, size_t count, uint64_t deadline_ms)
{
	struct pollfd fds[1 + SSH_WIRE_OTHERS];
	uint64_t packets, bytes;
	bool full = ssh_wire_is_full(w);
	int n;

	beat_work(w->s->beat); /* another turn, though nothing may be waited for */
	for (size_t i = 0; i < count; i++)
		others[i].revents = 0;
	if (full || !ssh_shim_holds()) {
		fds[0] = (struct pollfd) { .fd = w->fd, .events = full ? POLLOUT : POLLIN };
		memcpy(fds + 1, others, count * sizeof(*others));
		beat_rest(w->s->beat);
		n = wait_for(w, fds, 1 + count, deadline_ms);
		beat_work(w->s->beat);
		if (n <= 0)
			return;
		memcpy(others, fds + 1, count * sizeof(*others));
		if (fds[0].revents == 0)
			return;
	}
	packets = w->packet_count.in_packets;
	bytes = w->socket_count.in_bytes;
	do {
		if (!w->event || ssh_event_dopoll(w->event, 0) < 0)
			break;
	} while (ssh_shim_holds() && !ssh_wire_is_full(w) && !ssh_wire_is_over(w) && !w->broken);
	bytes = w->socket_count.in_bytes - bytes;
	if (bytes > 0)
		w->in_stream = bytes >= STREAM_BYTES && waits_for_more(w, packets);
	if (bytes > 0 && !w->in_stream && waits_for_more(w, packets))
		hurry(w);
	sweep(w);
}

static bool
open_channel(struct ssh_wire *w, ssh_message msg)
{
	ssh_channel channel;

	for (size_t i = 0; i < w->pipe_count; i++) {
		struct ssh_pipe *p = &w->pipes[i];

		if (p->channel)
			continue;
		channel = ssh_message_channel_request_open_reply_accept(msg);
		if (!channel)
			return false;
		if (ssh_pipe_open(p, w, channel) < 0)
			w->broken = true;
		return true;
	}
	return false;
}

/* The subsystem "sftp", a command or a shell, once per channel. */
static bool
open_program(struct ssh_wire *w, ssh_message msg)
{
	const char *name = ssh_message_channel_request_subsystem(msg);
	const char *command = ssh_message_channel_request_command(msg);
	bool sftp = ssh_message_subtype(msg) == SSH_CHANNEL_REQUEST_SUBSYSTEM;
	ssh_channel channel = ssh_message_channel_request_channel(msg);

	if (sftp && (!name || strcmp(name, "sftp") != 0))
		return false;
	for (size_t i = 0; i < w->pipe_count; i++) {
		struct ssh_pipe *p = &w->pipes[i];

		if (p->channel != channel || p->owner || p->ended)
			continue;
		p->owner = w->ops->open(w->ops_ctx, p, sftp, sftp ? NULL : command);
		p->fresh = w->window; /* the window is grown at the next resume */
		return p->owner && ssh_message_channel_request_reply_success(msg) == SSH_OK;
	}
	return false;
}

/* Returns 0 when the message was answered, 1 to have libssh refuse it. */
static int
on_message(ssh_session ssh, ssh_message msg, void *data)
{
	struct ssh_wire *w = data;
	int type = ssh_message_type(msg), subtype = ssh_message_subtype(msg);
	bool done = false;

	(void)ssh;
	if (type == SSH_REQUEST_CHANNEL_OPEN && subtype == SSH_CHANNEL_SESSION)
		done = open_channel(w, msg);
	else if (type == SSH_REQUEST_CHANNEL &&
		 (subtype == SSH_CHANNEL_REQUEST_SUBSYSTEM || subtype == SSH_CHANNEL_REQUEST_EXEC ||
		  subtype == SSH_CHANNEL_REQUEST_SHELL))
		done = open_program(w, msg);
	return done ? 0 : 1;
}

void
ssh_wire_serve(struct ssh_wire *w, const struct ssh_wire_ops *ops, void *ctx)
{
	ssh_message msg;

	w->ops = ops;
	w->ops_ctx = ctx;
	w->pipe_count = w->s->conf->sftp.max_channels > 0 ? w->s->conf->sftp.max_channels : 1;
	w->pipes = mem_new(w->pipe_count, sizeof(*w->pipes));
	w->window = w->s->conf->sftp.window_bytes;
	/* From 0.11 on libssh's window is fixed, and asking for more changes nothing. */
	if (!ssh_version(SSH_VERSION_INT(0, 11, 0)) && w->window > SSH_WINDOW_OWN)
		w->scratch = mem_new(w->window, 1);
	ssh_set_message_callback(w->ssh, on_message, w);
	/* What came together with the last message of the login. */
	while ((msg = ssh_message_get(w->ssh)) != NULL) {
		if (on_message(w->ssh, msg, w) != 0)
			(void)ssh_message_reply_default(msg);
		ssh_message_free(msg);
	}
}
