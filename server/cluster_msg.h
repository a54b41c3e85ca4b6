/* SPDX-License-Identifier: ISC */
/*
 * cluster_msg.h - what nodes tell each other, on the socket between the listener and its cluster
 * process. Behind the type stands the node that it is about, 0 for us; what comes from other nodes
 * is not trusted.
 */
#ifndef SERVER_CLUSTER_MSG_H
#define SERVER_CLUSTER_MSG_H

enum cluster_msg {
	/* both ways: u64 node, then */
	CLUSTER_MSG_PENALTY = 0x900, /* 16 bytes source, u8 enum penalty */
	CLUSTER_MSG_BAN,	     /* 16 bytes source, u64 ms: CLOCK_NEVER for good, 0 forgiven */
	CLUSTER_MSG_NAME,	     /* u64 digest: a wrong login as this name */
	CLUSTER_MSG_CODE,	     /* u64 digest, u64 step: a one-time code was used */
	CLUSTER_MSG_SESSION,	     /* u64 id, 16 bytes source, string user */
	CLUSTER_MSG_SESSION_END,     /* u64 id */
	CLUSTER_MSG_NODE_GONE,	     /* nothing: all its sessions are over */
	/* cluster process -> listener, without a node */
	CLUSTER_MSG_RESYNC, /* nothing: tell all your sessions again */
};

/* Bytes of the largest one. */
#define CLUSTER_MSG_MAX 160u

#endif
