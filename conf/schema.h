/* SPDX-License-Identifier: ISC */
/*
 * schema.h - every key of the configuration as a row of one table: name, type, default, range,
 * help. The loader, its messages, conf_free(), the manual page and the JSON schema are made from
 * it, so that none of them can know a key that the others do not.
 *
 * A key is written with dots. "*" stands for a name that the administrator chose ("shares.*.path")
 * or for a place in a list ("tls.certificates.*.key").
 */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "server/base/text.h"

enum schema_type {
	SCHEMA_SECTION, /* a map whose keys are rows of their own */
	SCHEMA_NAMED,	/* a map from chosen names to elements (listeners, shares) */
	SCHEMA_LISTED,	/* a list of elements (certificates) */
	SCHEMA_RULES,	/* a map from paths to rights */
	/* From here on: values, read by value.c. */
	SCHEMA_BOOL,
	SCHEMA_U16,
	SCHEMA_U32,
	SCHEMA_U64,
	SCHEMA_TIME,	 /* uint64_t milliseconds */
	SCHEMA_SIZE,	 /* uint64_t bytes */
	SCHEMA_MODE,	 /* uint32_t */
	SCHEMA_WORD,	 /* one of words; an enum */
	SCHEMA_LINE,	 /* a string on one line */
	SCHEMA_TEXT,	 /* a string that may have several lines */
	SCHEMA_NAME,	 /* the name of a user, group or service */
	SCHEMA_PATH,	 /* an absolute path */
	SCHEMA_TEMPLATE, /* a path in which %u and %h may stand */
	SCHEMA_MOUNT,	 /* a clean virtual path */
	SCHEMA_IPV4,
	SCHEMA_ADDRESS,	 /* "*", IPv4 or IPv6 */
	SCHEMA_NETWORK,	 /* an address, or address/bits */
	SCHEMA_MEMBER,	 /* a user's name or @group */
	SCHEMA_ENDPOINT, /* address:port */
	SCHEMA_HOURS,	 /* times of the week: hours.h */
	SCHEMA_FACTORS,	 /* names of factors joined with + */
	SCHEMA_PATTERN,	 /* an fnmatch(3) pattern of a file name */
	SCHEMA_PORTS,	 /* "first-last": two uint16_t, one behind the other */
	SCHEMA_RIGHTS,	 /* preset, or names of rights: uint32_t */
	SCHEMA_LIST,	 /* struct conf_list of item */
};

/* The struct that a row's offset is in. */
enum schema_in { IN_CONF, IN_LISTENER, IN_CERTIFICATE, IN_AUTH_RULE, IN_EXTERNAL, IN_SHARE };

enum schema_flag {
	SCHEMA_NEEDED = 1, /* an element without it makes no sense */
	SCHEMA_NONE = 2,   /* the word "none" is taken: NULL or 0 */
};

struct schema_word {
	const char *word;
	int value;
};

/* Where the elements of a SCHEMA_NAMED or SCHEMA_LISTED row are kept, in struct conf. */
struct schema_array {
	enum schema_in element;
	size_t size;	    /* of one element */
	size_t at, count;   /* offsets in struct conf */
	size_t name, place; /* offsets in the element; name is SIZE_MAX in a list */
};

struct schema_key {
	const char *key;
	enum schema_type type;
	enum schema_in in;
	size_t offset;
	const char *def;       /* as it would be written; a list with ", "; NULL: there is none */
	uint64_t min, max;     /* of numbers; of a list: how many; both 0: any */
	const char *help;      /* a sentence */
	enum schema_type item; /* SCHEMA_LIST: of what */
	uint32_t flags;	       /* enum schema_flag */
	const struct schema_word *words; /* SCHEMA_WORD, and lists of it; ends with NULL */
	const struct schema_array *array;
};

/* All rows, in the order in which a person reads them. The one behind the last has key NULL. */
extern const struct schema_key schema_keys[];

/* The row "prefix.name", or NULL. prefix is "" on top. name is not trusted. */
const struct schema_key *schema_find(const char *prefix, const char *name);

/* The part of the row's key behind the last dot. */
const char *schema_last(const struct schema_key *key);

/* Is it a row directly below the prefix? */
bool schema_is_in(const struct schema_key *key, const char *prefix);

/* Its value is text that was allocated: char *. */
bool schema_is_text(const struct schema_key *key);

/*
 * Says what somebody who wrote name below prefix may have meant: `, did you mean "shares"?`, or
 * that the key belongs elsewhere, or that encryption cannot be switched off. "" when there is no
 * idea.
 */
void schema_hint(const char *prefix, const char *name, struct text *t);

/* The same for one word out of a table. */
void schema_word_hint(const struct schema_word *words, const char *word, struct text *t);

#endif
