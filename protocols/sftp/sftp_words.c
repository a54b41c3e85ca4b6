/* SPDX-License-Identifier: ISC */
/*
 * sftp_words.c - see sftp_words.h. Must not: guess. What it does not know makes the whole line
 * void, so that no command does half of what was meant.
 */
#include "protocols/sftp/sftp_words.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Copies what a quote hides from *from to *to; both stand behind it afterwards. */
static int
copy_quoted(char quote, char **from, char **to)
{
	char *in = *from, *out = *to;

	while (*in && *in != quote) {
		if (quote == '"' && (*in == '$' || *in == '`'))
			return -EINVAL;
		if (quote == '"' && *in == '\\' && in[1] && strchr("\"\\$`", in[1]))
			in++;
		*out++ = *in++;
	}
	if (*in != quote)
		return -EINVAL;
	*from = in + 1;
	*to = out;
	return 0;
}

/* One word, in place. */
static int
copy_word(char **from, char **to, bool patterns)
{
	char *in = *from, *out = *to;

	if (*in == '~' && strchr("/ \t", in[1])) { /* home: where the session begins; "" too */
		*out++ = '.';
		in++;
	}
	while (*in && *in != ' ' && *in != '\t') {
		if (*in == '\'' || *in == '"') {
			char quote = *in++;
			int err = copy_quoted(quote, &in, &out);

			if (err < 0)
				return err;
		} else if (*in == '\\') {
			if (!*++in)
				return -EINVAL;
			*out++ = *in++;
		} else if (strchr("$`;&|<>()\r\n", *in) || (!patterns && strchr("*?[", *in))) {
			return -EINVAL;
		} else if (in == *from && strchr("#~", *in)) { /* elsewhere they are plain */
			return -EINVAL;
		} else {
			*out++ = *in++;
		}
	}
	*from = in;
	*to = out;
	return 0;
}

int
sftp_words(char *line, bool patterns, char **words, size_t max, size_t *ret_count)
{
	char *in = line;
	size_t count = 0;

	for (;;) {
		char *out;
		bool more;
		int err;

		in += strspn(in, " \t");
		if (!*in)
			break;
		if (count == max)
			return -E2BIG;
		words[count++] = out = in;
		err = copy_word(&in, &out, patterns);
		if (err < 0)
			return err;
		more = *in != '\0';
		*out = '\0';
		in += more;
	}
	*ret_count = count;
	return 0;
}
