/* SPDX-License-Identifier: ISC */
/*
 * ftp_ascii.h - TYPE A: lines end with CR LF on the wire and with LF in files. State is kept
 * between pieces, so that a CR at the end of one and a LF at the beginning of the next belong
 * together.
 */
#ifndef PROTOCOLS_FTP_FTP_ASCII_H
#define PROTOCOLS_FTP_FTP_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ftp_ascii {
	bool last_was_cr;
};

/* Forgets what was before. */
void ftp_ascii_init(struct ftp_ascii *a);

/*
 * For downloads: every LF that has no CR in front of it gets one. Room at out for 2 * len bytes.
 * Returns the bytes put there.
 */
size_t ftp_ascii_to_wire(struct ftp_ascii *a, const uint8_t *in, size_t len, uint8_t *out);

/*
 * For uploads: CR LF becomes LF; a CR without LF stays. The len bytes stand at at[1]; the result
 * begins at at[0], which is room for a CR that was kept back before. Returns its length, at most
 * len + 1.
 */
size_t ftp_ascii_from_wire(struct ftp_ascii *a, uint8_t *at, size_t len);

/* The upload ended: was a CR kept back that belongs to the file? */
bool ftp_ascii_rest(struct ftp_ascii *a);

#endif
