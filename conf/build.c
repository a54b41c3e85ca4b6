/* SPDX-License-Identifier: ISC */
/*
 * build.c - a tree becomes a struct conf. Owns: the storage of struct conf (so conf_free is here)
 * and the memory of places. Knows no key by name, but for the few defaults that depend on other
 * keys.
 */
#include "conf/build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/form.h"
#include "conf/origin.h"
#include "conf/schema.h"
#include "conf/value.h"
#include "server/base/fail.h"

#define WHERE_MAX 512

struct builder {
	struct conf *conf;
	struct report *report;
};

/* The struct that is being filled, and how it is called. */
struct target {
	enum schema_in in;
	char *at;
	size_t first_origin; /* of those that belong to it */
};

static void build_map(struct builder *b, struct target *to, const char *prefix, const char *where,
		      const struct tree *node);

static void
set_default(const struct schema_key *key, char *field)
{
	char storage[128], room[128], *rest = room, *word;
	struct conf_list *list = (struct conf_list *)(void *)field;
	struct text why;
	int err = 0;

	text_init(&why, storage, sizeof(storage));
	if (key->type != SCHEMA_LIST) {
		err = value_read(key, key->def, field, &why);
	} else if (text_copy(room, sizeof(room), key->def) == 0) {
		while ((word = strsep(&rest, ","))) {
			list->at = mem_grow(list->at, list->count + 1, sizeof(*list->at));
			list->at[list->count] = NULL;
			err |= value_read(key, word + strspn(word, " "), &list->at[list->count++],
					  &why);
		}
	}
	if (err < 0) /* test_conf_schema.c looks at every row */
		bug("the default of %s is wrong: %s", key->key, why.at);
}

static void
set_defaults(const struct target *to)
{
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		if (key->in == to->in && key->type >= SCHEMA_BOOL && key->def)
			set_default(key, to->at + key->offset);
	}
}

static const char *
kind_name(const struct tree *node)
{
	switch (node->kind) {
	case TREE_LIST:
		return "a list";
	case TREE_MAP:
		return "a section";
	default:
		return "one value";
	}
}

static void
build_scalar(struct builder *b, const struct schema_key *key, void *field, const char *where,
	     const struct tree *node)
{
	char storage[512];
	struct text why;

	origin_add(b->conf, field, &node->place);
	text_init(&why, storage, sizeof(storage));
	if (node->kind != TREE_SCALAR)
		report_error(b->report, &node->place, "%s: takes one value, not %s", where,
			     kind_name(node));
	else if (value_read(key, node->text, field, &why) < 0)
		report_error(b->report, &node->place, "%s: %s", where, why.at);
}

static void
build_list(struct builder *b, const struct schema_key *key, struct conf_list *list,
	   const char *where, const struct tree *node)
{
	size_t count = node->kind == TREE_LIST ? node->count : 1;
	const struct tree_item *item;

	if (node->kind == TREE_MAP || (node->kind == TREE_SCALAR && node->is_empty)) {
		report_error(b->report, &node->place, "%s: takes a list such as [one, two]", where);
		return;
	}
	if (count < key->min || (key->max > 0 && count > key->max)) {
		report_error(b->report, &node->place, "%s: takes %llu to %llu entries, not %zu%s",
			     where, (unsigned long long)key->min, (unsigned long long)key->max,
			     count, count == 0 ? "; leave the key out for its default" : "");
		return;
	}
	conf_list_clear(list);
	list->at = mem_new(count, sizeof(*list->at));
	list->count = count;
	origin_add(b->conf, list, &node->place);
	if (node->kind == TREE_SCALAR) {
		build_scalar(b, key, &list->at[0], where, node);
		return;
	}
	count = 0;
	for (item = tree_first(node); item; item = tree_next(item))
		build_scalar(b, key, &list->at[count++], where, tree_value(item));
}

