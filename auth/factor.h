/* SPDX-License-Identifier: ISC */
/*
 * factor.h - which proofs together are a login. Alternatives, each a set. The order
 * in which a client brings them does not matter.
 */
#ifndef AUTH_FACTOR_H
#define AUTH_FACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "server/base/text.h"

enum factor { FACTOR_PASSWORD = 1, FACTOR_KEY = 2, FACTOR_CODE = 4, FACTOR_CERTIFICATE = 8 };

/*
 * A list of alternatives is auth.factors or the factors of a rule; an empty one is password or
 * publickey.
 */

/* Is this set of factors a whole alternative? */
bool factor_enough(const struct conf_list *alternatives, uint32_t have);

/*
 * What could still come: all that is missing in any alternative. A key that was right does not
 * shut the way of a password that is enough alone; agents show keys unasked.
 */
uint32_t factor_missing(const struct conf_list *alternatives, uint32_t have);

/* What to ask for next: what is missing in those that all of have is part of, if there are any. */
uint32_t factor_next(const struct conf_list *alternatives, uint32_t have);

/* The methods of auth.h that can bring these factors to an SFTP listener. */
uint32_t factor_methods(const struct conf *conf, uint32_t factors);

/* The factors that clients of this listener can bring at all. */
uint32_t factor_possible(const struct conf *conf, const struct conf_listener *listener);

/*
 * Writes those alternatives that can be brought with these factors, or those that cannot, as
 * "publickey+totp, or password". Returns how many.
 */
size_t factor_put(struct text *t, const struct conf_list *alternatives, uint32_t possible,
		  bool can);

#endif
