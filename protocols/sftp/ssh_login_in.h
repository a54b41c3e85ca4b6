/* SPDX-License-Identifier: ISC */
/*
 * ssh_login_in.h - what the files of a login share: ssh_login.c (its turns, and its end) and
 * ssh_auth.c (what is asked of monitor, and what is said to the client). Nobody else includes it.
 *
 *	KEX -> READY --request--> ASKED --NO, PARTIAL, KEY_OK--> READY
 *	                          |  ^      OK--> done, LAST--> end
 *	                      ASK |  | answers
 *	                          v  |
 *	                        PROMPTED --another request: CANCEL--> ASKED
 */
#ifndef PROTOCOLS_SFTP_SSH_LOGIN_IN_H
#define PROTOCOLS_SFTP_SSH_LOGIN_IN_H

#include "auth/auth.h"
#include "protocols/sftp/ssh_local.h"

enum ssh_login_state { SSH_LOGIN_KEX, SSH_LOGIN_READY, SSH_LOGIN_ASKED, SSH_LOGIN_PROMPTED };

struct ssh_login {
	struct ssh_wire *w;
	struct session *s;
	enum ssh_login_state state;
	bool named;	  /* the client's version string was looked at */
	ssh_message held; /* what monitor thinks about */
	/* Came instead of an answer; is handled when the cancel is confirmed. */
	ssh_message waiting;
	ssh_message kept; /* any request without a secret, to refuse what libssh swallows */
	const struct ssh_seen *seen;
	unsigned int messages;
	unsigned int requests;	/* authentication requests that reached us */
	unsigned int answers;	/* and answers to prompts */
	unsigned int passwords; /* password requests that reached us */
	unsigned int keys;	/* public key requests that did */
	uint32_t allowed;	/* of auth.h: monitor takes no other question */
	uint32_t methods;	/* those that the client is told of */
	size_t prompts;
	bool greeted; /* the banner was sent */
	bool done, logged_in;
	enum session_end end;
	const char *reason;
};

/* The login is over, and unless it has succeeded the session too, for that reason. */
void ssh_login_stop(struct ssh_login *l, enum session_end end, const char *reason);

/* An authentication request, or answers to prompts. Takes msg. */
void ssh_auth_request(struct ssh_login *l, ssh_message msg);

/* What monitor says to the last question, and then what came in its place. */
void ssh_auth_verdict(struct ssh_login *l, struct auth_verdict *v);

/* From now on l->methods is what a refusal tells, also where libssh refuses by itself (GSSAPI). */
void ssh_auth_announce(struct ssh_login *l);

/* Says no (partial: not yet), and what can go on; methods 0: as before. msg stays the caller's. */
void ssh_auth_refuse(struct ssh_login *l, ssh_message msg, uint32_t methods, bool partial);

#endif
