/* SPDX-License-Identifier: ISC */
/*
 * ssh_wire.c - one SSH connection and its channels, on top of libssh.
 * Owns: the event loop's waiting, the receive window, back-pressure towards a client that does not
 * read. Must not: know SFTP. Trusts nothing that the client sends, and of libssh only what was
 * measured: it bounds neither its input nor its output, so both are bounded here.
 */
#include "protocols/sftp/ssh_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "protocols/sftp/ssh_local.h"
#include "protocols/sftp/ssh_shim.h"
#include "server/base/clock.h"
#include "server/base/mem.h"

/* libssh up to 0.10 grows its window by itself to this; beyond, a client sends what was not
 * granted. */
#define WINDOW_OWN (1280u * 1024u)
/* Bytes that are taken out of libssh at once after a pause. */
#define RESUME_BYTES (512u * 1024u)
/* A goodbye may take this long to leave. */
#define FLUSH_MS 1000
/*
 * CPU time for the first write on a channel. A client that announced a largest packet of 10 bytes
 * makes libssh 0.10 write empty packets for ever (open in 0.10.6-0+deb12u3), and the size has no
 * accessor. The kernel ends this process then, and the session with it.
 */
#define FIRST_WRITE_US 100000
/* A client whose packets hold fewer bytes than this makes us work more than it may. */
#define PACKET_MIN 256

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

bool
ssh_wire_is_goodbye(const struct ssh_wire *w)
{
	static const char goodbye[] = "Received SSH_MSG_DISCONNECT: 11:";
	const char *error = ssh_get_error(w->ssh);

	return error && strncmp(error, goodbye, sizeof(goodbye) - 1) == 0;
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
			ssh_pipe_shut(p);
	}
}

/*
 * While output waits, only its going out is waited for; what came in meanwhile is looked at by the
 * piece that libssh reads per turn. So a client that does not read cannot make us queue.
 */
void
ssh_wire_wait(struct ssh_wire *w, struct pollfd *others, size_t count, uint64_t deadline_ms)
{
	struct pollfd fds[1 + SSH_WIRE_OTHERS];
	bool full = ssh_wire_is_full(w);

	for (size_t i = 0; i < count; i++)
		others[i].revents = 0;
	if (full || !ssh_shim_holds()) {
		fds[0] = (struct pollfd) { .fd = w->fd, .events = full ? POLLOUT : POLLIN };
		memcpy(fds + 1, others, count * sizeof(*others));
		if (ssh_shim_poll(fds, 1 + count, clock_poll(deadline_ms)) <= 0)
			return;
		memcpy(others, fds + 1, count * sizeof(*others));
		if (fds[0].revents == 0)
			return;
	}
	do {
		if (!w->event || ssh_event_dopoll(w->event, 0) < 0)
			break;
	} while (ssh_shim_holds() && !ssh_wire_is_full(w) && !ssh_wire_is_over(w) && !w->broken);
	sweep(w);
}

/* Makes room for more bytes behind those that p carries. */
static uint8_t *
carry_room(struct ssh_pipe *p, size_t more)
{
	if (p->carry_len + more > p->carry_size) {
		p->carry_size = p->carry_len + more;
		p->carry = mem_grow(p->carry, p->carry_size, 1);
	}
	return p->carry + p->carry_len;
}

/* Offers what p carries. Returns false when the owner left a whole packet lying. */
static bool
offer_carried(struct ssh_pipe *p)
{
	size_t used = 0, n;

	while (used < p->carry_len) {
		n = p->wire->ops->input(p->owner, p->carry + used, p->carry_len - used, &p->need);
		if (n == 0)
			break;
		used += n;
	}
	p->carry_len -= used;
	memmove(p->carry, p->carry + used, p->carry_len);
	p->busy = p->carry_len > 0 && p->need <= p->carry_len;
	return !p->busy;
}

