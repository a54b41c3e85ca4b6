/* SPDX-License-Identifier: ISC */
/*
 * ask.h - the asking end of a service. Questions are sent at once, answers come in the order of the
 * questions, and each is handed to the function that was given with its question.
 *
 * The caller polls ask_fd() for ask_events() and calls ask_pump() when anything happened there.
 */
#ifndef BASE_ASK_H
#define BASE_ASK_H

#include <stdint.h>

#include "server/base/buf.h"

/* Questions that may be without an answer at one time. */
#define ASK_MAX 64

/* A bit of a question's id: nobody wants an answer, so none is sent. */
#define ASK_TELL 0x80000000u

struct ask;

/*
 * Takes an answer: err is 0, or -errno that the other side decided, with why (never NULL, may be
 * "") as words for the client; fields stand in b. *fd is the descriptor that came or -1; whoever
 * keeps it calls fd_give, else it is closed. b and why are gone when the function returns. It may
 * ask again. When the other side is gone, every open question is answered with -EPIPE.
 */
typedef void ask_fn(void *ctx, int err, const char *why, struct buf *b, int *fd);

/* Takes over the connected socket. ask_free closes it and forgets open questions without a call. */
struct ask *ask_new(int sock);
void ask_free(struct ask *a);

int ask_fd(const struct ask *a);
/* POLLIN, and POLLOUT while questions wait for room in the socket. */
short ask_events(const struct ask *a);

/*
 * Sends a question made by ask_begin. done is called later by ask_pump, never from here. NULL: what
 * is sent is no question but something told (ASK_TELL), and costs nobody an answer. Returns 0,
 * -EBUSY (ASK_MAX questions are open), -EMSGSIZE, -EPIPE.
 */
int ask_send(struct ask *a, const struct buf *question, ask_fn *done, void *ctx) MUST_CHECK;

/*
 * From now on questions may wait for each other, and leave together in ask_flush, or when there are
 * enough. Who says this calls ask_flush before it waits for an answer.
 */
void ask_gather(struct ask *a);
void ask_flush(struct ask *a);

/* Starts a question in b (storage of at most IPC_MESSAGE_MAX bytes). */
void ask_begin(struct ask *a, struct buf *b, void *storage, size_t size, uint16_t type);

/* Number of questions without an answer. */
unsigned int ask_open(const struct ask *a);

/* Sends what waits and hands out all answers that are there. Returns 0 or -EPIPE, -EBADMSG. */
int ask_pump(struct ask *a) MUST_CHECK;

/*
 * The answering end: starts the answer to question id with its verdict; fields may follow when err
 * is 0. why may be NULL.
 */
void answer_begin(struct buf *b, void *storage, size_t size, uint16_t type, uint32_t id, int err,
		  const char *why);

#endif
