/* SPDX-License-Identifier: ISC */
/*
 * origin.h - where values were written. The question for everybody is conf_place_of(), in conf.h.
 */
#ifndef CONF_ORIGIN_H
#define CONF_ORIGIN_H

#include <stdbool.h>

#include "conf/conf.h"

/* A copy of a file's name that lives as long as conf. */
const char *origin_file(struct conf *conf, const char *name);

/* field, a member of conf or below it, was written at place. */
void origin_add(struct conf *conf, const void *field, const struct conf_place *place);

/* Is it among those that were added since there were so many (conf->origin_count)? */
bool origin_has(const struct conf *conf, size_t since, const void *field);

/* When all are there: conf_place_of() wants them in order. */
void origin_sort(struct conf *conf);

/* Frees the items of a list, and empties it. */
void conf_list_clear(struct conf_list *list);

#endif
