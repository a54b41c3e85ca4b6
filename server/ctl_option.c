/* SPDX-License-Identifier: ISC */
/* ctl_option.c - options of sub-commands, all of which take a value. */
#include <assert.h>
#include <getopt.h>

#include "server/ctl.h"

#define OPTIONS_MAX 12
/* getopt_long() says this for the first one, and counts up. */
#define FIRST 256

bool
ctl_options(int argc, char *argv[], const struct ctl_option *options, size_t count)
{
	struct option longer[OPTIONS_MAX + 1] = { { NULL, 0, NULL, 0 } };
	char letters[2 * OPTIONS_MAX + 1] = "", *end = letters;
	int c;

	assert(count <= OPTIONS_MAX);
	for (size_t i = 0; i < count; i++) {
		longer[i].name = options[i].name;
		longer[i].has_arg = required_argument;
		longer[i].val = FIRST + (int)i;
		if (options[i].letter) {
			*end++ = options[i].letter;
			*end++ = ':';
		}
	}
	while ((c = getopt_long(argc, argv, letters, longer, NULL)) != -1) {
		const char **value = NULL;

		for (size_t i = 0; i < count; i++)
			if (c == FIRST + (int)i || (c == options[i].letter && c != 0))
				value = options[i].value;
		if (!value)
			return false;
		*value = optarg;
	}
	return true;
}
