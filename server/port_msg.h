/* SPDX-License-Identifier: ISC */
/* port_msg.h - the questions of port.h on the socket. Answers as in vfs_msg.h. */
#ifndef SERVER_PORT_MSG_H
#define SERVER_PORT_MSG_H

enum port_msg {
	PORT_MSG_LISTEN = 0x300, /* -> u16 port; descriptor */
	PORT_MSG_CONNECT,	 /* u16 port -> ; descriptor */
	PORT_MSG_END,
};

#endif