/*
 * Feeds bytes from libssh's buffer, which is where packets are put together as a rule. Only what
 * was carried over from a pause is completed first, by no more than it needs.
 */
static size_t
feed(struct ssh_pipe *p, const uint8_t *at, size_t len)
{
	size_t taken = 0, n;

	while (p->carry_len > 0) {
		if (!offer_carried(p))
			return taken;
		if (p->carry_len == 0)
			break;
		n = p->need - p->carry_len;
		if (n > len - taken)
			n = len - taken;
		if (n == 0)
			return taken;
		memcpy(carry_room(p, n), at + taken, n);
		p->carry_len += n;
		taken += n;
	}
	if (taken < len) {
		taken += p->wire->ops->input(p->owner, at + taken, len - taken, &p->need);
		p->busy = taken < len && p->need <= len - taken;
	}
	return taken;
}

static int
on_data(ssh_session ssh, ssh_channel channel, void *data, uint32_t len, int is_stderr,
	void *userdata)
{
	struct ssh_pipe *p = userdata;
	size_t taken;

	(void)ssh;
	(void)channel;
	if (is_stderr || !p->owner || p->closed)
		return (int)len; /* nobody wants it */
	if (len > 2 * p->wire->window + 2 * WINDOW_OWN) {
		p->wire->broken = true; /* far more than was granted: libssh lets it pass */
		return 0;
	}
	taken = p->wire->broken ? 0 : feed(p, data, len);
	p->left = len - taken;
	p->fresh += taken;
	return (int)taken;
}

static void
on_eof(ssh_session ssh, ssh_channel channel, void *userdata)
{
	struct ssh_pipe *p = userdata;

	(void)ssh;
	(void)channel;
	p->ended = true;
}

static void
on_close(ssh_session ssh, ssh_channel channel, void *userdata)
{
	struct ssh_pipe *p = userdata;

	(void)ssh;
	(void)channel;
	p->ended = true;
	p->closed = true;
}

static bool
open_channel(struct ssh_wire *w, ssh_message msg)
{
	for (size_t i = 0; i < w->pipe_count; i++) {
		struct ssh_pipe *p = &w->pipes[i];

		if (p->channel)
			continue;
		memset(p, 0, sizeof(*p));
		p->wire = w;
		p->need = 1;
		p->channel = ssh_message_channel_request_open_reply_accept(msg);
		if (!p->channel)
			return false;
		p->callbacks.userdata = p;
		p->callbacks.channel_data_function = on_data;
		p->callbacks.channel_eof_function = on_eof;
		p->callbacks.channel_close_function = on_close;
		ssh_callbacks_init(&p->callbacks);
		if (ssh_set_channel_callbacks(p->channel, &p->callbacks) != SSH_OK)
			w->broken = true;
		return true;
	}
	return false;
}

