/* SPDX-License-Identifier: ISC */
/* limits.c - the limits of one user as text. Pure. What cannot be read fits nobody. */
#include "auth/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/base/hours.h"
#include "server/base/net.h"

struct login {
	bool is_sftp;
	const char *addr;
	time_t now;
};

/* YYYY-MM-DD, the moment at which that day begins here. -1: it is none. */
static time_t
day(const char *text)
{
	static const char form[] = "dddd-dd-dd";
	struct tm tm = { .tm_isdst = -1 }, asked;
	int year = 0;

	if (strlen(text) != sizeof(form) - 1)
		return -1;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return -1;
	for (size_t i = 0; i < 4; i++)
		year = year * 10 + (text[i] - '0');
	tm.tm_year = year - 1900;
	tm.tm_mon = (text[5] - '0') * 10 + (text[6] - '0') - 1;
	tm.tm_mday = (text[8] - '0') * 10 + (text[9] - '0');
	asked = tm;
	if (mktime(&tm) == -1 || tm.tm_mon != asked.tm_mon || tm.tm_mday != asked.tm_mday)
		return -1; /* the 30th of February */
	return mktime(&asked);
}

static bool
ok_expires(const char *value)
{
	return day(value) != -1;
}

static bool
in_expires(const char *value, const struct login *l)
{
	return l->now < day(value);
}

static bool
ok_protocol(const char *value)
{
	return strcmp(value, "ftps") == 0 || strcmp(value, "sftp") == 0;
}

static bool
in_protocol(const char *value, const struct login *l)
{
	return strcmp(value, l->is_sftp ? "sftp" : "ftps") == 0;
}

static bool
in_network(const char *value, const struct login *l)
{
	return net_has(value, l->addr);
}

static bool
in_hours(const char *value, const struct login *l)
{
	struct tm local;

	return localtime_r(&l->now, &local) && hours_have(value, &local);
}

static const struct word {
	const char *name;
	bool (*ok)(const char *value);
	bool (*in)(const char *value, const struct login *l);
	const char *reason, *fault;
} words[] = {
	{ "expires", ok_expires, in_expires, "his account has expired",
	  "expires takes a day such as 2027-01-31" },
	{ "protocols", ok_protocol, in_protocol, "not his protocol",
	  "protocols are ftps and sftp" },
	{ "networks", net_is_network, in_network, "not one of his networks",
	  "networks are such as 192.0.2.0/24" },
	{ "hours", hours_ok, in_hours, "not one of his hours",
	  "hours are such as Mon-Fri 08:00-18:00" },
};

/* Cuts the next NAME=VALUE off *rest. Returns its row and the value, or NULL: no such word. */
static const struct word *
next_word(char **rest, const char **ret_value)
{
	char *name = strsep(rest, ";"), *value = strchr(name, '=');

	if (!value)
		return NULL;
	*value++ = '\0';
	*ret_value = value;
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (strcmp(name, words[i].name) == 0)
			return &words[i];
	return NULL;
}

const char *
limits_fault(const char *limits)
{
	char room[LIMITS_MAX], *rest = room;

	if (text_copy(room, sizeof(room), limits) < 0)
		return "the limits (last field) are too long";
	while (*limits && rest) {
		const char *value;
		const struct word *word = next_word(&rest, &value);

		if (!word)
			return "the limits (last field) are expires=, protocols=, networks= and "
			       "hours=, "
			       "with ; between them";
		if (!word->ok(value))
			return word->fault;
	}
	return NULL;
}

int
limits_check(const char *limits, bool is_sftp, const char *addr, time_t now,
	     const char **ret_reason)
{
	const struct login login = { .is_sftp = is_sftp, .addr = addr, .now = now };
	bool said[COUNT_OF(words)] = { false }, fits[COUNT_OF(words)] = { false };
	char room[LIMITS_MAX], *rest = room;

	*ret_reason = "his limits cannot be read";
	if (limits_fault(limits) || text_copy(room, sizeof(room), limits) < 0)
		return -EACCES;
	while (*limits && rest) {
		const char *value;
		size_t i = (size_t)(next_word(&rest, &value) - words);

		said[i] = true;
		fits[i] |= words[i].in(value, &login);
	}
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (said[i] && !fits[i]) {
			*ret_reason = words[i].reason;
			return -EACCES;
		}
	return 0;
}

int
limits_set(char *limits, size_t size, const char *name, const char *list)
{
	char old[LIMITS_MAX], made[LIMITS_MAX], values[LIMITS_MAX], *rest = old, *value;
	struct text t;

	if (text_copy(old, sizeof(old), limits) < 0 || text_copy(values, sizeof(values), list) < 0)
		return -ENOSPC;
	text_init(&t, made, sizeof(made));
	while (*limits && (value = strsep(&rest, ";")))
		if (strncmp(value, name, strlen(name)) != 0 || value[strlen(name)] != '=')
			text_printf(&t, "%s%s", t.len ? ";" : "", value);
	rest = strcmp(list, "none") == 0 || !*list ? NULL : values;
	while (rest && (value = strsep(&rest, ",")))
		text_printf(&t, "%s%s=%s", t.len ? ";" : "", name, value);
	if (t.cut)
		return -ENOSPC;
	if (limits_fault(made))
		return -EINVAL;
	return text_copy(limits, size, made);
}
