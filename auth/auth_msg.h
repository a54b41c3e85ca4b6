/* SPDX-License-Identifier: ISC */
/*
 * auth_msg.h - auth.h on the socket between wire and monitor. Monitor reads with no room for
 * descriptors, and anything that is not exactly one of these ends the session.
 */
#ifndef AUTH_AUTH_MSG_H
#define AUTH_AUTH_MSG_H

enum auth_msg {
	/* wire -> monitor */
	AUTH_MSG_PASSWORD = 0x100, /* string user, string password */
	AUTH_MSG_INTERACTIVE,	   /* string user */
	AUTH_MSG_ANSWERS,	   /* u32 count, count x string */
	AUTH_MSG_KEY,		   /* string user, string algorithm, string blob, string signature,
				      u8 verified (not believed) */
	AUTH_MSG_CERTIFICATE,	   /* string handshake */
	AUTH_MSG_CERTIFIED,	   /* string user */
	AUTH_MSG_UNBOUND, /* u8 refused, string fingerprint: a data connection was not bound */
	AUTH_MSG_CANCEL,  /* */
	AUTH_MSG_CLIENT,  /* string name: what the client calls itself */
	AUTH_MSG_LOG,	  /* u8 level, string event, string fields */
	AUTH_MSG_END,	  /* u8 enum session_end: the front end is about to return */
	/* monitor -> wire */
	AUTH_MSG_VERDICT, /* u8 enum auth_answer, u32 methods, string user, string start_dir,
			     string ticket key, u8 binding; descriptor with AUTH_OK */
	AUTH_MSG_ASK, /* string name, string instruction, u32 count, count x (u8 echo, string) */
};

/* Bytes of the largest message from wire: a key, its signature, and their names. */
#define AUTH_MSG_MAX 20480u

#endif
