/* SPDX-License-Identifier: ISC */
/*
 * log.c - events as key=value lines or JSON objects. Owns: the format of a record.
 * Invariants: one record is one write(2) of one line; no allocation; never blocks on anything but
 * that write; a control byte never reaches the output.
 */
#include "server/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/base/text.h"

static struct {
	int fd;
	enum log_level level;
	enum log_format format;
	const char *process;
	char session[512];
	log_sink_fn *sink;
	void *sink_ctx;
} out = { .fd = STDERR_FILENO, .level = LOG_LEVEL_INFO, .process = "coffer" };

static const char *const level_names[] = { "error", "warn", "notice", "info", "debug" };

void
log_init(int fd, enum log_level level, enum log_format format)
{
	out.fd = fd;
	out.level = level;
	out.format = format;
}

void
log_process(const char *process)
{
	out.process = process;
}

void
log_to(log_sink_fn *sink, void *ctx)
{
	out.sink = sink;
	out.sink_ctx = ctx;
}

void
log_session(const char *fields)
{
	struct text t;

	text_init(&t, out.session, sizeof(out.session));
	text_puts(&t, fields);
}

bool
log_wants(enum log_level level)
{
	return level <= out.level;
}

int
log_level_parse(const char *word, enum log_level *ret_level)
{
	for (size_t i = 0; i < COUNT_OF(level_names); i++) {
		if (strcmp(word, level_names[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *
log_level_name(enum log_level level)
{
	return level_names[level];
}

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
		else
			text_putc(&t, (char)c);
		if (t.cut) /* never half an escape */
			t.len = before;
	}
	memcpy(v->room + t.len, t.cut ? "...\"" : "\"", t.cut ? sizeof("...\"") : sizeof("\""));
	return v->room;
}

static void
put_time(struct text *t)
{
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	text_printf(t, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", utc.tm_year + 1900, utc.tm_mon + 1,
		    utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000);
}

/* Puts the fields k=v k="v" as JSON members. Escapes of log_q that JSON lacks become \u00NN. */
static void
put_json_fields(struct text *t, const char *f)
{
	while (*f) {
		size_t key = strcspn(f, "= ");
		bool quoted;

		if (f[key] != '=') { /* not a field: nothing of ours writes that */
			f += key + (f[key] == ' ');
			continue;
		}
		text_puts(t, ",\"");
		text_putn(t, f, key);
		text_puts(t, "\":\"");
		f += key + 1;
		quoted = *f == '"';
		f += quoted;
		while (*f && *f != (quoted ? '"' : ' ')) {
			if (f[0] == '\\' && f[1] == 'x') {
				text_puts(t, "\\u00");
				f += 2;
				continue;
			}
			if (f[0] == '\\' && f[1])
				text_putc(t, *f++);
			text_putc(t, *f++);
		}
		f += quoted && *f == '"';
		f += *f == ' ';
		text_putc(t, '"');
	}
}

static void
put_record(struct text *t, enum log_level level, const char *process, const char *event,
	   const char *fields)
{
	if (out.format == LOG_FORMAT_JSON) {
		text_puts(t, "{\"time\":\"");
		put_time(t);
		text_printf(t, "\",\"level\":\"%s\",\"process\":\"%s\",\"event\":\"%s\"",
			    level_names[level], process, event);
		put_json_fields(t, out.session);
		put_json_fields(t, fields);
		text_putc(t, '}');
		return;
	}
	put_time(t);
	text_printf(t, " %s %s %s:%s%s%s%s", level_names[level], process, event,
		    out.session[0] ? " " : "", out.session, fields[0] ? " " : "", fields);
}

void
log_record(enum log_level level, const char *process, const char *event, const char *fields)
{
	char line[LOG_RECORD_MAX];
	struct text t;
	ssize_t n;

	if (!log_wants(level))
		return;
	if (out.sink) {
		out.sink(out.sink_ctx, level, event, fields);
		return;
	}
	text_init(&t, line, sizeof(line) - 1);
	put_record(&t, level, process, event, fields);
	line[t.len] = '\n';
	/* A full disk or a gone reader must not stop a session; there is nobody left to tell. */
	do
		n = write(out.fd, line, t.len + 1);
	while (n < 0 && errno == EINTR);
}

void
log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	char fields[LOG_RECORD_MAX - 256];
	int saved = errno;
	va_list args;

	if (!log_wants(level))
		return;
	va_start(args, fmt);
	vsnprintf(fields, sizeof(fields), fmt, args);
	va_end(args);
	log_record(level, out.process, event, fields);
	errno = saved;
}
