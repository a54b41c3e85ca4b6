/* SPDX-License-Identifier: ISC */
/* rights.h - what rights.c offers inside this room; the rest of it is in conf.h. */
#ifndef CONF_RIGHTS_H
#define CONF_RIGHTS_H

#include <stdint.h>

#include "server/base/text.h"

/* `, did you mean "read-only"?`, or nothing. */
void rights_hint(const char *word, struct text *t);

/* The preset's name, or the names of all rights with ", " between them, or "none". */
void rights_put(struct text *t, uint32_t rights);

#endif
