/* SPDX-License-Identifier: ISC */
/*
 * tree_read.c - YAML bytes to a tree. Owns: libyaml. Its parser hands us events; we never let it
 * build a document, so nothing can be expanded, and depth and number are counted here.
 * Distrusts the bytes: they are an administrator's, but a fuzzer's too.
 */
#include "conf/tree.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

struct reader {
	yaml_parser_t yaml;
	const char *file, *bytes;
	size_t len, nodes;
	struct report *report;
};

static struct conf_place
place_at(const struct reader *rd, const yaml_mark_t *mark)
{
	return (struct conf_place) { .file = rd->file,
				     .line = (unsigned int)mark->line + 1,
				     .column = (unsigned int)mark->column + 1 };
}

/* Is a tab among the blanks that begin this line (from 0)? libyaml's own words do not say so. */
static bool
line_is_tabbed(const struct reader *rd, size_t line)
{
	const char *at = rd->bytes, *end = rd->bytes + rd->len;

	for (; line > 0 && at; line--) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	while (at && at < end && *at == ' ')
		at++;
	return at && at < end && *at == '\t';
}

static void
complain_yaml(struct reader *rd)
{
	const yaml_parser_t *y = &rd->yaml;
	struct conf_place place = place_at(rd, &y->problem_mark);
	const char *problem = y->problem ? y->problem : "cannot be read as YAML";

	if (y->error == YAML_READER_ERROR) { /* no mark, but a byte offset */
		place = (struct conf_place) { .file = rd->file, .line = 1, .column = 1 };
		for (size_t i = 0; i < y->problem_offset && i < rd->len; i++) {
			place.column++;
			if (rd->bytes[i] == '\n') {
				place.line++;
				place.column = 1;
			}
		}
	}
	if (line_is_tabbed(rd, y->problem_mark.line))
		report_error(rd->report, &place, "there is a tab; YAML is indented with spaces");
	else if (y->context)
		report_error(rd->report, &place, "%s (%s, which began in line %zu)", problem,
			     y->context, y->context_mark.line + 1);
	else
		report_error(rd->report, &place, "%s", problem);
}

static int
next_event(struct reader *rd, yaml_event_t *event)
{
	if (!yaml_parser_parse(&rd->yaml, event)) {
		complain_yaml(rd);
		return -EINVAL;
	}
	return 0;
}

static void
refuse_extras(struct reader *rd, const struct conf_place *place, const void *anchor,
	      const void *tag)
{
	if (anchor)
		report_error(rd->report, place,
			     "anchors (&name) are not supported: write the value where it is used");
	if (tag)
		report_error(rd->report, place, "tags (!name) are not supported");
}

static int read_node(struct reader *rd, const yaml_event_t *event, unsigned int depth,
		     struct tree **ret_tree);

/* Reads the next event as a node. Returns 0 and NULL where the list or map ends. */
static int
read_next(struct reader *rd, unsigned int depth, struct tree **ret_tree)
{
	yaml_event_t event;
	int err = next_event(rd, &event);

	if (err < 0)
		return err;
	if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
		*ret_tree = NULL;
	else
		err = read_node(rd, &event, depth, ret_tree);
	yaml_event_delete(&event);
	return err;
}

static struct tree *
read_scalar(struct reader *rd, const yaml_event_t *event, const struct conf_place *place)
{
	struct tree *t = tree_new(TREE_SCALAR, place);
	const char *value = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;

	if (memchr(value, '\0', len))
		report_error(rd->report, place, "a value may not contain a zero byte");
	t->text = mem_dup(value);
	t->is_empty = len == 0 && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return t;
}

static int
read_list(struct reader *rd, unsigned int depth, struct tree *list)
{
	for (;;) {
		struct tree *value;
		int err = read_next(rd, depth + 1, &value);

		if (err < 0)
			return err;
		if (!value)
			return 0;
		tree_append(list, NULL, &value->place, value);
	}
}

static void
add_pair(struct reader *rd, struct tree *map, struct tree *key, struct tree *value)
{
	const struct tree_item *before;

	if (key->kind != TREE_SCALAR || strlen(key->text) > TREE_KEY_MAX) {
		report_error(rd->report, &key->place, "a key must be a word");
		tree_free(value);
		return;
	}
	before = tree_find(map, key->text);
	if (before) {
		report_error(rd->report, &key->place,
			     "\"%s\" is written twice, the first time in line %u", key->text,
			     tree_key_place(before)->line);
		tree_free(value);
		return;
	}
	tree_append(map, key->text, &key->place, value);
	key->text = NULL;
}

