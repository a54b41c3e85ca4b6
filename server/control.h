/* SPDX-License-Identifier: ISC */
/*
 * control.h - the socket in run-dir on which an administrator asks the listener: SOCK_SEQPACKET,
 * one question of words in one packet, an answer in packets of text, and the end. Only root and the
 * uid of the listener are heard. Nothing here waits, and nothing here is an error for the listener.
 */
#ifndef SERVER_CONTROL_H
#define SERVER_CONTROL_H

#include <poll.h>
#include <stdint.h>

#include "server/base/text.h"

#define CONTROL_NAME "control"
#define CONTROL_CLIENTS 4
#define CONTROL_POLLS (1 + CONTROL_CLIENTS)
#define CONTROL_QUESTION_MAX 256
/* Bytes of one packet, and of a whole answer. */
#define CONTROL_PACKET 4096
#define CONTROL_ANSWER_MAX ((size_t)96 * 1024)

/* Answers one question. */
typedef void control_fn(void *ctx, char *question, struct text *answer);

/* Opens run_dir/control. What goes wrong is logged. */
void control_open(const char *run_dir);
/* Takes the socket's name away. */
void control_close(const char *run_dir);

/* Fills CONTROL_POLLS rows, and looks at them after poll(2). */
void control_polls(struct pollfd *polls);
void control_turn(const struct pollfd *polls, control_fn *answer, void *ctx);

/* When the next silent client is let go; CLOCK_NEVER: there is none. */
uint64_t control_deadline(void);

#endif
