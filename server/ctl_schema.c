/* SPDX-License-Identifier: ISC */
/*
 * ctl_schema.c - `cofferctl schema`: the schema table for people (text), for the manual page (mdoc)
 * and for editors (JSON Schema), so that none of them can know another set of keys than the server.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "conf/schema.h"
#include "conf/value.h"
#include "server/ctl.h"

/* A line of the manual's source. */
#define ROFF_COLUMNS 72

static const struct kind {
	const char *name; /* what is written behind the key */
	const char *json; /* members of a JSON schema */
} kinds[] = {
	[SCHEMA_SECTION] = { "section", NULL },
	[SCHEMA_NAMED] = { "section of names", NULL },
	[SCHEMA_LISTED] = { "list of sections", NULL },
	[SCHEMA_RULES] = { "section of paths", "\"type\":\"object\"" },
	[SCHEMA_BOOL] = { "yes or no", "\"type\":\"boolean\"" },
	[SCHEMA_U16] = { "number", "\"type\":\"integer\"" },
	[SCHEMA_U32] = { "number", "\"type\":\"integer\"" },
	[SCHEMA_U64] = { "number", "\"type\":[\"integer\",\"string\"]" },
	[SCHEMA_TIME] = { "time", "\"type\":[\"string\",\"integer\"]" },
	[SCHEMA_SIZE] = { "size", "\"type\":[\"string\",\"integer\"]" },
	[SCHEMA_MODE] = { "octal mode", "\"type\":[\"string\",\"integer\"]" },
	[SCHEMA_WORD] = { "word", "\"type\":\"string\"" },
	[SCHEMA_LINE] = { "text", "\"type\":\"string\"" },
	[SCHEMA_TEXT] = { "text", "\"type\":\"string\"" },
	[SCHEMA_NAME] = { "name", "\"type\":\"string\"" },
	[SCHEMA_PATH] = { "path", "\"type\":\"string\"" },
	[SCHEMA_TEMPLATE] = { "path with %u, %h", "\"type\":\"string\"" },
	[SCHEMA_MOUNT] = { "virtual path", "\"type\":\"string\",\"pattern\":\"^/\"" },
	[SCHEMA_IPV4] = { "IPv4 address", "\"type\":\"string\"" },
	[SCHEMA_ADDRESS] = { "address or *", "\"type\":\"string\"" },
	[SCHEMA_NETWORK] = { "address or network", "\"type\":\"string\"" },
	[SCHEMA_MEMBER] = { "user or @group", "\"type\":\"string\"" },
	[SCHEMA_ENDPOINT] = { "address:port", "\"type\":\"string\"" },
	[SCHEMA_HOURS] = { "times of the week", "\"type\":\"string\"" },
	[SCHEMA_FACTORS] = { "factors joined with +", "\"type\":\"string\"" },
	[SCHEMA_PATTERN] = { "pattern", "\"type\":\"string\"" },
	[SCHEMA_PORTS] = { "range of ports", "\"type\":[\"string\",\"integer\"]" },
	[SCHEMA_RIGHTS] = { "rights", "\"type\":[\"string\",\"array\"]" },
	[SCHEMA_LIST] = { "list", NULL },
};

static void
put_bound(struct text *t, const struct schema_key *key, uint64_t value)
{
	if (key->type == SCHEMA_TIME)
		value_put_time(t, value);
	else if (key->type == SCHEMA_SIZE)
		value_put_size(t, value);
	else if (key->type == SCHEMA_MODE)
		text_printf(t, "%04llo", (unsigned long long)value);
	else
		text_printf(t, "%llu", (unsigned long long)value);
}

/* "time, 2s to 10m, default 60s" */
static void
put_facts(struct text *t, const struct schema_key *key)
{
	if (key->words) {
		for (const struct schema_word *w = key->words; w->word; w++)
			text_printf(t, "%s%s", w == key->words ? "" : " | ", w->word);
		text_puts(t, key->type == SCHEMA_LIST ? " (list)" : "");
	} else if (key->type == SCHEMA_LIST) {
		text_printf(t, "list of: %s", kinds[key->item].name);
	} else {
		text_puts(t, kinds[key->type].name);
	}
	if (key->max > 0 && key->type != SCHEMA_LIST) {
		text_puts(t, ", ");
		put_bound(t, key, key->min);
		if (key->max == INT64_MAX) {
			text_puts(t, " or more");
		} else {
			text_puts(t, " to ");
			put_bound(t, key, key->max);
		}
	}
	if ((key->flags & SCHEMA_NONE) && (!key->def || strcmp(key->def, "none") != 0))
		text_puts(t, ", or none");
	if (key->flags & SCHEMA_NEEDED)
		text_puts(t, ", must be there");
	else if (key->def)
		text_printf(t, ", default %s", key->def);
}

