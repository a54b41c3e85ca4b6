/* SPDX-License-Identifier: ISC */
/*
 * check.c - what no single key can know: keys that contradict each other, and the world around the
 * configuration (files, accounts). A verdict, no effect; nothing is kept open.
 */
#include "conf/check_in.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conf/trust.h"
#include "conf/value.h"
#include "server/base/fd.h"
#include "server/base/net.h"

#define PEM_MAX ((size_t)256 * 1024)

static bool
is_ftps(const struct conf_listener *l)
{
	return l->protocol != CONF_SFTP;
}

static int
family_of(const char *address)
{
	if (strcmp(address, "*") == 0)
		return AF_UNSPEC;
	return strchr(address, ':') ? AF_INET6 : AF_INET;
}

/* The same address, written in whatever way, or one that stands for all. */
static bool
addresses_meet(const char *a, const char *b)
{
	unsigned char x[16] = { 0 }, y[16] = { 0 };
	static const unsigned char any[16];
	int family = family_of(a);

	if (family == AF_UNSPEC || family_of(b) == AF_UNSPEC)
		return true;
	if (family != family_of(b) || inet_pton(family, a, x) != 1 || inet_pton(family, b, y) != 1)
		return false;
	return memcmp(x, y, 16) == 0 || memcmp(x, any, 16) == 0 || memcmp(y, any, 16) == 0;
}

/* Nobody outside can reach it. */
static bool
is_private(const char *address)
{
	static const char *const networks[] = { "10.0.0.0/8",	 "172.16.0.0/12",  "192.168.0.0/16",
						"100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8" };

	for (size_t i = 0; i < COUNT_OF(networks); i++)
		if (net_has(networks[i], address))
			return true;
	return false;
}

static void
check_external(struct check *c)
{
	const struct conf *conf = c->conf;
	static const char nowhere[] = "0.0.0.0";

	if (conf->ftps.external_address && strcmp(conf->ftps.external_address, nowhere) == 0)
		COMPLAIN(c, &conf->ftps.external_address,
			 "ftps.external-address: nobody can connect to it");
	else if (conf->ftps.external_address && is_private(conf->ftps.external_address))
		WARN(c, &conf->ftps.external_address,
		     "ftps.external-address: %s is private: clients on the Internet cannot connect "
		     "to it "
		     "(ftps.external has addresses for some networks)",
		     conf->ftps.external_address);
	for (size_t i = 0; i < conf->ftps.external_count; i++) {
		const struct conf_external *e = &conf->ftps.externals[i];

		if (strcmp(e->address, nowhere) == 0)
			report_error(&c->report, &e->place,
				     "ftps.external: nobody can connect to %s", nowhere);
		else if (e->networks.count == 0 && is_private(e->address))
			report_warning(
			    &c->report, &e->place,
			    "ftps.external: %s is private and said to all clients; networks: "
			    "says who can reach it",
			    e->address);
	}
}

static void
check_listeners(struct check *c)
{
	const struct conf *conf = c->conf;
	bool ftps = false, sftp = false;

	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct conf_listener *l = &conf->listeners[i];

		ftps |= is_ftps(l);
		sftp |= !is_ftps(l);
		for (size_t j = 0; j < i; j++) {
			const struct conf_listener *other = &conf->listeners[j];

			if (l->port == other->port && addresses_meet(l->address, other->address))
				report_error(&c->report, &l->place,
					     "listeners.%s: port %u is already that of "
					     "listeners.%s (line %u)",
					     l->name, l->port, other->name, other->place.line);
		}
		if (l->port >= conf->ftps.passive_first && l->port <= conf->ftps.passive_last)
			report_error(&c->report, &l->place,
				     "listeners.%s: port %u is one of ftps.passive-ports (%u-%u)",
				     l->name, l->port, conf->ftps.passive_first,
				     conf->ftps.passive_last);
		if (!is_ftps(l) && conf_place_of(conf, &l->binding).line > 0)
			COMPLAIN(c, &l->binding, "listeners.%s: data-binding is for ftps only",
				 l->name);
	}
	if (ftps && conf->tls.certificate_count == 0)
		COMPLAIN(c, NULL, "an ftps listener needs tls.certificates");
	if (sftp && conf->sftp.host_keys.count == 0)
		COMPLAIN(c, NULL, "an sftp listener needs sftp.host-keys");
}

