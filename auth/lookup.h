/* SPDX-License-Identifier: ISC */
/*
 * lookup.h - who a name is, before anything is proven: anonymous, a user of the users file, or of
 * the system. In this order, so that one name is one person on both protocols.
 */
#ifndef AUTH_LOOKUP_H
#define AUTH_LOOKUP_H

#include "auth/account.h"
#include "auth/users.h"

enum lookup {
	LOOKUP_NOBODY,
	LOOKUP_ANONYMOUS, /* no password is asked of him */
	LOOKUP_FILE,	  /* the users file has his hash */
	LOOKUP_SYSTEM,	  /* PAM decides, and may put another name in place of this one */
};

/* What all who come without a password are called, in shares, rules and logs. */
#define LOOKUP_ANONYMOUS_NAME "anonymous"

/*
 * Where is it decided whether a client is name? with_system: PAM is asked on this listener. Fills
 * account for ANONYMOUS and FILE, and user (may be NULL) for FILE; the caller clears the one and
 * wipes the other.
 */
enum lookup lookup_name(const struct conf *conf, bool with_system, const char *name,
			struct account *account, struct user *user);

/*
 * The system's account of a name, under the name that the system gives it. Returns 0, -ENOENT,
 * -EPERM (that one is not the system's to decide about), -errno.
 */
int lookup_system(const struct conf *conf, const char *name,
		  struct account *ret_account) MUST_CHECK;

/* The account of name, wherever it is. Returns 0, -ENOENT, -errno. The caller clears it. */
int lookup_account(const struct conf *conf, bool with_system, const char *name,
		   struct account *ret_account) MUST_CHECK;

#endif
