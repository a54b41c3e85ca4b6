/* SPDX-License-Identifier: ISC */
/* listen_msg.h - what monitors and the listener say to each other. Both are ours and trusted. */
#ifndef SERVER_LISTEN_MSG_H
#define SERVER_LISTEN_MSG_H

enum listen_msg {
	/* monitor -> listener */
	LISTEN_MSG_CLAIM = 0x500, /* string user, u32 most: may he have one more session? */
	LISTEN_MSG_FAILED,	  /* string user: a wrong login; answered with DELAY */
	LISTEN_MSG_RELEASE,	  /* what was claimed came to nothing; no answer */
	LISTEN_MSG_WORKING, /* what was claimed is used: PAM and the worker are ready; no answer */
	LISTEN_MSG_CLOSING, /* the session is over but for what PAM does; no answer */
	LISTEN_MSG_CODE,    /* string user, u64 step: may this one-time code be used? answered with
			       GRANTED */
	LISTEN_MSG_UNBOUND, /* u8 refused, string client, string fingerprint: for cofferctl unbound
			     */
	/* listener -> monitor */
	LISTEN_MSG_GRANTED, /* u8 yes, string reason; for CLAIM also TLS_SHARED_KEY bytes of ticket
			       keys */
	LISTEN_MSG_DELAY,   /* u32 ms: the refusal is to be held back so much longer */
	LISTEN_MSG_STOP,    /* the server stops, or wants this one to go: end the session */
};

/* Exit status of a monitor, for the listener's accounting. */
enum monitor_exit {
	MONITOR_EXIT_OK = 0,   /* a session that was logged in */
	MONITOR_EXIT_DIED = 1, /* die() */
	MONITOR_EXIT_NO_LOGIN, /* the client never got in */
	MONITOR_EXIT_LATE,     /* the same, and it used up the time for it */
	MONITOR_EXIT_CRASH,    /* wire or worker died of a signal, or broke its filter */
};

#endif
