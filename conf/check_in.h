/* SPDX-License-Identifier: ISC */
/* check_in.h - what the files of conf_check() share. */
#ifndef CONF_CHECK_IN_H
#define CONF_CHECK_IN_H

#include "conf/conf.h"
#include "conf/report.h"

struct check {
	const struct conf *conf;
	struct report report;
};

/* Complains at the place where field was written. */
#define COMPLAIN(c, field, ...)                                             \
	do {                                                                \
		struct conf_place place_ = conf_place_of((c)->conf, field); \
		report_error(&(c)->report, &place_, __VA_ARGS__);           \
	} while (0)
#define WARN(c, field, ...)                                                 \
	do {                                                                \
		struct conf_place place_ = conf_place_of((c)->conf, field); \
		report_warning(&(c)->report, &place_, __VA_ARGS__);         \
	} while (0)

/* check_auth.c: accounts of our own, who may log in and how, and what anonymous gets. */
void check_logins(struct check *c);

#endif
