/* SPDX-License-Identifier: ISC */
/*
 * tree.h - a YAML file as a tree of scalars, lists and maps, each with the place where it was
 * written. Knows no key of ours. What YAML offers beyond that (anchors, aliases, tags, several
 * documents) is refused: it makes a configuration that reads differently from how it acts.
 */
#ifndef CONF_TREE_H
#define CONF_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/report.h"

/* Deeper and larger files are refused; no honest one comes near. */
#define TREE_DEPTH_MAX 16
#define TREE_NODES_MAX 65536
#define TREE_KEY_MAX 256

enum tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree_item;

struct tree {
	enum tree_kind kind;
	struct conf_place place;
	char *text;			/* scalar: without a 0 byte inside */
	bool is_empty;			/* scalar: nothing was written behind the key */
	struct tree_item *first, *last; /* list, map: in the order of the file */
	struct tree_item *by_key;	/* map: the hash table */
	size_t count;
};

/*
 * Parses a file's bytes. file names them in complaints and must outlive the tree. A file without
 * content is an empty map. Returns 0 and the tree (also after complaints that let it go on: see
 * r->errors), or -EINVAL after a complaint that did not.
 */
int tree_parse(const char *file, const char *bytes, size_t len, struct report *r,
	       struct tree **ret_tree) MUST_CHECK;

/* An empty one of that kind. */
struct tree *tree_new(enum tree_kind kind, const struct conf_place *place);

/* Adds an item at the end; key (NULL in a list) and value are the tree's from now on. */
void tree_append(struct tree *t, char *key, const struct conf_place *place, struct tree *value);

/* The item of that key in a map, or NULL. */
struct tree_item *tree_find(const struct tree *t, const char *key);

/* Lays over upon base: maps deep, the rest replaced. over is used up. Both are maps. */
void tree_merge(struct tree *base, struct tree *over);

void tree_free(struct tree *t);

/* Going through a list or map: NULL ends it. */
const struct tree_item *tree_first(const struct tree *t);
const struct tree_item *tree_next(const struct tree_item *item);
const struct tree *tree_value(const struct tree_item *item);
/* A map's key and its place. */
const char *tree_key(const struct tree_item *item);
const struct conf_place *tree_key_place(const struct tree_item *item);

#endif
