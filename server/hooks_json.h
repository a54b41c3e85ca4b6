/* SPDX-License-Identifier: ISC */
/* hooks_json.h - an event as one JSON object. */
#ifndef SERVER_HOOKS_JSON_H
#define SERVER_HOOKS_JSON_H

#include "server/base/text.h"
#include "server/hook.h"

/*
 * Enough for every event: each byte of three paths may need six, and stands there in hex once more.
 */
#define HOOKS_JSON_MAX (3 * 8 * IPC_PATH_MAX + 4096)

/*
 * Puts {"event":"upload","time":...} and a newline. Strings are UTF-8. One that is none has U+FFFD
 * for its odd bytes, and a member NAME_hex beside it with what it really is.
 */
void hooks_json(struct text *t, const struct hook_origin *o, const struct hook_event *e);

#endif
