/* SPDX-License-Identifier: ISC */
/*
 * value.c - one written word to one typed value. A table has a reader for each type; each says in
 * its own words what it would have taken.
 */
#include "conf/value.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/form.h"
#include "conf/rights.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* The largest first, for writing. */
static const struct unit times[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};
static const struct unit sizes[] = {
	{ "T", (uint64_t)1 << 40 },
	{ "G", 1 << 30 },
	{ "M", 1 << 20 },
	{ "K", 1 << 10 },
};
/* Other ways to write a size: all are powers of 1024. */
static const char *const size_tails[] = { "", "B", "iB" };

static int
refuse(struct text *why, const char *text, const char *expected)
{
	text_printf(why, "\"%.64s\" is not %s", text, expected);
	return -EINVAL;
}

static void
put_units(struct text *t, const struct unit *units, size_t count, uint64_t value)
{
	for (size_t i = 0; i < count; i++) {
		if (value && value % units[i].factor == 0) {
			text_printf(t, "%llu%s", (unsigned long long)(value / units[i].factor),
				    units[i].name);
			return;
		}
	}
	text_printf(t, "%llu", (unsigned long long)value);
}

void
value_put_time(struct text *t, uint64_t ms)
{
	put_units(t, times, COUNT_OF(times), ms);
}

void
value_put_size(struct text *t, uint64_t bytes)
{
	put_units(t, sizes, COUNT_OF(sizes), bytes);
}

/* A number from the row's range as the row's type is written. */
static void
put_number(struct text *t, const struct schema_key *key, uint64_t value)
{
	switch (key->type) {
	case SCHEMA_TIME:
		value_put_time(t, value);
		break;
	case SCHEMA_SIZE:
		value_put_size(t, value);
		break;
	case SCHEMA_MODE:
		text_printf(t, "%04llo", (unsigned long long)value);
		break;
	default:
		text_printf(t, "%llu", (unsigned long long)value);
	}
}

static int
check_range(const struct schema_key *key, const char *text, uint64_t value, struct text *why)
{
	if (key->max == 0 || (value >= key->min && value <= key->max))
		return 0;
	text_printf(why, "%.64s is out of range: ", text);
	put_number(why, key, key->min);
	if (key->max == INT64_MAX) {
		text_puts(why, " or more");
	} else {
		text_puts(why, " to ");
		put_number(why, key, key->max);
	}
	text_puts(why, key->flags & SCHEMA_NONE ? ", or none" : "");
	return -EINVAL;
}

static int
read_bool(const struct schema_key *key, const char *text, void *field, struct text *why)
{
	bool *value = field;

	(void)key;
	if (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0)
		*value = true;
	else if (strcmp(text, "no") == 0 || strcmp(text, "false") == 0)
		*value = false;
	else
		return refuse(why, text, "yes or no");
	return 0;
}

/* A number in range, with one of the units behind it when there are any. */
static int
read_number(const struct schema_key *key, const char *text, uint64_t *ret_value, struct text *why)
{
	uint64_t value;

	if (num_u64(text, INT64_MAX, &value) < 0)
		return refuse(why, text, "a whole number");
	if (check_range(key, text, value, why) < 0)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

static int
read_u16(const struct schema_key *key, const char *text, void *field, struct text *why)
{
	uint16_t *at = field;
	uint64_t value;

	if (read_number(key, text, &value, why) < 0)
		return -EINVAL;
	*at = (uint16_t)value; /* the row's range is narrower */
	return 0;
}

static int
read_u32(const struct schema_key *key, const char *text, void *field, struct text *why)
{
	uint32_t *at = field;
	uint64_t value;

	if (read_number(key, text, &value, why) < 0)
		return -EINVAL;
	*at = (uint32_t)value; /* the row's range is narrower */
	return 0;
}

static int
read_u64(const struct schema_key *key, const char *text, void *field, struct text *why)
{
	return read_number(key, text, field, why);
}

/* The digits in front of text. Returns what is behind them, or NULL without digits or too many. */
static const char *
take_digits(const char *text, uint64_t *ret_value)
{
	char digits[20]; /* INT64_MAX has 19 */
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len >= sizeof(digits))
		return NULL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (num_u64(digits, INT64_MAX, ret_value) < 0)
		return NULL;
	return text + len;
}

static int
read_time(const struct schema_key *key, const char *text, void *field, struct text *why)
{
	uint64_t value, *at = field;
	const char *unit = take_digits(text, &value);

	for (size_t i = 0; unit && i < COUNT_OF(times); i++) {
		if (strcmp(unit, times[i].name) != 0)
			continue;
		if (value > INT64_MAX / times[i].factor)
			break;
		value *= times[i].factor;
		if (check_range(key, text, value, why) < 0)
			return -EINVAL;
		*at = value;
		return 0;
	}
	return refuse(why, text, "a time: write a number with ms, s, m, h or d, such as 15m");
}

static bool
is_size_unit(const char *written, const char *unit)
{
	if (toupper((unsigned char)written[0]) != unit[0])
		return false;
	for (size_t i = 0; i < COUNT_OF(size_tails); i++) {
		if (strcmp(written + 1, size_tails[i]) == 0)
			return true;
	}
	return false;
}

static int
read_size(const struct schema_key *key, const char *text, void *field, struct text *why)
{
	uint64_t value, factor = 0, *at = field;
	const char *unit = take_digits(text, &value);

	if (unit && *unit == '\0')
		factor = 1;
	for (size_t i = 0; unit && *unit && i < COUNT_OF(sizes); i++) {
		if (is_size_unit(unit, sizes[i].name))
			factor = sizes[i].factor;
	}
	if (factor == 0 || value > INT64_MAX / factor)
		return refuse(why, text,
			      "a size: write bytes, or a number with K, M, G or T, such as 10M");
	value *= factor;
	if (check_range(key, text, value, why) < 0)
		return -EINVAL;
	*at = value;
	return 0;
}

