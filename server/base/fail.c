/* SPDX-License-Identifier: ISC */
/* fail.c - how a process of ours stops by itself. */
#include "server/base/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/base/log.h"

static void
last_words(const char *event, const char *fmt, va_list args)
{
	char words[512];
	struct log_value quoted;

	vsnprintf(words, sizeof(words), fmt, args);
	log_error(event, "reason=%s", log_q(&quoted, words));
}

void
die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	last_words("died", fmt, args);
	va_end(args);
	_exit(1);
}

void
bug(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	last_words("bug", fmt, args);
	va_end(args);
	abort();
}
