/* SPDX-License-Identifier: ISC */
/* form.c - what a text must look like: one rule for each type of the schema that is text. Pure. */
#include "conf/form.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "server/base/hours.h"
#include "server/base/net.h"
#include "server/base/text.h"

#define NAME_MAX_BYTES 64
/* fnmatch(3) tries many ways for each star. */
#define PATTERN_STARS_MAX 6

static bool
has_control(const char *text, const char *allowed)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c < 0x20 || c == 0x7f) && !strchr(allowed, c))
			return true;
	}
	return false;
}

/* Goes over the components of an absolute path; ok says what one may be. */
static bool
components_are(const char *path, bool (*ok)(const char *component, size_t len))
{
	if (path[0] != '/')
		return false;
	if (path[1] == '\0')
		return true;
	while (*path == '/') {
		size_t len = strcspn(++path, "/");

		if (len == 0 || len > 255 || (len == 1 && path[0] == '.') ||
		    (len == 2 && path[0] == '.' && path[1] == '.') || !ok(path, len))
			return false;
		path += len;
	}
	return true;
}

static bool
any_component(const char *component, size_t len)
{
	(void)component;
	(void)len;
	return true;
}

static bool
template_component(const char *component, size_t len)
{
	return !memchr(component, '%', len) || (len == 2 && memcmp(component, "%u", 2) == 0);
}

/* Absolute, one '/' between components, no "." and "..", no '/' at the end but in "/" itself. */
static bool
is_clean_path(const char *path)
{
	return components_are(path, any_component);
}

/* The same, where %u may stand as a whole component and %h as the first. */
static bool
is_template(const char *path)
{
	if (strcmp(path, "%h") == 0)
		return true;
	if (strncmp(path, "%h/", 3) == 0)
		path += 2;
	return components_are(path, template_component);
}

static const char *
form_line(const char *text)
{
	return has_control(text, "") ? "one line without control characters" : NULL;
}

static const char *
form_text(const char *text)
{
	return has_control(text, "\n\t") ? "text without control characters" : NULL;
}

/* [A-Za-z0-9_.][A-Za-z0-9_.@+-]{0,63}, and neither "." nor "..": what a name of a user may be. */
static bool
is_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_BYTES || strchr("@+-", name[0]))
		return false;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (; *name; name++) {
		if (!isascii((unsigned char)*name) ||
		    (!isalnum((unsigned char)*name) && !strchr("_.@+-", *name)))
			return false;
	}
	return true;
}

static const char *
form_name(const char *text)
{
	return is_name(text) ? NULL : "a name made of letters, digits and _ . @ + -";
}

static const char *
form_path(const char *text)
{
	return is_clean_path(text) && !has_control(text, "")
		   ? NULL
		   : "an absolute path without \".\", \"..\" and double or ending slashes";
}

static const char *
form_template(const char *text)
{
	return is_template(text) && !has_control(text, "")
		   ? NULL
		   : "an absolute path in which %u may be a whole component, or %h the first";
}

static const char *
form_mount(const char *text)
{
	return is_clean_path(text) && !has_control(text, "")
		   ? NULL
		   : "a virtual path such as / or /incoming";
}

static const char *
form_ipv4(const char *text)
{
	struct in_addr addr;

	return inet_pton(AF_INET, text, &addr) == 1 ? NULL : "an IPv4 address";
}

static const char *
form_address(const char *text)
{
	struct in6_addr addr;

	if (strcmp(text, "*") == 0 || inet_pton(AF_INET, text, &addr) == 1 ||
	    inet_pton(AF_INET6, text, &addr) == 1)
		return NULL;
	return "an IPv4 or IPv6 address, or *";
}

static const char *
form_network(const char *text)
{
	return net_is_network(text) ? NULL : "an address, or a network such as 192.0.2.0/24";
}

static const char *
form_member(const char *text)
{
	return is_name(text[0] == '@' ? text + 1 : text)
		   ? NULL
		   : "the name of a user, or @ and the name of a group";
}

static const char *
form_endpoint(const char *text)
{
	struct sockaddr_storage addr;
	socklen_t len;

	return net_endpoint(text, &addr, &len) == 0
		   ? NULL
		   : "an address and a port, such as 192.0.2.1:6379";
}

static const char *
form_hours(const char *text)
{
	return hours_ok(text) ? NULL : "times such as Mon-Fri 08:00-18:00, Sat,Sun or 22:00-06:00";
}

/* Each at most once. A code alone says nothing about who somebody is. */
static const char *
form_factors(const char *text)
{
	static const char *const names[] = { "password", "publickey", "totp", "certificate" };
	unsigned int all = 0;

	for (const char *at = text;; at++) {
		size_t len = strcspn(at, "+"), i = 0;

		while (i < COUNT_OF(names) &&
		       (strlen(names[i]) != len || strncmp(at, names[i], len) != 0))
			i++;
		if (i == COUNT_OF(names) || (all & 1u << i))
			return "password, publickey, totp and certificate, joined with + and each "
			       "at most once";
		all |= 1u << i;
		at += len;
		if (*at == '\0')
			break;
	}
	return all == 1u << 2 ? "another factor beside totp, which alone does not say who it is"
			      : NULL;
}

static const char *
form_pattern(const char *text)
{
	size_t stars = 0;

	for (const char *p = text; *p; p++)
		stars += *p == '*';
	if (*text == '\0' || strlen(text) > 255 || strchr(text, '/') || has_control(text, "") ||
	    stars > PATTERN_STARS_MAX)
		return "a pattern of one file name (no slash, at most 6 stars)";
	return NULL;
}

/* Names become directories and words in logs. */
bool
form_is_title(const char *name)
{
	if (*name == '\0' || strlen(name) > NAME_MAX_BYTES || !text_is_utf8(name) ||
	    strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (; *name; name++) {
		if ((unsigned char)*name < 0x20 || *name == 0x7f || *name == '/')
			return false;
	}
	return true;
}

/* Indexed by type. Each returns NULL when the text is good, else what would be. */
static const char *(*const forms[])(const char *text) = {
	[SCHEMA_LINE] = form_line,	   [SCHEMA_TEXT] = form_text,
	[SCHEMA_NAME] = form_name,	   [SCHEMA_PATH] = form_path,
	[SCHEMA_TEMPLATE] = form_template, [SCHEMA_MOUNT] = form_mount,
	[SCHEMA_IPV4] = form_ipv4,	   [SCHEMA_ADDRESS] = form_address,
	[SCHEMA_NETWORK] = form_network,   [SCHEMA_MEMBER] = form_member,
	[SCHEMA_ENDPOINT] = form_endpoint, [SCHEMA_HOURS] = form_hours,
	[SCHEMA_FACTORS] = form_factors,   [SCHEMA_PATTERN] = form_pattern,
};

const char *
form_check(enum schema_type type, const char *text)
{
	return forms[type](text);
}
