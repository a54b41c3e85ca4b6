/* SPDX-License-Identifier: ISC */
/*
 * users.h - the users file: people who have no account on this machine. One line each, as in
 * passwd(5) with the hash in place:
 *
 *	name:hash:uid:gid:gecos:home:shell[:limits]
 *
 * so that a file of ProFTPD's AuthUserFile can be taken over. Lines beginning with '#' and empty
 * lines mean nothing. A hash is what crypt(3) knows. One that begins with '*' never fits: such a
 * user has no password, but may have keys. One that begins with '!' is locked: nobody logs in with
 * it, in no way. What stands in limits is limits.h.
 *
 * Who has a struct user has a hash: wipe it.
 */
#ifndef AUTH_USERS_H
#define AUTH_USERS_H

#include <stdbool.h>
#include <sys/types.h>

#include "auth/limits.h"
#include "conf/conf.h"

#define USERS_HASH_MAX 384 /* with its 0: what crypt(3) may return */
#define USERS_GECOS_MAX 256
#define USERS_HOME_MAX 1024

struct user {
	char name[65];
	char hash[USERS_HASH_MAX];
	uid_t uid;
	gid_t gid;
	char gecos[USERS_GECOS_MAX];
	char home[USERS_HOME_MAX]; /* absolute, or "" */
	char limits[LIMITS_MAX];
};

/*
 * Looks for name. The file must be a regular one of root or of our own that nobody else can write;
 * that it is not is logged. Lines that cannot be read are passed over. Returns 0, -ENOENT (no such
 * user or no file), -EPERM (the file cannot be trusted), -EBADMSG (his line cannot be read),
 * -errno.
 */
int users_find(const char *file, const char *name, struct user *ret_user) MUST_CHECK;

/*
 * The secret for one-time codes of name, as text, from the file that is called like file with
 * ".totp" behind it: lines NAME:SECRET, for its owner's eyes only. The caller wipes it. Returns as
 * users_find.
 */
int users_totp(const char *file, const char *name, char *room, size_t size) MUST_CHECK;

/*
 * Is it this user's password? NULL, and a user whose hash never fits, take the same time and answer
 * no. The caller wipes the password.
 */
bool users_verify(const struct user *user, const char *password);

/*
 * Calls each for every user in the file's order, and complain (may be NULL) for every line that
 * cannot be read, for hashes of weak kinds and for names that are there twice. Returns 0 or -errno
 * after a complaint.
 */
typedef void users_each_fn(void *ctx, const struct user *user);
int users_each(const char *file, users_each_fn *each, conf_complain_fn *complain,
	       void *ctx) MUST_CHECK;

/*
 * Writes a user's line, in place of the old one or at the end; other lines stay byte for byte. The
 * new file replaces the old one at once or not at all, and is on the disk when this returns. Only
 * one edits at a time. Returns 0, -EINVAL (a field has a ':' or a control byte), -EPERM, -errno.
 */
int users_set(const char *file, const struct user *user) MUST_CHECK;

/* Takes the user's line out. Returns 0, -ENOENT, -EPERM, -errno. */
int users_delete(const char *file, const char *name) MUST_CHECK;

/* A new yescrypt hash with a salt of its own. Returns 0 or -errno. */
int users_hash(const char *password, char *room, size_t size) MUST_CHECK;

/* Is he kept out altogether, with his key too? */
bool users_locked(const struct user *user);

/* May this be a name in the file: account_name_ok()'s rule. */
bool users_name_ok(const char *name);

#endif
