/* SPDX-License-Identifier: ISC */
/* rights.c - names of rights and of their presets. */
#include "conf/rights.h"

#include <errno.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/schema.h"

static const struct schema_word words[] = {
	/* Presets first: they are preferred when a set is put into words. */
	{ "none", RIGHT_NONE },
	{ "read-only", RIGHTS_READ_ONLY },
	{ "read-write", RIGHTS_READ_WRITE },
	{ "append-only", RIGHTS_APPEND_ONLY },
	{ "drop-box", RIGHTS_DROP_BOX },
	{ "list", RIGHT_LIST },
	{ "read", RIGHT_READ },
	{ "create", RIGHT_CREATE },
	{ "overwrite", RIGHT_OVERWRITE },
	{ "append", RIGHT_APPEND },
	{ "rename", RIGHT_RENAME },
	{ "delete", RIGHT_DELETE },
	{ "mkdir", RIGHT_MKDIR },
	{ "rmdir", RIGHT_RMDIR },
	{ "chmod", RIGHT_CHMOD },
	{ "times", RIGHT_TIMES },
	{ "symlink", RIGHT_SYMLINK },
	{ "link", RIGHT_LINK },
	{ "trash", RIGHT_TRASH },
	{ NULL, 0 },
};
#define PRESETS 5

static int
one_word(const char *word, size_t len, uint32_t *rights)
{
	for (const struct schema_word *w = words; w->word; w++) {
		if (strlen(w->word) == len && memcmp(w->word, word, len) == 0) {
			*rights |= (uint32_t)w->value;
			return 0;
		}
	}
	return -EINVAL;
}

int
conf_rights_parse(const char *word, uint32_t *ret_rights)
{
	uint32_t rights = 0;

	for (;;) {
		size_t len;

		word += strspn(word, " ");
		len = strcspn(word, " ,");
		if (one_word(word, len, &rights) < 0)
			return -EINVAL;
		word += len;
		word += strspn(word, " ");
		if (*word == '\0')
			break;
		if (*word++ != ',')
			return -EINVAL;
	}
	*ret_rights = rights;
	return 0;
}

const char *
conf_right_name(enum conf_right one)
{
	for (const struct schema_word *w = words + PRESETS; w->word; w++) {
		if (w->value == (int)one)
			return w->word;
	}
	return "?";
}

void
rights_hint(const char *word, struct text *t)
{
	schema_word_hint(words, word, t);
}

void
rights_put(struct text *t, uint32_t rights)
{
	bool is_first = true;

	for (size_t i = 0; i < PRESETS; i++) {
		if ((uint32_t)words[i].value == rights) {
			text_puts(t, words[i].word);
			return;
		}
	}
	for (const struct schema_word *w = words + PRESETS; w->word; w++) {
		if (!(rights & (uint32_t)w->value))
			continue;
		text_printf(t, "%s%s", is_first ? "" : ", ", w->word);
		is_first = false;
	}
}
