/* SPDX-License-Identifier: ISC */
/*
 * tree.c - trees: made, gone through, laid over each other. Owns: the hash table of a map's keys.
 * Where they come from is tree_read.c.
 */
#include "conf/tree.h"

#include <stdlib.h>
#include <string.h>

#define uthash_malloc(size) mem_new(1, (size))
#include <uthash.h>

struct tree_item {
	char *key; /* NULL in a list */
	struct conf_place place;
	struct tree *value;
	struct tree_item *next;
	UT_hash_handle hh;
};

struct tree *
tree_new(enum tree_kind kind, const struct conf_place *place)
{
	struct tree *t = mem_new(1, sizeof(*t));

	t->kind = kind;
	t->place = *place;
	return t;
}

void
tree_free(struct tree *t)
{
	struct tree_item *item, *next;

	if (!t)
		return;
	if (t->by_key)
		HASH_CLEAR(hh, t->by_key);
	for (item = t->first; item; item = next) {
		next = item->next;
		tree_free(item->value);
		free(item->key);
		free(item);
	}
	free(t->text);
	free(t);
}

void
tree_append(struct tree *t, char *key, const struct conf_place *place, struct tree *value)
{
	struct tree_item *item = mem_new(1, sizeof(*item));

	item->key = key;
	item->place = *place;
	item->value = value;
	if (t->last)
		t->last->next = item;
	else
		t->first = item;
	t->last = item;
	t->count++;
	if (key)
		HASH_ADD_KEYPTR(hh, t->by_key, item->key, strlen(item->key), item);
}

struct tree_item *
tree_find(const struct tree *t, const char *key)
{
	struct tree_item *item = NULL;

	HASH_FIND(hh, t->by_key, key, strlen(key), item);
	return item;
}

void
tree_merge(struct tree *base, struct tree *over)
{
	struct tree_item *item;

	for (item = over->first; item; item = item->next) {
		struct tree_item *old = tree_find(base, item->key);

		if (!old) {
			tree_append(base, item->key, &item->place, item->value);
			item->key = NULL;
		} else if (old->value->kind == TREE_MAP && item->value->kind == TREE_MAP) {
			tree_merge(old->value, item->value);
		} else if (old->value->kind == TREE_MAP && item->value->is_empty) {
			tree_free(item->value); /* a section whose keys are all commented out */
		} else {
			tree_free(old->value);
			old->value = item->value;
			old->place = item->place;
		}
		item->value = NULL;
	}
	/* The table's keys were moved; forget it before anything could look into it. */
	if (over->by_key)
		HASH_CLEAR(hh, over->by_key);
	tree_free(over);
}

const struct tree_item *
tree_first(const struct tree *t)
{
	return t->first;
}

const struct tree_item *
tree_next(const struct tree_item *item)
{
	return item->next;
}

const struct tree *
tree_value(const struct tree_item *item)
{
	return item->value;
}

const char *
tree_key(const struct tree_item *item)
{
	return item->key;
}

const struct conf_place *
tree_key_place(const struct tree_item *item)
{
	return &item->place;
}
