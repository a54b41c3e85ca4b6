/* SPDX-License-Identifier: ISC */
/*
 * log_form.h - the form of one record, as text or JSON. Whatever the fields are, what comes out is
 * whole: each field is KEY=VALUE or KEY="VALUE" as log_q() writes it, and what is not becomes one
 * quoted value under the key "text".
 */
#ifndef BASE_LOG_FORM_H
#define BASE_LOG_FORM_H

#include "server/base/log.h"
#include "server/base/text.h"

struct log_head {
	const char *time, *level, *process, *event;
};

/*
 * Puts the record into t. Fields that have no room any more are left out, and "cut=yes" stands in
 * their place. In JSON no member is there twice: a field that is called like one before it gets a
 * '_' behind its name.
 */
void log_form(struct text *t, enum log_format format, const struct log_head *head,
	      const char *session, const char *fields);

#endif
