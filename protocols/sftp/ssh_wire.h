/* SPDX-License-Identifier: ISC */
/*
 * ssh_wire.h - SSH for the SFTP layer: one connection, and on it some pipes of bytes, one for each
 * channel on which the client asked for the subsystem "sftp". Nothing above sees libssh.
 *
 *	pipe:  OPEN --subsystem sftp, ops->open--> RUNNING --client's EOF--> ended
 *	                                                                       |
 *	                                              closed <--client's CLOSE-'
 */
#ifndef PROTOCOLS_SFTP_SSH_WIRE_H
#define PROTOCOLS_SFTP_SSH_WIRE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/sftp/sftp.h"
#include "server/session.h"

struct ssh_wire;
struct ssh_pipe;

/* What the layer above does. None of these may call back into this header. */
struct ssh_wire_ops {
	/*
	 * A client asked for SFTP; or for a command, NULL being a shell. Returns who will own the
	 * pipe; NULL refuses.
	 */
	void *(*open)(void *ctx, struct ssh_pipe *pipe, bool sftp, const char *command);
	/*
	 * Bytes came. Takes whole packets from the front and returns how many bytes those were.
	 * *need is the size of the packet behind them as far as it is known, at least 1: when that
	 * many bytes are there and were not taken, the owner is busy and ssh_pipe_resume() tries
	 * again.
	 */
	size_t (*input)(void *owner, const uint8_t *at, size_t len, size_t *ret_need);
};

/*
 * Takes s->client_fd over and prepares the session; nothing is sent yet. Returns NULL when libssh
 * has no memory.
 */
struct ssh_wire *ssh_wire_new(struct session *s, struct ssh_server *server);

/*
 * Ends the connection: sends what is queued, within a second, then a reason for the client's user
 * (NULL: none), closes and frees everything.
 */
void ssh_wire_free(struct ssh_wire *w, const char *reason);

/* Is the connection at its end, by either side? */
bool ssh_wire_is_over(const struct ssh_wire *w);

/*
 * Why it is: the client said goodbye (SESSION_QUIT), libssh ended it for what the client sent
 * (SESSION_PROTOCOL; the log gets libssh's words), or it was just gone (SESSION_LOST). Ask once.
 */
enum session_end ssh_wire_end(const struct ssh_wire *w);

/* The client broke a rule that libssh does not enforce: the session has to end. */
bool ssh_wire_is_broken(const struct ssh_wire *w);

/* Output waits for the client to read: produce nothing more. */
bool ssh_wire_is_full(const struct ssh_wire *w);

/*
 * Replies have to wait for now: this client must be silent when it gets new keys (ssh_rekey.c).
 * To be asked in every turn, and again when the clock says ssh_wire_deadline().
 */
bool ssh_wire_holds(struct ssh_wire *w, uint64_t now);
uint64_t ssh_wire_deadline(const struct ssh_wire *w);

/* Does the client put a link's own path in front of the target? See SSH_QUIRK_LINK_FIRST. */
bool ssh_wire_is_link_first(const struct ssh_wire *w);

/* Bytes that went out to the socket. To see progress. */
uint64_t ssh_wire_sent(const struct ssh_wire *w);

/*
 * Waits until the client, or one of the others, has something, or the deadline (clock_ms) is there;
 * then lets libssh work, which calls ops. At most SSH_WIRE_OTHERS others; their revents are set.
 */
#define SSH_WIRE_OTHERS 4
void ssh_wire_wait(struct ssh_wire *w, struct pollfd *others, size_t count, uint64_t deadline_ms);

/* From now on (logged in) channels are served. */
void ssh_wire_serve(struct ssh_wire *w, const struct ssh_wire_ops *ops, void *ctx);

/*
 * Sends as much as the client's window and the moment allow. Returns the count, 0 for not now, or
 * -EPIPE when the channel is closed.
 */
ssize_t ssh_pipe_write(struct ssh_pipe *p, const void *at, size_t len) MUST_CHECK;

/* Offers the owner again what he had no room for. */
void ssh_pipe_resume(struct ssh_pipe *p);

/* No more input will come, and none waits. */
bool ssh_pipe_is_ended(const struct ssh_pipe *p);
/* Nothing waits in it and its end has not come: only the client can change that. */
bool ssh_pipe_is_idle(const struct ssh_pipe *p);
/* The client closed it: no output can be sent either. */
bool ssh_pipe_is_closed(const struct ssh_pipe *p);

/* Words for standard error. What the client does not take at once is lost. */
void ssh_pipe_complain(struct ssh_pipe *p, const char *text, size_t len);
/* Says goodbye on the channel: exit status, EOF, CLOSE. It stays until the client closes it too. */
void ssh_pipe_shut(struct ssh_pipe *p, int status);
/* Forgets a closed pipe; p and its owner may be gone afterwards. */
void ssh_pipe_free(struct ssh_pipe *p);

/*
 * ssh_login.c - runs the key exchange and the login. Returns true when the client is logged in;
 * else the session is over, *ret_end says why, and *ret_reason is a sentence for the client or
 * NULL.
 */
bool ssh_login_run(struct ssh_wire *w, enum session_end *ret_end, const char **ret_reason);

#endif