static int
read_mode(const struct schema_key *key, const char *text, void *field, struct text *why)
{
	uint32_t value, *at = field;

	/* The zero in front is asked for so that nobody wonders whether 644 is octal. */
	if (text[0] != '0' || num_octal(text, 07777, &value) < 0)
		return refuse(why, text, "permissions in octal, such as 0640");
	if (check_range(key, text, value, why) < 0)
		return -EINVAL;
	*at = value;
	return 0;
}

static int
check_word(const struct schema_key *key, const char *text, int *ret_value, struct text *why)
{
	for (const struct schema_word *w = key->words; w->word; w++) {
		if (strcmp(w->word, text) == 0) {
			*ret_value = w->value;
			return 0;
		}
	}
	text_printf(why, "\"%.64s\" is not one of: ", text);
	for (const struct schema_word *w = key->words; w->word; w++)
		text_printf(why, "%s%s", w == key->words ? "" : ", ", w->word);
	schema_word_hint(key->words, text, why);
	return -EINVAL;
}

static int
read_word(const struct schema_key *key, const char *text, void *field, struct text *why)
{
	int value;

	if (check_word(key, text, &value, why) < 0)
		return -EINVAL;
	/* Our enums have no negative values, so they are unsigned int for the compiler. */
	_Static_assert(sizeof(enum conf_mode) == sizeof(int), "an enum is kept in an int");
	memcpy(field, &value, sizeof(value));
	return 0;
}

static int
read_ports(const struct schema_key *key, const char *text, void *field, struct text *why)
{
	uint64_t first, last;
	uint16_t pair[2];
	const char *behind = take_digits(text, &first);

	if (behind && *behind == '\0')
		last = first;
	else if (!behind || *behind != '-' || num_u64(behind + 1, UINT16_MAX, &last) < 0)
		return refuse(why, text, "a range of ports such as 50000-50999");
	if (first > last) {
		text_printf(why, "%.64s begins behind its end", text);
		return -EINVAL;
	}
	if (check_range(key, text, first, why) < 0 || check_range(key, text, last, why) < 0)
		return -EINVAL;
	_Static_assert(offsetof(struct conf, ftps.passive_last) ==
			   offsetof(struct conf, ftps.passive_first) + sizeof(uint16_t),
		       "a range is two numbers, one behind the other");
	pair[0] = (uint16_t)first;
	pair[1] = (uint16_t)last;
	memcpy(field, pair, sizeof(pair));
	return 0;
}

static int
read_rights(const struct schema_key *key, const char *text, void *field, struct text *why)
{
	uint32_t *at = field;

	(void)key;
	if (conf_rights_parse(text, at) == 0)
		return 0;
	text_printf(why, "\"%.64s\" is neither a right nor a preset", text);
	rights_hint(text, why);
	return -EINVAL;
}

typedef int read_fn(const struct schema_key *key, const char *text, void *field, struct text *why);

/* Indexed by type. Types that are not here are text. */
static read_fn *const readers[] = {
	[SCHEMA_BOOL] = read_bool,     [SCHEMA_U16] = read_u16,	  [SCHEMA_U32] = read_u32,
	[SCHEMA_U64] = read_u64,       [SCHEMA_TIME] = read_time, [SCHEMA_SIZE] = read_size,
	[SCHEMA_MODE] = read_mode,     [SCHEMA_WORD] = read_word, [SCHEMA_PORTS] = read_ports,
	[SCHEMA_RIGHTS] = read_rights,
};

static int
read_text(enum schema_type type, const char *text, char **at, struct text *why)
{
	const char *expected = form_check(type, text);

	if (strlen(text) > VALUE_TEXT_MAX)
		expected = "short enough";
	if (expected)
		return refuse(why, text, expected);
	free(*at);
	*at = mem_dup(text);
	return 0;
}

/* An item of a list of words: the word is kept as it is. */
static int
read_item_word(const struct schema_key *key, const char *text, char **at, struct text *why)
{
	int ignored;

	if (check_word(key, text, &ignored, why) < 0)
		return -EINVAL;
	free(*at);
	*at = mem_dup(text);
	return 0;
}

/* The word "none", in a row that takes it. */
static void
clear_value(const struct schema_key *key, void *field)
{
	char **at = field;

	if (schema_is_text(key)) {
		free(*at);
		*at = NULL;
	} else if (key->type == SCHEMA_U32) {
		*(uint32_t *)field = 0;
	} else {
		*(uint64_t *)field = 0;
	}
}

int
value_read(const struct schema_key *key, const char *text, void *field, struct text *why)
{
	enum schema_type type = key->type == SCHEMA_LIST ? key->item : key->type;

	if (*text == '\0')
		return refuse(why, text, "a value: leave the key out, or write one");
	if (key->type == SCHEMA_LIST && type == SCHEMA_WORD)
		return read_item_word(key, text, field, why);
	if ((key->flags & SCHEMA_NONE) && strcmp(text, "none") == 0) {
		clear_value(key, field);
		return 0;
	}
	/* A plain 0 says the same where none is allowed; anywhere else it must have its unit. */
	if ((key->flags & SCHEMA_NONE) && strcmp(text, "0") == 0 && !schema_is_text(key)) {
		clear_value(key, field);
		return 0;
	}
	if (type < COUNT_OF(readers) && readers[type])
		return readers[type](key, text, field, why);
	return read_text(type, text, field, why);
}
