/* SPDX-License-Identifier: ISC */
/* value.h - one written word to one typed value. Pure: no files, no state. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf/schema.h"

/* Bytes of the longest text that a key takes. */
#define VALUE_TEXT_MAX 4096

/*
 * Reads text as the type of key and writes it to field, which is in the struct that the row speaks
 * of (text there is freed and replaced). For a SCHEMA_LIST it reads one item into a char *. Returns
 * 0; or -EINVAL, field untouched, and why says what is wrong and what would be right.
 */
int value_read(const struct schema_key *key, const char *text, void *field,
	       struct text *why) MUST_CHECK;

/* "15m", "90s", "2s": the shortest way to write it. */
void value_put_time(struct text *t, uint64_t ms);
/* "10M", "1G", "1000". */
void value_put_size(struct text *t, uint64_t bytes);

#endif
