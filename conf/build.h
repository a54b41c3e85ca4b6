/* SPDX-License-Identifier: ISC */
/* build.h - fills a struct conf from a tree, row by row of the schema. */
#ifndef CONF_BUILD_H
#define CONF_BUILD_H

#include "conf/report.h"
#include "conf/tree.h"

/* A configuration with nothing in it. */
struct conf *build_new(void);

/* A copy of a file's name that lives as long as conf. */
const char *build_file_name(struct conf *conf, const char *name);

/* Fills conf with defaults and then with the tree. Complaints go to r and are counted there. */
void build_fill(struct conf *conf, const struct tree *root, struct report *r);

#endif
