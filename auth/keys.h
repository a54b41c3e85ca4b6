/* SPDX-License-Identifier: ISC */
/*
 * keys.h - is this public key, or the authority of this certificate, one of the account's? Reads
 * authorized_keys(5) lines; runs in children of monitor.
 */
#ifndef AUTH_KEYS_H
#define AUTH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/account.h"
#include "conf/conf.h"

struct keys_question {
	const struct conf *conf;
	const struct account *account;
	const char *addr;      /* of the client, for from= */
	const char *algorithm; /* as the client named it */
	const void *blob;      /* of a key, or of a certificate */
	size_t blob_len;
};

/* Is it an algorithm that we take, and does the blob say the same kind of key? (keys_line.c) */
bool keys_algorithm_ok(const char *algorithm, const void *blob, size_t blob_len);

/*
 * Looks through all files of sftp.authorized-keys; for a certificate, also through those of
 * sftp.trusted-user-ca-keys, and the key looked for is the one of its authority. The calling
 * process must already be the account: a file that he cannot read does not count, nor one that
 * others could write. Returns 0 (it is his), or -ENOENT. What is odd in a file is logged with its
 * line.
 */
int keys_find(const struct keys_question *q) MUST_CHECK;

/*
 * The same in what sftp.authorized-keys-command prints, which must be set. The calling process must
 * already be the command's user.
 */
int keys_find_by_command(const struct keys_question *q) MUST_CHECK;

#endif
