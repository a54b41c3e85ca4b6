/* SPDX-License-Identifier: ISC */
/*
 * log_form.c - values and fields of records. Pure. Distrusts: fields that wire made, which may be a
 * client's by now: they are taken apart and put together again, so that none of them can look like
 * another one.
 */
#include "server/base/log_form.h"

#include <ctype.h>
#include <string.h>

/* What the end of a record may take: the mark that something was left out, and the brace. */
#define END_ROOM 32

static bool
is_plain(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '=')
			return false;
	}
	return true;
}

const char *
log_q(struct log_value *v, const char *s)
{
	bool utf8;
	struct text t;

	if (!s)
		return "-";
	text_init(&t, v->room, sizeof(v->room) - sizeof("...\""));
	if (is_plain(s)) {
		text_puts(&t, s);
		if (t.cut)
			memcpy(v->room + t.len, "...", sizeof("..."));
		return v->room;
	}
	utf8 = text_is_utf8(s);
	text_putc(&t, '"');
	for (; *s && !t.cut; s++) {
		unsigned char c = (unsigned char)*s;
		size_t before = t.len;

		if (c == '"' || c == '\\')
			text_printf(&t, "\\%c", c);
		else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
			text_printf(&t, "\\x%02x", c);
		else if (c == 0xc2 && (unsigned char)s[1] < 0xa0) /* U+0080 to 9F: CSI is one */
			text_printf(&t, "\\xc2\\x%02x", (unsigned char)*++s);
		else
			text_putc(&t, (char)c);
		if (t.cut) /* never half an escape */
			t.len = before;
	}
	memcpy(v->room + t.len, t.cut ? "...\"" : "\"", t.cut ? sizeof("...\"") : sizeof("\""));
	return v->room;
}

struct field {
	const char *key, *value; /* a value without its quotes */
	size_t key_len, value_len;
};

/* The length of an escape of log_q() at s, or 0. */
static size_t
escape_length(const char *s)
{
	if (s[1] == '"' || s[1] == '\\')
		return 2;
	return s[1] == 'x' && isxdigit((unsigned char)s[2]) && isxdigit((unsigned char)s[3]) ? 4
											     : 0;
}

/* The length of a key at s. strspn(3) makes itself a table of the letters, every time. */
static size_t
key_length(const char *s)
{
	size_t n = 0;

	while ((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= '0' && s[n] <= '9') || s[n] == '_' ||
	       s[n] == '-')
		n++;
	return n;
}

/* Takes the next field off *f. Returns false when what stands there is none. */
static bool
next_field(const char **f, struct field *ret)
{
	const char *p = *f;
	size_t len;

	ret->key = p;
	ret->key_len = key_length(p);
	p += ret->key_len;
	if (ret->key_len == 0 || *p++ != '=')
		return false;
	if (*p == '"') {
		for (ret->value = ++p; *p && *p != '"'; p += len) {
			len = *p == '\\' ? escape_length(p) : 1;
			if (len == 0 || (unsigned char)*p < 0x20 || *p == 0x7f)
				return false;
		}
		ret->value_len = (size_t)(p - ret->value);
		if (*p++ != '"')
			return false;
	} else {
		ret->value = p;
		while ((unsigned char)*p > 0x20 && *p != 0x7f && *p != '"' && *p != '\\')
			p++;
		ret->value_len = (size_t)(p - ret->value);
	}
	if (*p != ' ' && *p != '\0')
		return false;
	*f = p + (*p == ' ');
	return true;
}

static bool
is_key(const struct field *f, const char *name)
{
	return strlen(name) == f->key_len && memcmp(f->key, name, f->key_len) == 0;
}

/* Does the head, or the session's stamp, have a member of this name? */
static bool
is_taken(const struct field *f, const char *session)
{
	static const char *const head[] = { "time", "level", "process", "event" };
	struct field other;

	for (size_t i = 0; i < COUNT_OF(head); i++)
		if (is_key(f, head[i]))
			return true;
	while (session && *session && next_field(&session, &other))
		if (other.key_len == f->key_len && memcmp(other.key, f->key, f->key_len) == 0)
			return true;
	return false;
}

/* A member; escapes that JSON lacks become \u00NN. */
static void
put_json(struct text *t, const struct field *f, bool taken)
{
	text_puts(t, ",\"");
	text_putn(t, f->key, f->key_len);
	text_puts(t, taken ? "_\":\"" : "\":\"");
	for (size_t i = 0; i < f->value_len; i++) {
		if (f->value[i] == '\\' && f->value[i + 1] == 'x') {
			text_puts(t, "\\u00");
			i++;
			continue;
		}
		text_putc(t, f->value[i]);
		if (f->value[i] == '\\')
			text_putc(t, f->value[++i]);
	}
	text_putc(t, '"');
}

static void
put_text(struct text *t, const char *from, size_t len)
{
	text_putc(t, ' ');
	text_putn(t, from, len);
}

/* Puts a field as a whole or not at all. Returns whether it is there. */
static bool
put_field(struct text *t, enum log_format format, const char *raw, size_t raw_len,
	  const struct field *f, bool taken)
{
	size_t before = t->len;

	if (format == LOG_FORMAT_JSON)
		put_json(t, f, taken);
	else
		put_text(t, raw, raw_len);
	if (!t->cut && t->len + END_ROOM < t->size)
		return true;
	t->len = before;
	t->at[before] = '\0';
	t->cut = false;
	return false;
}

/* Returns false when something had no room. */
static bool
put_fields(struct text *t, enum log_format format, const char *fields, const char *session)
{
	char room[sizeof(struct log_value) + 8];
	struct log_value quoted;
	struct field f;
	struct text one;
	bool utf8 = text_is_utf8(fields);

	while (*fields) {
		const char *begin = fields;

		if (utf8 && next_field(&fields, &f)) {
			size_t len = (size_t)(fields - begin);

			len -= len > 0 && begin[len - 1] == ' ';
			/* Only an object may not have two members of one name. */
			if (!put_field(t, format, begin, len, &f,
				       format == LOG_FORMAT_JSON && is_taken(&f, session)))
				return false;
			continue;
		}
		/* The rest is no field: it becomes the value of one. */
		text_init(&one, room, sizeof(room));
		text_printf(&one, "text=%s", log_q(&quoted, begin));
		begin = one.at;
		return !one.cut && next_field(&begin, &f) &&
		       put_field(t, format, one.at, one.len, &f, false);
	}
	return true;
}

void
log_form(struct text *t, enum log_format format, const struct log_head *head, const char *session,
	 const char *fields)
{
	bool json = format == LOG_FORMAT_JSON, whole;

	if (json)
		text_printf(t,
			    "{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"event\":\"%s\"",
			    head->time, head->level, head->process, head->event);
	else
		text_printf(t, "%s %s %s %s:", head->time, head->level, head->process, head->event);
	whole = put_fields(t, format, session, NULL);
	whole &= put_fields(t, format, fields, session);
	if (!whole)
		text_puts(t, json ? ",\"cut\":\"yes\"" : " cut=yes");
	if (json)
		text_putc(t, '}');
}
