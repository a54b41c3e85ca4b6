/* SPDX-License-Identifier: ISC */
/*
 * gate_msg.h - gate.h on its sockets. Addresses are struct sockaddr_storage, as they lie in memory.
 */
#ifndef SERVER_GATE_MSG_H
#define SERVER_GATE_MSG_H

enum gate_msg {
	/* listener -> gate, on control */
	GATE_MSG_CLIENT = 0x800, /* string local, string peer; a session's socket */
	GATE_MSG_HEADER, /* u32 door; a connection in front of which a PROXY header stands */
	/* gate -> listener */
	GATE_MSG_HEADED, /* u32 door, string peer, string local; the connection, behind its header
			  */
	/* worker -> gate, on the session's socket */
	GATE_MSG_LISTEN,
	GATE_MSG_PORT, /* u32 errno, u16 port; the line on which connections come */
	/* gate -> wire, on a line */
	GATE_MSG_CAME, /* a connection */
};

#define GATE_MSG_MAX 1024u

#endif
