/* SPDX-License-Identifier: ISC */
/* keys_line.h - one line of authorized_keys(5): does it let this key in, from there, now? */
#ifndef AUTH_KEYS_LINE_H
#define AUTH_KEYS_LINE_H

#include "auth/cert.h"
#include "auth/keys.h"

/* What is looked for in the lines of a file, and what a line says. */
struct keys_search {
	const struct keys_question *q;
	const struct cert *cert; /* NULL: a plain key */
	const char *file;
	bool trusted;	   /* each key in the file is an authority, as the administrator says */
	unsigned int line; /* its number */
	bool authority;	   /* cert-authority */
	char *principals;  /* principals="..." */
};

/*
 * Looks at the line that s->file and s->line name; it is cut into pieces. What is odd in it is
 * logged when it is this key's.
 */
bool keys_line_fits(struct keys_search *s, char *line);

#endif