/* Rights may be one preset, or a list whose entries are united. */
static void
build_rights(struct builder *b, const struct schema_key *key, uint32_t *field, const char *where,
	     const struct tree *node)
{
	const struct tree_item *item;
	uint32_t all = 0;

	if (node->kind != TREE_LIST) {
		build_scalar(b, key, field, where, node);
		return;
	}
	origin_add(b->conf, field, &node->place);
	for (item = tree_first(node); item; item = tree_next(item)) {
		build_scalar(b, key, field, where, tree_value(item));
		all |= *field;
	}
	*field = all;
}

static bool
expect_map(struct builder *b, const char *where, const struct tree *node)
{
	if (node->kind == TREE_MAP)
		return true;
	if (!node->is_empty) /* a section whose keys are all commented out is one */
		report_error(b->report, &node->place,
			     "%s: takes a section, that is lines such as \"key: value\" indented "
			     "below it, not %s",
			     where, kind_name(node));
	return false;
}

static void
build_rules(struct builder *b, struct conf_share *share, const char *where, const struct tree *node)
{
	static const struct schema_key as_path = { .key = "", .type = SCHEMA_MOUNT };
	static const struct schema_key as_rights = { .key = "", .type = SCHEMA_RIGHTS };
	const struct tree_item *item;
	struct conf_rule *rule;

	if (!expect_map(b, where, node))
		return;
	rule = share->rules = mem_new(node->count, sizeof(*share->rules));
	share->rule_count = node->count;
	for (item = tree_first(node); item; item = tree_next(item), rule++) {
		char storage[512], full[WHERE_MAX];
		struct text why;

		text_init(&why, storage, sizeof(storage));
		rule->place = *tree_key_place(item);
		if (value_read(&as_path, tree_key(item), &rule->path, &why) < 0)
			report_error(b->report, &rule->place, "%s: %s", where, why.at);
		snprintf(full, sizeof(full), "%.255s.%.200s", where, tree_key(item));
		build_rights(b, &as_rights, &rule->rights, full, tree_value(item));
	}
}

static void
check_needed(struct builder *b, const struct target *to, const char *where,
	     const struct conf_place *place)
{
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		if (key->in == to->in && (key->flags & SCHEMA_NEEDED) &&
		    !origin_has(b->conf, to->first_origin, to->at + key->offset))
			report_error(b->report, place, "%s: \"%s\" is missing", where,
				     schema_last(key));
	}
}

/* One element of a SCHEMA_NAMED row, or the one at this index of a SCHEMA_LISTED one. */
static void
build_element(struct builder *b, const struct schema_key *key, char *at, size_t index,
	      const struct tree_item *item)
{
	const char *name = tree_key(item);
	const struct conf_place *place = tree_key_place(item);
	const struct tree *node = tree_value(item);
	const struct schema_array *array = key->array;
	struct target to = { .in = array->element,
			     .at = at,
			     .first_origin = b->conf->origin_count };
	char prefix[WHERE_MAX], where[WHERE_MAX];

	snprintf(prefix, sizeof(prefix), "%s.*", key->key);
	if (name)
		snprintf(where, sizeof(where), "%s.%.255s", key->key, name);
	else
		snprintf(where, sizeof(where), "%s[%zu]", key->key, index + 1);
	set_defaults(&to);
	memcpy(at + array->place, place, sizeof(*place));
	if (name) {
		char *copy = mem_dup(name);

		memcpy(at + array->name, &copy, sizeof(copy));
		if (!form_is_title(name))
			report_error(b->report, place,
				     "%s: a name has 1 to 64 bytes, and no slash or control byte",
				     where);
	}
	if (node->kind == TREE_SCALAR && node->is_empty)
		report_error(b->report, place, "%s: there is nothing in it", where);
	else if (expect_map(b, where, node)) {
		build_map(b, &to, prefix, where, node);
		check_needed(b, &to, where, place);
	}
}

