/* SPDX-License-Identifier: ISC */
/*
 * sftp_verb.h - the few commands that clients send instead of SFTP requests (md5sum, df), answered
 * here without any process; and the words for everything else. A channel that runs one has
 * ch->verb.
 */
#ifndef PROTOCOLS_SFTP_SFTP_VERB_H
#define PROTOCOLS_SFTP_SFTP_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sftp_channel;
struct sftp_verb;
struct scp;

/*
 * Begins command on ch; NULL is a shell. What cannot be done is said to the client, with status 1.
 */
void sftp_verb_begin(struct sftp_channel *ch, const char *command);
/* Standard input of the command. Returns how many bytes were taken: the rest is offered again. */
size_t sftp_verb_input(struct sftp_channel *ch, const uint8_t *at, size_t len);
/* Goes on with it. Returns true when something moved. */
bool sftp_verb_step(struct sftp_channel *ch);
/* Has it said all that it will say? Then *ret_status is its exit status. */
bool sftp_verb_is_done(const struct sftp_channel *ch, int *ret_status);
void sftp_verb_free(struct sftp_channel *ch);

/* For sftp_scp*.c: its state; something went wrong; it is over. */
struct scp *sftp_verb_scp(const struct sftp_channel *ch);
void sftp_verb_failed(struct sftp_channel *ch);
void sftp_verb_end(struct sftp_channel *ch);

#endif