static int
read_map(struct reader *rd, unsigned int depth, struct tree *map)
{
	for (;;) {
		struct tree *key, *value;
		int err = read_next(rd, depth + 1, &key);

		if (err < 0)
			return err;
		if (!key)
			return 0;
		err = read_next(rd, depth + 1, &value);
		if (err == 0 && value)
			add_pair(rd, map, key, value);
		tree_free(key);
		if (err < 0)
			return err;
	}
}

static int
read_node(struct reader *rd, const yaml_event_t *event, unsigned int depth, struct tree **ret_tree)
{
	struct conf_place place = place_at(rd, &event->start_mark);
	struct tree *t;
	int err = 0;

	if (depth > TREE_DEPTH_MAX || ++rd->nodes > TREE_NODES_MAX) {
		report_error(rd->report, &place, "this is %s than a configuration can be",
			     depth > TREE_DEPTH_MAX ? "nested deeper" : "longer");
		return -EINVAL;
	}
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		refuse_extras(rd, &place, event->data.scalar.anchor, event->data.scalar.tag);
		t = read_scalar(rd, event, &place);
		break;
	case YAML_SEQUENCE_START_EVENT:
		refuse_extras(rd, &place, event->data.sequence_start.anchor,
			      event->data.sequence_start.tag);
		t = tree_new(TREE_LIST, &place);
		err = read_list(rd, depth, t);
		break;
	case YAML_MAPPING_START_EVENT:
		refuse_extras(rd, &place, event->data.mapping_start.anchor,
			      event->data.mapping_start.tag);
		t = tree_new(TREE_MAP, &place);
		err = read_map(rd, depth, t);
		break;
	case YAML_ALIAS_EVENT:
		report_error(rd->report, &place,
			     "aliases (*name) are not supported: write the value where it is used");
		t = tree_new(TREE_SCALAR, &place);
		t->text = mem_dup("");
		break;
	default:
		report_error(rd->report, &place, "a value is missing");
		return -EINVAL;
	}
	if (err < 0) {
		tree_free(t);
		return err;
	}
	*ret_tree = t;
	return 0;
}

/* The root of a document has begun with this event. It must be a map. */
static int
read_root(struct reader *rd, const yaml_event_t *event, struct tree **ret_tree)
{
	struct tree *t;
	int err = read_node(rd, event, 0, &t);

	if (err < 0)
		return err;
	if (t->kind != TREE_MAP && !t->is_empty) {
		report_error(rd->report, &t->place,
			     "a configuration is made of lines such as \"key: value\"");
		tree_free(t);
		return -EINVAL;
	}
	t->kind = TREE_MAP;
	*ret_tree = t;
	return 0;
}

static int
read_stream(struct reader *rd, struct tree **ret_tree)
{
	struct tree *root = NULL;
	bool ended = false;

	while (!ended) {
		struct conf_place place;
		yaml_event_t event;
		int err = next_event(rd, &event);

		if (err == 0) {
			place = place_at(rd, &event.start_mark);
			switch (event.type) {
			case YAML_STREAM_END_EVENT:
			case YAML_NO_EVENT:
				ended = true;
				break;
			case YAML_STREAM_START_EVENT:
			case YAML_DOCUMENT_END_EVENT:
				break;
			case YAML_DOCUMENT_START_EVENT:
				if (root) {
					report_error(rd->report, &place,
						     "a second document begins here (\"---\")");
					err = -EINVAL;
				}
				break;
			default:
				err = read_root(rd, &event, &root);
			}
			yaml_event_delete(&event);
		}
		if (err < 0) {
			tree_free(root);
			return err;
		}
	}
	*ret_tree = root;
	return 0;
}

int
tree_parse(const char *file, const char *bytes, size_t len, struct report *r,
	   struct tree **ret_tree)
{
	const struct conf_place start = { .file = file, .line = 1, .column = 1 };
	struct reader rd = { .file = file, .bytes = bytes, .len = len, .report = r };
	int err;

	if (!yaml_parser_initialize(&rd.yaml)) {
		report_error(r, &start, "out of memory");
		return -EINVAL;
	}
	yaml_parser_set_encoding(&rd.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&rd.yaml, (const unsigned char *)bytes, len);
	err = read_stream(&rd, ret_tree);
	yaml_parser_delete(&rd.yaml);
	if (err < 0)
		return err;
	if (!*ret_tree)
		*ret_tree = tree_new(TREE_MAP, &start);
	return 0;
}
