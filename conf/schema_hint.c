/* SPDX-License-Identifier: ISC */
/*
 * schema_hint.c - finding rows of the schema, and guessing which one was meant.
 * Owns: the questions of schema.h; the table itself is schema.c. Pure: no files, no state.
 */
#include "conf/schema.h"

#include <ctype.h>
#include <string.h>

/* Longer words are compared by nobody: they are not slips of the finger. */
#define WORD_MAX 64

/* What other servers call the switch that this one does not have. */
static const char *const clear_words[] = {
	"plain",       "cleartext",  "clear-text", "insecure",	   "unencrypted",
	"require-tls", "requiretls", "tlsrequire", "tls-required", "require-ssl",
	"ssl-enable",  "enable-ssl", "force-ssl",  "force-tls",	   "force-local",
	"tlsengine",   "enable-tls", "tls-enable", "encryption",   "allow-anon-ssl",
};
static const char *const clear_words_in_tls[] = { "required", "require", "enable",
						  "enabled",  "force",	 "optional" };

static char
fold(char c)
{
	return c == '_' ? '-' : (char)tolower((unsigned char)c);
}

static void
fold_word(const char *word, char room[WORD_MAX])
{
	size_t i;

	for (i = 0; word[i] && i < WORD_MAX - 1; i++)
		room[i] = fold(word[i]);
	room[i] = '\0';
}

const char *
schema_last(const struct schema_key *key)
{
	const char *dot = strrchr(key->key, '.');

	return dot ? dot + 1 : key->key;
}

bool
schema_is_in(const struct schema_key *key, const char *prefix)
{
	size_t len = strlen(prefix);

	if (len > 0) {
		if (strncmp(key->key, prefix, len) != 0 || key->key[len] != '.')
			return false;
		len++;
	}
	return strchr(key->key + len, '.') == NULL;
}

bool
schema_is_text(const struct schema_key *key)
{
	switch (key->type) {
	case SCHEMA_LINE:
	case SCHEMA_TEXT:
	case SCHEMA_NAME:
	case SCHEMA_PATH:
	case SCHEMA_TEMPLATE:
	case SCHEMA_MOUNT:
	case SCHEMA_IPV4:
	case SCHEMA_ADDRESS:
		return true;
	default:
		return false;
	}
}

const struct schema_key *
schema_find(const char *prefix, const char *name)
{
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		if (schema_is_in(key, prefix) && strcmp(schema_last(key), name) == 0)
			return key;
	}
	return NULL;
}

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/*
 * How many letters apart are they (insert, delete, replace, swap)? Case, '_' and '-' do not count.
 */
static size_t
letters_apart(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1], la = strlen(a), lb = strlen(b);
	size_t *before = rows[0], *above = rows[1], *row = rows[2], *spare;

	if (la > WORD_MAX || lb > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		above[j] = j;
	for (size_t i = 1; i <= la; i++) {
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			bool same = fold(a[i - 1]) == fold(b[j - 1]);

			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1));
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]) && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[lb];
}

/* Near enough to be a slip: one letter in three. */
static bool
is_near(const char *meant, const char *written, size_t *best)
{
	size_t distance = letters_apart(meant, written);
	size_t len = strlen(meant);

	if (distance >= *best || distance > (len < 6 ? 2 : len / 3))
		return false;
	/* Of a short word at least half must be right. */
	if (len < 6 && distance * 2 > len)
		return false;
	*best = distance;
	return true;
}

static bool
wants_clear(const char *prefix, const char *name)
{
	char word[WORD_MAX];

	fold_word(name, word);
	for (size_t i = 0; i < COUNT_OF(clear_words); i++) {
		if (strstr(word, clear_words[i]))
			return true;
	}
	if (strcmp(prefix, "tls") != 0 && strcmp(prefix, "ftps") != 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(clear_words_in_tls); i++) {
		if (strcmp(word, clear_words_in_tls[i]) == 0)
			return true;
	}
	return false;
}

void
schema_hint(const char *prefix, const char *name, struct text *t)
{
	const struct schema_key *near = NULL, *elsewhere = NULL;
	size_t best = SIZE_MAX;

	if (wants_clear(prefix, name)) {
		text_puts(t, ": encryption is always on and cannot be switched off");
		return;
	}
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		if (schema_is_in(key, prefix) && is_near(schema_last(key), name, &best))
			near = key;
		else if (!elsewhere && letters_apart(schema_last(key), name) == 0)
			elsewhere = key;
	}
	if (near)
		text_printf(t, ", did you mean \"%s\"?", schema_last(near));
	else if (elsewhere)
		text_printf(t, " here; its place is \"%s\"", elsewhere->key);
}

void
schema_word_hint(const struct schema_word *words, const char *word, struct text *t)
{
	const char *near = NULL;
	size_t best = SIZE_MAX;

	for (; words->word; words++) {
		if (is_near(words->word, word, &best))
			near = words->word;
	}
	if (near)
		text_printf(t, ", did you mean \"%s\"?", near);
}