/*
 * Opens a file whose name field points to, and looks for the words that such a file has. Complains
 * under the name what. Returns its bytes (the caller's, to be wiped and freed) or NULL.
 */
static char *
read_pem(struct check *c, const char *path, const void *field, const char *what, mode_t forbidden,
	 const char *word, size_t *ret_len)
{
	char storage[256], *bytes;
	FD_OWN int fd = -1;
	struct text why;
	int err;

	text_init(&why, storage, sizeof(storage));
	err = trust_open(path, forbidden, &why, &fd);
	if (err < 0) {
		COMPLAIN(c, field, "%s: %s %s%s", what, path, why.at,
			 err == -EACCES && geteuid() != 0 ? " (try as root)" : "");
		return NULL;
	}
	err = fd_read_file(fd, PEM_MAX, &bytes, ret_len);
	if (err < 0) {
		COMPLAIN(c, field, "%s: %s cannot be read: %s", what, path, strerror(-err));
		return NULL;
	}
	if (!strstr(bytes, word)) {
		COMPLAIN(c, field, "%s: %s is not in PEM format (\"%s\" is not in it)", what, path,
			 word);
		mem_wipe(bytes, *ret_len);
		free(bytes);
		return NULL;
	}
	return bytes;
}

static void
check_key_file(struct check *c, const char *path, const void *field, const char *what)
{
	size_t len;
	char *bytes = read_pem(c, path, field, what, TRUST_OTHERS_ANY, "PRIVATE KEY-----", &len);

	if (!bytes)
		return;
	if (strstr(bytes, "ENCRYPTED"))
		COMPLAIN(c, field, "%s: %s has a passphrase, and nobody would be there to type it",
			 what, path);
	mem_wipe(bytes, len);
	free(bytes);
}

static void
check_keys(struct check *c)
{
	const struct conf *conf = c->conf;

	for (size_t i = 0; i < conf->tls.certificate_count; i++) {
		const struct conf_certificate *pair = &conf->tls.certificates[i];
		size_t len;

		free(read_pem(c, pair->certificate, &pair->certificate, "tls.certificates",
			      TRUST_OTHERS_WRITE, "-----BEGIN CERTIFICATE-----", &len));
		check_key_file(c, pair->key, &pair->key, "tls.certificates");
	}
	for (size_t i = 0; i < conf->sftp.host_keys.count; i++) {
		char *const *name = &conf->sftp.host_keys.at[i];

		check_key_file(c, *name, name, "sftp.host-keys");
		for (size_t j = 0; j < i; j++) {
			if (strcmp(*name, conf->sftp.host_keys.at[j]) == 0)
				COMPLAIN(c, name, "sftp.host-keys: %s is there twice", *name);
		}
	}
}

/* Where it lies nobody else may exchange it, and what is run is what root has put there. */
static void
check_hooks(struct check *c)
{
	const struct conf *conf = c->conf;
	char why_room[4400];
	FD_OWN int fd = -1;
	struct text why;
	struct stat st;

	if (!conf->hooks.spool) {
		if (conf->hooks.program)
			WARN(c, &conf->hooks.program,
			     "hooks.program is never run without hooks.spool");
		return;
	}
	text_init(&why, why_room, sizeof(why_room));
	/*
	 * It is made there and given away: whoever could exchange it could be given something else.
	 */
	if (trust_above(conf->hooks.spool, &why) < 0)
		COMPLAIN(c, &conf->hooks.spool, "hooks.spool: %s %s", conf->hooks.spool, why.at);
	if (!conf->hooks.program)
		return;
	text_reset(&why);
	if (trust_open(conf->hooks.program, TRUST_OTHERS_WRITE, &why, &fd) < 0 ||
	    trust_above(conf->hooks.program, &why) < 0)
		COMPLAIN(c, &conf->hooks.program, "hooks.program: it %s", why.at);
	else if (fstat(fd, &st) == 0 && !(st.st_mode & 0111))
		COMPLAIN(c, &conf->hooks.program, "hooks.program: it is not executable (chmod +x)");
}

