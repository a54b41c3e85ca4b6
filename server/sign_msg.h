/* SPDX-License-Identifier: ISC */
/*
 * sign_msg.h - sign.h on the sockets wire-monitor and monitor-signer, and signer's own with
 * listener.
 */
#ifndef SERVER_SIGN_MSG_H
#define SERVER_SIGN_MSG_H

enum sign_msg {
	SIGN_MSG_REQUEST = 0x600, /* u8 purpose, u32 key, string digest, u8 padding, string tbs */
	SIGN_MSG_ANSWER,	  /* u32 errno, string signature */
	/* signer -> listener, once, at its start */
	SIGN_MSG_KEYS, /* u32 errno, string complaint, u32 count,
			  count x (u8 purpose, u32 index, string spki) */
	/* listener -> signer: a monitor's socket beside it */
	SIGN_MSG_CLIENT,
};

#define SIGN_MSG_MAX 4096u

#endif
