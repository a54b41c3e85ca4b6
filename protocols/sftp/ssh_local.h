/* SPDX-License-Identifier: ISC */
/* ssh_local.h - what the ssh_*.c files share. Nobody else includes it. */
#ifndef PROTOCOLS_SFTP_SSH_LOCAL_H
#define PROTOCOLS_SFTP_SSH_LOCAL_H

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include "protocols/sftp/ssh_wire.h"

/* libssh up to 0.10 grows a window by itself to this; a larger one has to be asked for. */
#define SSH_WINDOW_OWN (1280u * 1024u)

struct ssh_pipe {
	struct ssh_wire *wire;
	ssh_channel channel; /* NULL: this place is free */
	struct ssh_channel_callbacks_struct callbacks;
	void *owner; /* NULL until the subsystem was asked for */
	bool proven; /* libssh's writing to it is known to end; see write_first() */
	bool ended, closed, shut;
	bool busy;	/* a whole packet waits because the owner had no room */
	size_t left;	/* bytes that libssh still holds for us */
	size_t fresh;	/* bytes taken since the window was grown last */
	size_t need;	/* size of the next packet, as far as it is known */
	uint8_t *carry; /* bytes that we hold ourselves, in front of libssh's */
	size_t carry_len, carry_size;
};

/* ssh_rekey.c - counts are bytes on the socket, times clock_ms(). */
struct ssh_rekey {
	uint64_t bytes, ms;		     /* when new keys are due; 0: libssh knows */
	uint64_t done_ms, done_in, done_out; /* the last time */
	uint64_t held_ms;		     /* since when replies are held back; 0: they are not */
	uint64_t heard_ms, heard; /* when the client was heard last, and how much until then */
};

struct ssh_wire {
	struct session *s;
	const struct ssh_server *server;
	int fd;
	ssh_session ssh;
	ssh_event event; /* NULL until the key exchange has begun */
	struct ssh_counter_struct socket_count, packet_count;
	bool broken, link_first;
	struct ssh_rekey rekey;
	bool in_stream; /* many bytes came at once, and in the middle of a packet they ended */

	const struct ssh_wire_ops *ops; /* NULL until ssh_wire_serve() */
	void *ops_ctx;
	struct ssh_pipe *pipes;
	size_t pipe_count;
	uint64_t window;  /* bytes that we let a client send ahead */
	uint8_t *scratch; /* window bytes, for grow(); NULL where that is of no use */
};

/* ssh_rekey.c - before the first keys: this client is one for ssh_rekey.c. */
void ssh_rekey_take_over(struct ssh_wire *w);

/* ssh_pipe.c - makes p the pipe of a channel that was accepted. Returns 0 or -ENOMEM. */
int ssh_pipe_open(struct ssh_pipe *p, struct ssh_wire *w, ssh_channel channel) MUST_CHECK;

/* ssh_seen.c - what libssh says in its log during a login; see there. */
#define SSH_SEEN_PASSWORDS 8
#define SSH_SEEN_KEYS 64 /* no login has more messages */
struct ssh_seen {
	unsigned int requests;	/* authentication requests, also those that libssh then drops */
	unsigned int answers;	/* answers to prompts, also those */
	unsigned int passwords; /* password requests; the payload of number n stands in */
	uint32_t password_bytes[SSH_SEEN_PASSWORDS]; /* [n % SSH_SEEN_PASSWORDS] */
	unsigned int keys;			     /* public key requests, in the same way */
	uint32_t key_bytes[SSH_SEEN_KEYS];
	uint32_t answers_bytes; /* payload of the last answers */
	char signature[64];	/* the algorithm of the last signature that was looked at */
	bool stray; /* a message that has no place in a key exchange, before the first keys */
};
/* Starts and ends the listening; one session per process. */
const struct ssh_seen *ssh_seen_start(void);
void ssh_seen_stop(void);

/* ssh_setup.c - sets options that are the session's own, and takes the socket over. */
int ssh_setup_session(const struct ssh_server *server, struct session *s,
		      ssh_session ssh) MUST_CHECK;
/*
 * Before the key exchange: what clients need that are known by their version string (ssh_quirk.h).
 * Returns false while the client has not named itself yet.
 */
bool ssh_setup_for_client(struct ssh_wire *w);

#endif
