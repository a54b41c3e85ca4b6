/* SPDX-License-Identifier: ISC */
/* build.h - fills a struct conf from a tree, row by row of the schema. */
#ifndef CONF_BUILD_H
#define CONF_BUILD_H

#include "conf/report.h"
#include "conf/tree.h"

/*
 * Fills an empty conf with defaults and then with the tree. Complaints go to r and are counted
 * there.
 */
void build_fill(struct conf *conf, const struct tree *root, struct report *r);

#endif
