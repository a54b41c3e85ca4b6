/* SPDX-License-Identifier: ISC */
/* form.h - what a text must look like, for each type of the schema that is text. */
#ifndef CONF_FORM_H
#define CONF_FORM_H

#include <stdbool.h>

#include "conf/schema.h"

/* Returns NULL when text is good for a key of this type, else words for what would be. */
const char *form_check(enum schema_type type, const char *text);

/* A name of a listener or share: 1 to 64 bytes of UTF-8 that can be one directory's name. */
bool form_is_title(const char *name);

#endif
