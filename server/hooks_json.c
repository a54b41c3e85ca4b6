/* SPDX-License-Identifier: ISC */
/* hooks_json.c - RFC 8259, as far as strings and numbers go. */
#include "server/hooks_json.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static void
put_chars(struct text *t, const char *s, bool is_utf8)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\') {
			text_putc(t, '\\');
			text_putc(t, *s);
		} else if (c < 0x20 || c == 0x7f) {
			text_printf(t, "\\u%04x", c);
		} else if (c >= 0x80 && !is_utf8) {
			text_puts(t, "\\ufffd");
		} else {
			text_putc(t, *s);
		}
	}
}

/* Nothing for an empty value. */
static void
put_string(struct text *t, const char *name, const char *value)
{
	bool is_utf8 = text_is_utf8(value);

	if (!*value)
		return;
	text_printf(t, ",\"%s\":\"", name);
	put_chars(t, value, is_utf8);
	text_putc(t, '"');
	if (is_utf8)
		return;
	text_printf(t, ",\"%s_hex\":\"", name);
	for (; *value; value++)
		text_printf(t, "%02x", (unsigned char)*value);
	text_putc(t, '"');
}

static void
put_time(struct text *t, uint64_t time_us)
{
	time_t s = (time_t)(time_us / 1000000);
	struct tm utc;

	memset(&utc, 0, sizeof(utc));
	gmtime_r(&s, &utc);
	text_printf(t, ",\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%06uZ\"", utc.tm_year + 1900,
		    utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
		    (unsigned int)(time_us % 1000000));
}

void
hooks_json(struct text *t, const struct hook_origin *o, const struct hook_event *e)
{
	text_printf(t, "{\"event\":\"%s\"", hook_kind_name(e->kind));
	put_time(t, o->time_us);
	put_string(t, "session", o->session);
	put_string(t, "protocol", o->protocol);
	put_string(t, "addr", o->addr);
	put_string(t, "user", o->user);
	put_string(t, "method", o->method);
	put_string(t, "share", e->share);
	put_string(t, "path", e->path);
	put_string(t, "to", e->to);
	put_string(t, "file", e->file);
	if (e->kind == HOOK_UPLOAD)
		text_printf(t, ",\"bytes\":%" PRIu64, e->bytes);
	if (e->directory)
		text_puts(t, ",\"directory\":true");
	text_puts(t, "}\n");
}
