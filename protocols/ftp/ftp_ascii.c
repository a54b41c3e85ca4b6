/* SPDX-License-Identifier: ISC */
/* ftp_ascii.c - line ends, both ways. Owns nothing; memory does not grow with the file. */
#include "protocols/ftp/ftp_ascii.h"

#include <string.h>

void
ftp_ascii_init(struct ftp_ascii *a)
{
	a->last_was_cr = false;
}

size_t
ftp_ascii_to_wire(struct ftp_ascii *a, const uint8_t *in, size_t len, uint8_t *out)
{
	const uint8_t *end = in + len, *lf;
	uint8_t *to = out;

	while ((lf = memchr(in, '\n', (size_t)(end - in))) != NULL) {
		size_t line = (size_t)(lf - in);
		bool has_cr = line > 0 ? lf[-1] == '\r' : a->last_was_cr;

		memcpy(to, in, line);
		to += line;
		if (!has_cr)
			*to++ = '\r';
		*to++ = '\n';
		a->last_was_cr = false;
		in = lf + 1;
		if (in == end)
			return (size_t)(to - out);
	}
	memcpy(to, in, (size_t)(end - in));
	to += end - in;
	if (end > in)
		a->last_was_cr = end[-1] == '\r';
	return (size_t)(to - out);
}

size_t
ftp_ascii_from_wire(struct ftp_ascii *a, uint8_t *at, size_t len)
{
	const uint8_t *in = at + 1, *end = in + len;
	uint8_t *to = at;

	if (len == 0)
		return 0;
	if (a->last_was_cr && *in != '\n')
		*to++ = '\r';
	a->last_was_cr = false;
	while (in < end) {
		const uint8_t *cr = memchr(in, '\r', (size_t)(end - in));
		size_t plain = (size_t)((cr ? cr : end) - in);

		memmove(to, in, plain);
		to += plain;
		in += plain;
		if (!cr)
			break;
		in++;
		if (in == end)
			a->last_was_cr = true; /* the next piece tells */
		else if (*in != '\n')
			*to++ = '\r';
	}
	return (size_t)(to - at);
}

bool
ftp_ascii_rest(struct ftp_ascii *a)
{
	bool rest = a->last_was_cr;

	a->last_was_cr = false;
	return rest;
}
