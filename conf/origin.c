/* SPDX-License-Identifier: ISC */
/* origin.c - where values were written. Owns: the table from a field's address to its place. */
#include "conf/origin.h"

#include <stdlib.h>

struct conf_origin {
	const void *field;
	struct conf_place place;
};

const char *
origin_file(struct conf *conf, const char *name)
{
	conf->files = mem_grow(conf->files, conf->file_count + 1, sizeof(*conf->files));
	conf->files[conf->file_count] = mem_dup(name);
	return conf->files[conf->file_count++];
}

void
origin_add(struct conf *conf, const void *field, const struct conf_place *place)
{
	size_t count = conf->origin_count;

	/* Grows when the count is 0 or a power of two from 64 on. */
	if (count == 0 || (count >= 64 && (count & (count - 1)) == 0))
		conf->origins =
		    mem_grow(conf->origins, count ? 2 * count : 64, sizeof(*conf->origins));
	conf->origins[conf->origin_count++] =
	    (struct conf_origin) { .field = field, .place = *place };
}

bool
origin_has(const struct conf *conf, size_t since, const void *field)
{
	for (size_t i = since; i < conf->origin_count; i++) {
		if (conf->origins[i].field == field)
			return true;
	}
	return false;
}

static int
compare(const void *a, const void *b)
{
	const struct conf_origin *x = a, *y = b;

	return (x->field > y->field) - (x->field < y->field);
}

void
origin_sort(struct conf *conf)
{
	if (conf->origin_count > 0)
		qsort(conf->origins, conf->origin_count, sizeof(*conf->origins), compare);
}

struct conf_place
conf_place_of(const struct conf *conf, const void *field)
{
	struct conf_origin wanted = { .field = field }, *found = NULL;

	if (conf->origin_count > 0)
		found = bsearch(&wanted, conf->origins, conf->origin_count, sizeof(*conf->origins),
				compare);
	return found ? found->place : (struct conf_place) { .file = conf->file };
}
