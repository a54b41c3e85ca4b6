/* SPDX-License-Identifier: ISC */
/* hook.c - events as messages. */
#include "server/hook.h"

#include <string.h>

static const char *const names[HOOK_KINDS] = {
	[HOOK_LOGIN] = "login",
	[HOOK_UPLOAD] = "upload",
	[HOOK_DELETE] = "delete",
	[HOOK_RENAME] = "rename",
};

const char *
hook_kind_name(enum hook_kind kind)
{
	return kind < HOOK_KINDS ? names[kind] : "?";
}

bool
hook_wants(const struct conf *conf, enum hook_kind kind)
{
	for (size_t i = 0; conf->hooks.spool && i < conf->hooks.events.count; i++) {
		if (strcmp(conf->hooks.events.at[i], hook_kind_name(kind)) == 0)
			return true;
	}
	return false;
}

void
hook_put_event(struct buf *b, const struct hook_event *e)
{
	buf_put_u8(b, (uint8_t)e->kind);
	buf_put_cstring(b, e->share);
	buf_put_cstring(b, e->path);
	buf_put_cstring(b, e->to);
	buf_put_cstring(b, e->file);
	buf_put_u64(b, e->bytes);
	buf_put_u8(b, e->directory);
}

void
hook_get_event(struct buf *b, struct hook_event *ret_e)
{
	uint8_t kind = buf_get_u8(b);

	if (kind >= HOOK_KINDS)
		b->bad = true;
	ret_e->kind = kind < HOOK_KINDS ? (enum hook_kind)kind : HOOK_LOGIN;
	buf_get_cstring(b, ret_e->share, sizeof(ret_e->share));
	buf_get_cstring(b, ret_e->path, sizeof(ret_e->path));
	buf_get_cstring(b, ret_e->to, sizeof(ret_e->to));
	buf_get_cstring(b, ret_e->file, sizeof(ret_e->file));
	ret_e->bytes = buf_get_u64(b);
	ret_e->directory = buf_get_u8(b) != 0;
}

void
hook_put_origin(struct buf *b, const struct hook_origin *o)
{
	buf_put_u64(b, o->time_us);
	buf_put_cstring(b, o->session);
	buf_put_cstring(b, o->protocol);
	buf_put_cstring(b, o->addr);
	buf_put_cstring(b, o->user);
	buf_put_cstring(b, o->method);
}

void
hook_get_origin(struct buf *b, struct hook_origin *ret_o)
{
	ret_o->time_us = buf_get_u64(b);
	buf_get_cstring(b, ret_o->session, sizeof(ret_o->session));
	buf_get_cstring(b, ret_o->protocol, sizeof(ret_o->protocol));
	buf_get_cstring(b, ret_o->addr, sizeof(ret_o->addr));
	buf_get_cstring(b, ret_o->user, sizeof(ret_o->user));
	buf_get_cstring(b, ret_o->method, sizeof(ret_o->method));
}
