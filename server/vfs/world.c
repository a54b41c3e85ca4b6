/* SPDX-License-Identifier: ISC */
/* world.c - words for the client and records for the administrator. */
#include "server/vfs/world.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/base/log.h"

int
world_why(struct world *w, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	/* Cut words are still words; the errno is what counts. */
	(void)vsnprintf(w->why_room, sizeof(w->why_room), fmt, args);
	va_end(args);
	return err;
}

int
world_refuse(struct world *w, const struct place *p, enum conf_right right)
{
	struct log_value path, name;
	const char *word = conf_right_name(right);
	const char *share = p->share->conf->name;

	log_notice("refused", "right=%s share=%s path=%s rule=%s:%u", word, log_q(&name, share),
		   log_q(&path, p->path), p->rule->file ? p->rule->file : "-", p->rule->line);
	return world_why(w, -EACCES, "the share \"%s\" does not allow \"%s\" here", share, word);
}

int
world_need(struct world *w, const struct place *p, uint32_t rights)
{
	uint32_t missing = rights & ~p->rights;

	if (!p->share)
		return world_why(w, -EACCES, "this directory only leads to shares");
	/* The lowest bit that is missing. */
	return missing ? world_refuse(w, p, (enum conf_right)(missing & -missing)) : 0;
}

int
world_changed(struct world *w, const char *op, const char *path, const char *to, int err)
{
	struct log_value from_v, to_v;
	const char *result = err == 0		    ? "ok"
			     : err == WORLD_IGNORED ? "ignored"
						    : strerrorname_np(-err);

	(void)w; /* who: stands on every record of this process (log_session) */
	if (!result)
		result = "unknown";
	if (to)
		log_notice("change", "op=%s path=%s to=%s result=%s", op, log_q(&from_v, path),
			   log_q(&to_v, to), result);
	else
		log_notice("change", "op=%s path=%s result=%s", op, log_q(&from_v, path), result);
	return err;
}

void
world_happened(struct world *w, enum vfs_event_kind kind, const struct place *p,
	       const struct place *to, uint64_t bytes, bool directory)
{
	const struct vfs_event e = { .kind = kind,
				     .share = p->share->conf->name,
				     .path = p->path,
				     .to = to ? to->path : "",
				     .root = p->share->path,
				     .inner = to ? to->inner : p->inner,
				     .bytes = bytes,
				     .directory = directory };

	if (w->on_event)
		w->on_event(w->event_ctx, &e);
}
