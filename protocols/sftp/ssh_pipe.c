/* SPDX-License-Identifier: ISC */
/*
 * ssh_pipe.c - the bytes of one channel, in both directions.
 * Owns: the receive window, what a busy owner left lying, and the watch over libssh's first write.
 * Must not: know SFTP. libssh bounds neither its input nor its output, so both are bounded here.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "protocols/sftp/ssh_local.h"
#include "server/base/log.h"
#include "server/base/mem.h"

/* Bytes that are taken out of libssh at once after a pause. */
#define RESUME_BYTES (512u * 1024u)
/*
 * CPU time for the first write on a channel. A client that announced a largest packet of 10 bytes
 * makes libssh 0.10 write empty packets for ever (open in 0.10.6-0+deb12u3), and the size has no
 * accessor. The kernel ends this process then, and the session with it.
 */
#define FIRST_WRITE_US 100000
/*
 * A client whose packets hold fewer bytes than this makes us work, and libssh queue, more than it
 * may: each packet costs some 40 bytes more.
 */
#define PACKET_MIN 32

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

/*
 * Nothing follows EOF (RFC 4254, 5.3): what does is dropped, as OpenSSH does. libssh hands it over
 * behind the bytes that came before EOF and were left lying, which are taken out of its way.
 */
static size_t
drop_behind_end(struct ssh_pipe *p, const uint8_t *at, size_t len)
{
	size_t n = p->left < len ? p->left : len;

	memcpy(carry_room(p, n), at, n);
	p->carry_len += n;
	p->left = 0;
	return len;
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
	if (p->ended)
		return (int)drop_behind_end(p, data, len);
	if (len > 2 * p->wire->window + 2 * SSH_WINDOW_OWN) {
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

int
ssh_pipe_open(struct ssh_pipe *p, struct ssh_wire *w, ssh_channel channel)
{
	memset(p, 0, sizeof(*p));
	p->wire = w;
	p->need = 1;
	p->channel = channel;
	p->callbacks.userdata = p;
	p->callbacks.channel_data_function = on_data;
	p->callbacks.channel_eof_function = on_eof;
	p->callbacks.channel_close_function = on_close;
	ssh_callbacks_init(&p->callbacks);
	return ssh_set_channel_callbacks(channel, &p->callbacks) == SSH_OK ? 0 : -ENOMEM;
}

static void
arm_watchdog(long us)
{
	const struct itimerval after = { .it_value = { .tv_usec = us } };

	(void)setitimer(ITIMER_PROF, &after, NULL);
}

/* The first write: proves that libssh comes back, and how much fits into a packet. */
static int
write_first(struct ssh_pipe *p, const void *at, uint32_t len, bool is_stderr)
{
	uint64_t packets = p->wire->packet_count.out_packets;
	int n;

	arm_watchdog(FIRST_WRITE_US);
	n = is_stderr ? ssh_channel_write_stderr(p->channel, at, len)
		      : ssh_channel_write(p->channel, at, len);
	arm_watchdog(0);
	if (n <= 0)
		return n;
	packets = p->wire->packet_count.out_packets - packets;
	if (packets > 2 && (uint64_t)n / packets < PACKET_MIN) {
		log_notice("ssh-broken", "why=\"the client takes packets of %" PRIu64 " bytes\"",
			   (uint64_t)n / packets);
		p->wire->broken = true;
	}
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
	n = p->proven ? ssh_channel_write(p->channel, at, some) : write_first(p, at, some, false);
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
ssh_pipe_is_idle(const struct ssh_pipe *p)
{
	return !p->busy && !p->ended && !p->closed;
}

bool
ssh_pipe_is_closed(const struct ssh_pipe *p)
{
	return p->closed;
}

void
ssh_pipe_complain(struct ssh_pipe *p, const char *text, size_t len)
{
	if (!p->closed && !p->shut)
		(void)write_first(p, text, (uint32_t)len, true);
}

void
ssh_pipe_shut(struct ssh_pipe *p, int status)
{
	if (p->shut || p->closed)
		return;
	p->shut = true;
	(void)ssh_channel_request_send_exit_status(p->channel, status);
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
