/* SPDX-License-Identifier: ISC */
/*
 * report.h - complaints on their way to whoever asked for the configuration: counted, so that the
 * asker knows that there was one, and bounded, so that a file of rubbish gives a page and not a
 * book.
 */
#ifndef CONF_REPORT_H
#define CONF_REPORT_H

#include "conf/conf.h"

/* Errors that are told; what follows is only counted. */
#define REPORT_MAX 100

struct report {
	conf_complain_fn *complain;
	void *ctx;
	unsigned int errors;
};

void report_init(struct report *r, conf_complain_fn *complain, void *ctx);

/* A sentence without a newline. Control bytes in it become '?'. place may be NULL. */
void report_error(struct report *r, const struct conf_place *place, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void report_warning(struct report *r, const struct conf_place *place, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#endif
