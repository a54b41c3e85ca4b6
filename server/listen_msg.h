/* SPDX-License-Identifier: ISC */
/* listen_msg.h - what monitors and the listener say to each other. Both are ours and trusted. */
#ifndef SERVER_LISTEN_MSG_H
#define SERVER_LISTEN_MSG_H

enum listen_msg {
	/* monitor -> listener */
	LISTEN_MSG_CLAIM = 0x500, /* string user: may he have one more session? */
	/* listener -> monitor */
	LISTEN_MSG_GRANTED, /* u8 yes, string reason */
	LISTEN_MSG_STOP,    /* the server stops: end the session */
};

/* Exit status of a monitor, for the listener's accounting. */
enum monitor_exit {
	MONITOR_EXIT_OK = 0,	/* a session that was logged in */
	MONITOR_EXIT_DIED = 1,	/* die() */
	MONITOR_EXIT_NO_LOGIN,	/* the client never got in */
	MONITOR_EXIT_CRASH,	/* wire or worker died of a signal */
};

#endif
