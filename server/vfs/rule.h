/* SPDX-License-Identifier: ISC */
/*
 * rule.h - what the configuration allows: rights by path, and names that are hidden, denied or
 * ours. It decides; whoever asks (world.h) finds the words.
 */
#ifndef SERVER_VFS_RULE_H
#define SERVER_VFS_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

/*
 * Begins the names of what uploads put beside a file (part.h), and of the trash (trash_name.h).
 * Nobody else sees or makes such, but for the trash, with the right to it.
 */
#define RULE_OUR_PREFIX ".coffer-"

/*
 * The rights at a path inside the share ("in/a", without a '/' in front, "" for the root): those of
 * the nearest rule at or above it. *ret_place is where that rule was written. In the trash they are
 * those of the place from which a thing came, less all that would change it there.
 */
uint32_t rule_rights(const struct conf_share *share, const char *inner,
		     const struct conf_place **ret_place);

/*
 * Does a rule of its own stand at this path or below it? A move would carry things out of its
 * reach.
 */
bool rule_stands_below(const struct conf_share *share, const char *inner);

/* All that those rules together give: what a move to this path could bring within their reach. */
uint32_t rule_rights_below(const struct conf_share *share, const char *inner);

/* Is something forbidden somewhere in the share that a session may do to what it made itself? */
bool rule_tracks(const struct conf_share *share);

enum rule_name {
	RULE_NAME_OK,
	RULE_NAME_HIDDEN, /* it is not there */
	RULE_NAME_DENIED, /* it is not to be touched */
	RULE_NAME_ODD,	  /* it has control characters: may be used, not made */
};

/* What is to be said of one name. */
enum rule_name rule_name(const struct conf_share *share, const char *name);

/*
 * The same for all components of inner; the last one counts in *ret_last, those before in the
 * result. sees_trash: TRASH_DIR is a name like others.
 */
enum rule_name rule_path(const struct conf_share *share, const char *inner, bool sees_trash,
			 enum rule_name *ret_last);

/* The name that patterns are meant for: of something in the trash what it was called before. */
const char *rule_true_name(const char *name, bool in_trash);

#endif
