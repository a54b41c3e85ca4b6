/* SPDX-License-Identifier: ISC */
/*
 * factor.c - sets of factors as bits. No state; the same in wire, which shows it, and monitor,
 * which means it.
 */
#include "auth/factor.h"

#include <string.h>

#include "auth/auth.h"
#include "auth/policy.h"

static const struct {
	const char *name;
	uint32_t factor;
} names[] = {
	{ "password", FACTOR_PASSWORD },
	{ "publickey", FACTOR_KEY },
	{ "totp", FACTOR_CODE },
	{ "certificate", FACTOR_CERTIFICATE },
};

static uint32_t
parse(const char *word)
{
	uint32_t set = 0;

	while (*word) {
		size_t len = strcspn(word, "+");

		for (size_t i = 0; i < COUNT_OF(names); i++)
			if (strlen(names[i].name) == len && strncmp(word, names[i].name, len) == 0)
				set |= names[i].factor;
		word += len + (word[len] == '+');
	}
	return set;
}

/* Without the key each of the first two alone is enough. */
#define USUAL_COUNT 2

/* The alternative at this place; 0 behind the last. */
static uint32_t
alternative(const struct conf_list *list, size_t i)
{
	if (list->count == 0)
		return i < USUAL_COUNT ? names[i].factor : 0;
	return i < list->count ? parse(list->at[i]) : 0;
}

bool
factor_enough(const struct conf_list *list, uint32_t have)
{
	uint32_t set;

	for (size_t i = 0; (set = alternative(list, i)) != 0; i++)
		if ((have & set) == set)
			return true;
	return false;
}

/* What is missing in the alternatives; with all of have in them, or in any of them. */
static uint32_t
missing(const struct conf_list *list, uint32_t have, bool with_all)
{
	uint32_t set, all = 0;

	for (size_t i = 0; (set = alternative(list, i)) != 0; i++)
		if (!with_all || (set & have) == have)
			all |= set & ~have;
	/* A code alone says nothing about who somebody is: it never comes first. */
	return have == 0 ? all & ~(uint32_t)FACTOR_CODE : all;
}

uint32_t
factor_missing(const struct conf_list *list, uint32_t have)
{
	return missing(list, have, false);
}

uint32_t
factor_next(const struct conf_list *list, uint32_t have)
{
	uint32_t next = missing(list, have, true);

	return next ? next : missing(list, have, false);
}

static const struct method {
	const char *word;
	uint32_t method, factors;
} ssh_methods[] = {
	{ "password", AUTH_PASSWORD, FACTOR_PASSWORD },
	{ "publickey", AUTH_PUBLICKEY, FACTOR_KEY },
	{ "keyboard-interactive", AUTH_INTERACTIVE, FACTOR_PASSWORD | FACTOR_CODE },
};

static bool
has_method(const struct conf *conf, const struct method *m)
{
	for (size_t i = 0; i < conf->auth.methods.count; i++)
		if (strcmp(conf->auth.methods.at[i], m->word) == 0)
			return true;
	return false;
}

uint32_t
factor_methods(const struct conf *conf, uint32_t factors)
{
	uint32_t all = 0;

	for (size_t i = 0; i < COUNT_OF(ssh_methods); i++)
		if ((factors & ssh_methods[i].factors) && has_method(conf, &ssh_methods[i]))
			all |= ssh_methods[i].method;
	return all;
}

uint32_t
factor_possible(const struct conf *conf, const struct conf_listener *listener)
{
	uint32_t all = 0;

	if (listener->protocol != CONF_SFTP)
		return FACTOR_PASSWORD | FACTOR_CODE |
		       (conf->tls.client_ca ? (uint32_t)FACTOR_CERTIFICATE : 0);
	for (size_t i = 0; i < COUNT_OF(ssh_methods); i++)
		if (has_method(conf, &ssh_methods[i]))
			all |= ssh_methods[i].factors;
	return all;
}

size_t
factor_put(struct text *t, const struct conf_list *list, uint32_t possible, bool can)
{
	size_t count = 0;
	uint32_t set;

	for (size_t i = 0; (set = alternative(list, i)) != 0; i++) {
		if (((set & ~possible) == 0) != can)
			continue;
		text_puts(t, count ? ", or " : "");
		text_puts(t, list->count ? list->at[i] : names[i].name);
		count++;
	}
	return count;
}

uint32_t
auth_methods(const struct conf *conf, const struct conf_listener *listener, const char *addr)
{
	const struct policy_case c = { .conf = conf, .listener = listener, .addr = addr };

	return factor_methods(conf, policy_first_factors(&c));
}