static bool
is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static void
check_share_path(struct check *c, const struct conf_share *s)
{
	static const char *const never[] = { "/proc", "/sys", "/dev" };
	struct stat st;
	char *real;

	for (size_t i = 0; i < COUNT_OF(never); i++) {
		if (is_below(s->path, never[i]))
			COMPLAIN(c, &s->path, "shares.%s: %s is the kernel's and cannot be shared",
				 s->name, never[i]);
	}
	if (strcmp(s->path, "/") == 0)
		WARN(c, &s->path, "shares.%s: this is the whole machine", s->name);
	if (strchr(s->path, '%') || s->create)
		return;
	real = realpath(s->path, NULL);
	if (!real || stat(s->path, &st) < 0)
		WARN(c, &s->path,
		     "shares.%s: %s: %s; sessions will not have it (create: yes makes it)", s->name,
		     s->path, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		COMPLAIN(c, &s->path, "shares.%s: %s is not a directory", s->name, s->path);
	else if (strcmp(real, s->path) != 0)
		COMPLAIN(c, &s->path, "shares.%s: there is a symbolic link in %s; write %s",
			 s->name, s->path, real);
	free(real);
}

static void
check_group(struct check *c, const struct conf_share *s)
{
	if (s->force_group && !getgrnam(s->force_group))
		COMPLAIN(c, &s->force_group, "shares.%s: there is no group \"%s\"", s->name,
			 s->force_group);
}

/* What is used is written down in state-dir, by whoever starts the server. */
static void
check_quota(struct check *c, const struct conf_share *s)
{
	const char *dir = c->conf->state_dir;
	const void *field = s->quota_bytes ? &s->quota_bytes : &s->quota_files;

	if ((!s->quota_bytes && !s->quota_files) || c->conf->mode != CONF_PERSONAL)
		return;
	if (access(dir, W_OK | X_OK) < 0 && errno != ENOENT)
		COMPLAIN(c, field,
			 "shares.%s: quotas are kept in state-dir, but %s cannot be written (%s); "
			 "set state-dir to a directory of yours",
			 s->name, dir, strerror(errno));
}

/* Is there somebody who certainly gets both? */
static bool
shares_meet(const struct conf_share *a, const struct conf_share *b)
{
	if (a->users.count == 0 || b->users.count == 0)
		return true;
	for (size_t i = 0; i < a->users.count; i++) {
		for (size_t j = 0; j < b->users.count; j++) {
			if (strcmp(a->users.at[i], b->users.at[j]) == 0)
				return true;
		}
	}
	return false;
}

static void
check_shares(struct check *c)
{
	const struct conf *conf = c->conf;

	for (size_t i = 0; i < conf->share_count; i++) {
		const struct conf_share *s = &conf->shares[i];

		check_share_path(c, s);
		check_quota(c, s);
		check_group(c, s);
		for (size_t j = 0; j < i; j++) {
			const struct conf_share *other = &conf->shares[j];

			if (strcmp(s->mount, other->mount) == 0 && shares_meet(s, other))
				report_error(&c->report, &s->place,
					     "shares.%s: its mount %s is already that of shares.%s "
					     "(line %u)",
					     s->name, s->mount, other->name, other->place.line);
		}
		if (s->upload == CONF_UPLOAD_DIRECT &&
		    conf_place_of(conf, &s->partial_keep_ms).line)
			WARN(c, &s->partial_keep_ms,
			     "shares.%s: partial-keep has no effect with upload: direct", s->name);
	}
}

/* The control socket is made there, and the address of a socket has little room (unix(7)). */
static void
check_run_dir(struct check *c)
{
	static const char name[] = "/control";
	const size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - sizeof(name);

	if (strlen(c->conf->run_dir) > most)
		WARN(c, &c->conf->run_dir,
		     "run-dir: more than %zu bytes are no place for a socket, so cofferctl who, "
		     "ban, kick and their like do not reach the server",
		     most);
}

int
conf_check_keys(const struct conf *conf, conf_complain_fn *complain, void *ctx)
{
	struct check c = { .conf = conf };

	report_init(&c.report, complain, ctx);
	check_keys(&c);
	return c.report.errors > 0 ? -EINVAL : 0;
}

int
conf_check(const struct conf *conf, conf_complain_fn *complain, void *ctx)
{
	struct check c = { .conf = conf };

	report_init(&c.report, complain, ctx);
	check_run_dir(&c);
	check_listeners(&c);
	check_external(&c);
	check_keys(&c);
	check_logins(&c);
	check_hooks(&c);
	check_shares(&c);
	return c.report.errors > 0 ? -EINVAL : 0;
}