/* Only the subsystem "sftp", once per channel. */
static bool
open_subsystem(struct ssh_wire *w, ssh_message msg)
{
	const char *name = ssh_message_channel_request_subsystem(msg);
	ssh_channel channel = ssh_message_channel_request_channel(msg);

	if (!name || strcmp(name, "sftp") != 0)
		return false;
	for (size_t i = 0; i < w->pipe_count; i++) {
		struct ssh_pipe *p = &w->pipes[i];

		if (p->channel != channel || p->owner || p->ended)
			continue;
		p->owner = w->ops->open(w->ops_ctx, p);
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
	bool done = false;

	(void)ssh;
	if (ssh_message_type(msg) == SSH_REQUEST_CHANNEL_OPEN &&
	    ssh_message_subtype(msg) == SSH_CHANNEL_SESSION)
		done = open_channel(w, msg);
	else if (ssh_message_type(msg) == SSH_REQUEST_CHANNEL &&
		 ssh_message_subtype(msg) == SSH_CHANNEL_REQUEST_SUBSYSTEM)
		done = open_subsystem(w, msg);
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
	if (!ssh_version(SSH_VERSION_INT(0, 11, 0)) && w->window > WINDOW_OWN)
		w->scratch = mem_new(w->window, 1);
	ssh_set_message_callback(w->ssh, on_message, w);
	/* What came together with the last message of the login. */
	while ((msg = ssh_message_get(w->ssh)) != NULL) {
		if (on_message(w->ssh, msg, w) != 0)
			(void)ssh_message_reply_default(msg);
		ssh_message_free(msg);
	}
}

static void
arm_watchdog(long us)
{
	const struct itimerval after = { .it_value = { .tv_usec = us } };

	(void)setitimer(ITIMER_PROF, &after, NULL);
}

/* The first write: proves that libssh comes back, and how much fits into a packet. */
static int
write_first(struct ssh_pipe *p, const void *at, uint32_t len)
{
	uint64_t packets = p->wire->packet_count.out_packets;
	int n;

	arm_watchdog(FIRST_WRITE_US);
	n = ssh_channel_write(p->channel, at, len);
	arm_watchdog(0);
	if (n <= 0)
		return n;
	packets = p->wire->packet_count.out_packets - packets;
	if (packets > 2 && (uint64_t)n / packets < PACKET_MIN)
		p->wire->broken = true;
	p->proven = true;
	return n;
}

ssize_t
ssh_pipe_write(struct ssh_pipe *p, const void *at, size_t len)
{
	uint32_t some = len > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)len;
	int n;

	if (p->closed || p->shut)
		return -EPIPE;
	n = p->proven ? ssh_channel_write(p->channel, at, some) : write_first(p, at, some);
	return n < 0 ? -EPIPE : n;
}

/*
 * libssh 0.10 grants a client 1.25 MiB at most, which is slow over long lines. Asking for so many
 * bytes that they cannot be there makes it grant the rest; what is there is handed out on the way.
 */
static void
grow(struct ssh_pipe *p)
{
	struct ssh_wire *w = p->wire;
	int n;

	p->fresh = 0;
	n = ssh_channel_read_timeout(p->channel, w->scratch, (uint32_t)w->window, 0, 0);
	if (n <= 0)
		return;
	memcpy(carry_room(p, (size_t)n), w->scratch, (size_t)n);
	p->carry_len += (size_t)n;
	p->left = 0;
	(void)offer_carried(p);
}

void
ssh_pipe_resume(struct ssh_pipe *p)
{
	while (p->busy) {
		size_t more = p->left < RESUME_BYTES ? p->left : RESUME_BYTES;
		int n;

		if (p->carry_len > 0 && !offer_carried(p))
			return;
		if (more == 0) {
			p->busy = false;
			break;
		}
		n = ssh_channel_read_nonblocking(p->channel, carry_room(p, more), (uint32_t)more,
						 0);
		if (n <= 0)
			return;
		p->carry_len += (size_t)n;
		p->left -= (size_t)n;
		p->fresh += (size_t)n;
		p->busy = true;
	}
	if (p->wire->scratch && !p->ended && p->fresh >= p->wire->window / 4)
		grow(p);
}

bool
ssh_pipe_is_ended(const struct ssh_pipe *p)
{
	return p->ended && !p->busy;
}

bool
ssh_pipe_is_closed(const struct ssh_pipe *p)
{
	return p->closed;
}

void
ssh_pipe_shut(struct ssh_pipe *p)
{
	if (p->shut || p->closed)
		return;
	p->shut = true;
	(void)ssh_channel_request_send_exit_status(p->channel, 0);
	(void)ssh_channel_close(p->channel);
}

void
ssh_pipe_free(struct ssh_pipe *p)
{
	/* libssh may keep the channel until the client has closed it; it must not call us then. */
	(void)ssh_remove_channel_callbacks(p->channel, &p->callbacks);
	ssh_channel_free(p->channel);
	free(p->carry);
	memset(p, 0, sizeof(*p));
}
