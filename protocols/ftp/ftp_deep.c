/* SPDX-License-Identifier: ISC */
/*
 * ftp_deep.c - see ftp_deep.h. A stack: what was met last is listed first, so that what waits is
 * at most what lies beside the way down to where the listing is.
 */
#include "protocols/ftp/ftp_deep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/fail.h"
#include "server/base/text.h"
#include "server/vfs/path.h"

void
ftp_deep_begin(struct ftp_deep **deep, const char *first)
{
	/* Not zeroed: pages that no listing needs are never touched. */
	if (!*deep)
		*deep = malloc(sizeof(**deep));
	if (!*deep)
		die("no memory for a listing");
	ignore_result(text_copy((*deep)->first, sizeof((*deep)->first), first)); /* a clean path */
	(*deep)->now[0] = '\0';
	(*deep)->len = 0;
}

int
ftp_deep_add(struct ftp_deep *d, const char *name)
{
	struct text t;

	if (d->len == sizeof(d->waiting))
		return -ENOSPC;
	text_init(&t, d->waiting + d->len, sizeof(d->waiting) - d->len);
	text_puts(&t, d->now);
	if (*d->now)
		text_putc(&t, '/');
	text_puts(&t, name);
	if (t.cut)
		return -ENOSPC;
	d->len += t.len + 1;
	return 0;
}

bool
ftp_deep_is_done(const struct ftp_deep *d)
{
	return d->len == 0;
}

int
ftp_deep_next(struct ftp_deep *d, char *room, size_t size)
{
	size_t at = d->len - 1;

	while (at > 0 && d->waiting[at - 1] != '\0')
		at--;
	d->len = at;
	if (text_copy(d->now, sizeof(d->now), d->waiting + at) < 0)
		return -ENAMETOOLONG;
	return path_join(d->first, d->now, room, size);
}
