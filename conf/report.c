/* SPDX-License-Identifier: ISC */
/*
 * report.c - complaints on their way to the administrator. Owns: their number and their
 * harmlessness.
 */
#include "conf/report.h"

#include <stdarg.h>
#include <stdio.h>

#include "server/base/text.h"

void
report_init(struct report *r, conf_complain_fn *complain, void *ctx)
{
	*r = (struct report) { .complain = complain, .ctx = ctx };
}

static void
tell(struct report *r, const struct conf_place *place, const char *head, const char *fmt,
     va_list args)
{
	static const struct conf_place nowhere;
	char words[1024], line[1024 + 16];
	struct text t;

	if (!r->complain)
		return;
	vsnprintf(words, sizeof(words), fmt, args);
	text_init(&t, line, sizeof(line));
	text_puts(&t, head);
	text_printable(&t, words);
	r->complain(r->ctx, place ? place : &nowhere, line);
}

void
report_error(struct report *r, const struct conf_place *place, const char *fmt, ...)
{
	va_list args;

	r->errors++;
	if (r->errors > REPORT_MAX)
		return;
	va_start(args, fmt);
	tell(r, place, "", fmt, args);
	va_end(args);
	if (r->errors == REPORT_MAX && r->complain)
		r->complain(r->ctx, place, "more errors may follow; they are not shown");
}

void
report_warning(struct report *r, const struct conf_place *place, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell(r, place, "warning: ", fmt, args);
	va_end(args);
}