static void
build_array(struct builder *b, const struct schema_key *key, const char *where,
	    const struct tree *node)
{
	const struct schema_array *array = key->array;
	bool is_named = key->type == SCHEMA_NAMED;
	char *conf = (char *)b->conf, *elements;
	const struct tree_item *item;
	size_t index = 0;

	if (node->kind == TREE_SCALAR && node->is_empty)
		return;
	if (is_named && !expect_map(b, where, node))
		return;
	if (!is_named && node->kind != TREE_LIST) {
		report_error(b->report, &node->place, "%s: takes a list, each entry behind a dash",
			     where);
		return;
	}
	elements = mem_new(node->count, array->size);
	memcpy(conf + array->at, &elements, sizeof(elements));
	memcpy(conf + array->count, &node->count, sizeof(node->count));
	for (item = tree_first(node); item; item = tree_next(item), index++)
		build_element(b, key, elements + index * array->size, index, item);
}

static void
build_row(struct builder *b, struct target *to, const struct schema_key *key, const char *where,
	  const struct tree *node)
{
	char *field = to->at + key->offset;

	switch (key->type) {
	case SCHEMA_SECTION:
		if (expect_map(b, where, node))
			build_map(b, to, key->key, where, node);
		break;
	case SCHEMA_NAMED:
	case SCHEMA_LISTED:
		build_array(b, key, where, node);
		break;
	case SCHEMA_RULES:
		build_rules(b, (struct conf_share *)(void *)to->at, where, node);
		break;
	case SCHEMA_RIGHTS:
		build_rights(b, key, (uint32_t *)(void *)field, where, node);
		break;
	case SCHEMA_LIST:
		build_list(b, key, (struct conf_list *)(void *)field, where, node);
		break;
	default:
		build_scalar(b, key, field, where, node);
	}
}

static void
build_map(struct builder *b, struct target *to, const char *prefix, const char *where,
	  const struct tree *node)
{
	const struct tree_item *item;

	for (item = tree_first(node); item; item = tree_next(item)) {
		const char *name = tree_key(item);
		const struct schema_key *key = schema_find(prefix, name);
		char full[WHERE_MAX], storage[256];
		struct text hint;

		if (!key) {
			text_init(&hint, storage, sizeof(storage));
			if (b->report->errors < REPORT_MAX)
				schema_hint(prefix, name, &hint);
			report_error(b->report, tree_key_place(item), "unknown key \"%.128s\"%s",
				     name, hint.at);
			continue;
		}
		snprintf(full, sizeof(full), "%.255s%s%.128s", where, *where ? "." : "", name);
		build_row(b, to, key, full, tree_value(item));
	}
}

/* Defaults that hang on other keys. */
static void
settle(struct builder *b)
{
	static const uint16_t ports[] = {
		[CONF_FTPS] = 21,
		[CONF_FTPS_IMPLICIT] = 990,
		[CONF_SFTP] = 22,
	};
	struct conf *conf = b->conf;

	for (size_t i = 0; i < conf->listener_count; i++) {
		if (conf->listeners[i].port == 0)
			conf->listeners[i].port = ports[conf->listeners[i].protocol];
	}
	for (size_t i = 0; i < conf->share_count; i++) {
		struct conf_share *share = &conf->shares[i];

		share->rights_place = conf_place_of(conf, &share->rights);
		if (share->rights_place.line == 0)
			share->rights_place = share->place;
		if (!share->mount) {
			size_t size = strlen(share->name) + 2;

			share->mount = mem_new(1, size);
			snprintf(share->mount, size, "/%s", share->name);
		}
	}
	if (conf->mode == CONF_PERSONAL && conf_place_of(conf, &conf->auth.pam_service).line == 0) {
		free(conf->auth.pam_service);
		conf->auth.pam_service = NULL;
	}
}

void
build_fill(struct conf *conf, const struct tree *root, struct report *r)
{
	struct builder b = { .conf = conf, .report = r };
	struct target top = { .in = IN_CONF, .at = (char *)conf };

	set_defaults(&top);
	build_map(&b, &top, "", "", root);
	origin_sort(conf);
	settle(&b);
}
