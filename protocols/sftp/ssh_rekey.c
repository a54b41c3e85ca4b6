/* SPDX-License-Identifier: ISC */
/*
 * ssh_rekey.c - new keys for clients that go on sending data while keys are exchanged
 * (SSH_QUIRK_TALKS_ON), which RFC 4253, 7.1 forbids and for which libssh ends the session.
 * Owns: when that is. For all others libssh looks to it.
 *
 * Such a client has to have nothing to say when it hears of it: replies are held back until it has
 * been silent for a while, since everything that it still could send waits for one of them. And it
 * must not begin by itself, so all this happens at half of its limits, or ours.
 */
#include "protocols/sftp/ssh_local.h"
#include "server/base/clock.h"

/* What asyncssh takes when nobody says otherwise, and RFC 4253, 9 recommends. */
#define THEIR_BYTES ((uint64_t)1 << 30)
#define THEIR_MS (3600u * 1000u)
/* So long is silence; and longer than that it is not waited for, so that nobody can hold us up. */
#define SILENCE_MS 500
#define HOLD_MS 5000
/* libssh can be told to think of it after whole seconds since the last keys, and not after none. */
#define SOON_S 1
#define GAP_MS 1500

static uint64_t
half(uint64_t ours, uint64_t theirs)
{
	return (ours > 0 && ours < theirs ? ours : theirs) / 2;
}

void
ssh_rekey_take_over(struct ssh_wire *w)
{
	const uint64_t no_bytes = 0;
	const uint32_t no_time = 0;

	w->rekey.bytes = half(w->s->conf->sftp.rekey_bytes, THEIR_BYTES);
	w->rekey.ms = half(w->s->conf->sftp.rekey_ms, THEIR_MS);
	w->rekey.done_ms = clock_ms();
	(void)ssh_options_set(w->ssh, SSH_OPTIONS_REKEY_DATA, &no_bytes);
	(void)ssh_options_set(w->ssh, SSH_OPTIONS_REKEY_TIME, &no_time);
}

/* Has libssh begin, by a packet that means nothing. */
static void
begin(struct ssh_wire *w)
{
	uint32_t seconds = SOON_S;

	(void)ssh_options_set(w->ssh, SSH_OPTIONS_REKEY_TIME, &seconds);
	(void)ssh_send_ignore(w->ssh, "");
	seconds = 0;
	(void)ssh_options_set(w->ssh, SSH_OPTIONS_REKEY_TIME, &seconds);
}

static bool
is_due(const struct ssh_rekey *r, uint64_t in, uint64_t out, uint64_t now)
{
	return now - r->done_ms >= GAP_MS &&
	       (now - r->done_ms >= r->ms || in - r->done_in >= r->bytes ||
		out - r->done_out >= r->bytes);
}

bool
ssh_wire_holds(struct ssh_wire *w, uint64_t now)
{
	struct ssh_rekey *r = &w->rekey;
	uint64_t in = w->socket_count.in_bytes, out = w->socket_count.out_bytes;

	if (r->bytes == 0 || (r->held_ms == 0 && !is_due(r, in, out, now)))
		return false;
	if (r->held_ms == 0)
		r->held_ms = r->heard_ms = now;
	if (in != r->heard || ssh_wire_is_full(w)) {
		r->heard = in;
		r->heard_ms = now;
	}
	if (now - r->heard_ms < SILENCE_MS && now - r->held_ms < HOLD_MS)
		return true;
	begin(w);
	r->held_ms = 0;
	r->done_ms = now;
	r->done_in = in;
	r->done_out = out;
	return false;
}

uint64_t
ssh_wire_deadline(const struct ssh_wire *w)
{
	const struct ssh_rekey *r = &w->rekey;

	if (r->bytes == 0)
		return CLOCK_NEVER;
	return r->held_ms > 0 ? clock_first(r->heard_ms + SILENCE_MS, r->held_ms + HOLD_MS)
			      : r->done_ms + (r->ms > GAP_MS ? r->ms : GAP_MS);
}