static void
print_text(void)
{
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		char room[512];
		struct text facts;

		text_init(&facts, room, sizeof(room));
		put_facts(&facts, key);
		printf("%s (%s)\n    %s\n", key->key, facts.at, key->help);
	}
}

/*
 * Text for mdoc(7): every sentence begins a line, and lines are short, as mandoc -Tlint wants it.
 */
static void
print_roff(const char *s)
{
	size_t column = 0;

	for (; *s; s++) {
		bool ends = (s[0] == '.' || s[0] == '?') && s[1] == ' ';
		size_t word = strcspn(s + 1, " ");

		if (*s == ' ' && column + word >= ROFF_COLUMNS) {
			putchar('\n');
			column = 0;
			continue;
		}
		if (column == 0 && (*s == '.' || *s == '\''))
			fputs("\\&", stdout); /* a word, not a request */
		fputs(*s == '\\' ? "\\e" : *s == '-' ? "\\-" : "", stdout);
		if (*s != '\\' && *s != '-')
			putchar(*s);
		column += *s == '-' ? 2 : 1;
		if (ends) {
			putchar('\n');
			column = 0;
			s++;
		}
	}
	putchar('\n');
}

static void
print_mdoc(void)
{
	printf(".Bl -tag -width Ds\n");
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		char room[512];
		struct text facts;

		text_init(&facts, room, sizeof(room));
		put_facts(&facts, key);
		printf(".It Ic %s Pq %s\n", key->key, facts.at);
		print_roff(key->help);
	}
	printf(".El\n");
}

static void
print_json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			putchar('\\');
		putchar(*s);
	}
	putchar('"');
}

static void print_json_object(const char *prefix);

static void
print_json_type(const struct schema_key *key)
{
	char prefix[128];

	snprintf(prefix, sizeof(prefix), "%s%s", key->key, key->array ? ".*" : "");
	switch (key->type) {
	case SCHEMA_SECTION:
		print_json_object(prefix);
		break;
	case SCHEMA_NAMED:
		printf("\"type\":\"object\",\"additionalProperties\":{");
		print_json_object(prefix);
		putchar('}');
		break;
	case SCHEMA_LISTED:
		printf("\"type\":\"array\",\"items\":{");
		print_json_object(prefix);
		putchar('}');
		break;
	case SCHEMA_LIST:
		printf("\"type\":[\"array\",\"string\"]");
		break;
	default:
		fputs(kinds[key->type].json, stdout);
	}
	if (key->type == SCHEMA_WORD) {
		printf(",\"enum\":[");
		for (const struct schema_word *w = key->words; w->word; w++)
			printf("%s\"%s\"", w == key->words ? "" : ",", w->word);
		putchar(']');
	}
}

/* The keys directly below a prefix. */
static void
print_json_object(const char *prefix)
{
	const char *comma = "";

	printf("\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		if (!schema_is_in(key, prefix))
			continue;
		printf("%s\n", comma);
		comma = ",";
		print_json_string(schema_last(key));
		printf(":{\"description\":");
		print_json_string(key->help);
		putchar(',');
		print_json_type(key);
		putchar('}');
	}
	printf("},\"required\":[");
	comma = "";
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		if (!schema_is_in(key, prefix) || !(key->flags & SCHEMA_NEEDED))
			continue;
		fputs(comma, stdout);
		comma = ",";
		print_json_string(schema_last(key));
	}
	putchar(']');
}

static void
print_json(void)
{
	printf("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",");
	printf("\"title\":\"coffer.yaml\",");
	print_json_object("");
	printf("}\n");
}

int
ctl_schema(int argc, char *argv[])
{
	static const struct option longer[] = {
		{ "text", no_argument, NULL, 't' },
		{ "mdoc", no_argument, NULL, 'm' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	void (*print)(void) = print_text;
	int c;

	while ((c = getopt_long(argc, argv, "", longer, NULL)) != -1) {
		if (c != 't' && c != 'm' && c != 'j')
			return ctl_usage("schema");
		print = c == 'm' ? print_mdoc : c == 'j' ? print_json : print_text;
	}
	if (optind != argc)
		return ctl_usage("schema");
	print();
	return 0;
}
