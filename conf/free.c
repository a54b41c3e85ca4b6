/* SPDX-License-Identifier: ISC */
/* free.c - gives back a configuration: whatever the schema's rows say was allocated. */
#include <stdlib.h>
#include <string.h>

#include "conf/origin.h"
#include "conf/schema.h"

void
conf_list_clear(struct conf_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->at[i]);
	free(list->at);
	*list = (struct conf_list) { 0 };
}

/* Frees what the rows of this struct say was allocated. */
static void
free_rows(enum schema_in in, char *at)
{
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		char *text;

		if (key->in != in || key->array || key->type == SCHEMA_SECTION)
			continue;
		if (key->type == SCHEMA_LIST)
			conf_list_clear((struct conf_list *)(void *)(at + key->offset));
		if (!schema_is_text(key))
			continue;
		memcpy(&text, at + key->offset, sizeof(text));
		free(text);
	}
}

static void
free_array(struct conf *conf, const struct schema_array *array)
{
	char *elements, *name;
	size_t count;

	memcpy(&elements, (char *)conf + array->at, sizeof(elements));
	memcpy(&count, (char *)conf + array->count, sizeof(count));
	for (size_t i = 0; i < count; i++) {
		free_rows(array->element, elements + i * array->size);
		if (array->name == SIZE_MAX)
			continue;
		memcpy(&name, elements + i * array->size + array->name, sizeof(name));
		free(name);
	}
	free(elements);
}

void
conf_free(struct conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->share_count; i++) {
		for (size_t j = 0; j < conf->shares[i].rule_count; j++)
			free(conf->shares[i].rules[j].path);
		free(conf->shares[i].rules);
	}
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		if (key->array)
			free_array(conf, key->array);
	}
	free_rows(IN_CONF, (char *)conf);
	for (size_t i = 0; i < conf->file_count; i++)
		free(conf->files[i]);
	free(conf->files);
	free(conf->origins);
	free(conf);
}
