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
#include <time.h>
#include <unistd.h>

#include "server/base/log_form.h"
#include "server/base/text.h"

static struct {
	int fd;
	enum log_level level;
	enum log_format format;
	const char *process;
	char session[LOG_SESSION_MAX];
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
	if (t.cut) /* whoever makes them knows the size */
		out.session[0] = '\0';
}

bool
log_wants(enum log_level level)
{
	return level <= out.level;
}

/* Sessions that move small files write thousands of records in a second: it is formed once. */
static void
put_time(struct text *t)
{
	static char second[32];
	static time_t formed = -1;
	struct timespec now;
	long ms;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != formed) {
		struct tm utc;
		struct text s;

		gmtime_r(&now.tv_sec, &utc);
		text_init(&s, second, sizeof(second));
		text_printf(&s, "%04d-%02d-%02dT%02d:%02d:%02d.", utc.tm_year + 1900,
			    utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
		formed = now.tv_sec;
	}
	ms = now.tv_nsec / 1000000;
	text_puts(t, second);
	text_putc(t, (char)('0' + ms / 100));
	text_putc(t, (char)('0' + ms / 10 % 10));
	text_putc(t, (char)('0' + ms % 10));
	text_putc(t, 'Z');
}

void
log_record(enum log_level level, const char *process, const char *event, const char *fields)
{
	char line[LOG_RECORD_MAX], time_room[40];
	const struct log_head head = {
		.time = time_room, .level = level_names[level], .process = process, .event = event
	};
	struct text t, now;
	ssize_t n;

	if (!log_wants(level))
		return;
	if (out.sink) {
		out.sink(out.sink_ctx, level, event, fields);
		return;
	}
	text_init(&now, time_room, sizeof(time_room));
	put_time(&now);
	text_init(&t, line, sizeof(line) - 1);
	log_form(&t, out.format, &head, out.session, fields);
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
