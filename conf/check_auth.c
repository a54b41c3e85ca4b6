/* SPDX-License-Identifier: ISC */
/*
 * check_auth.c - accounts, factors, rules and files of users: what no single key can know about
 * logins.
 */
#include "conf/check_in.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/trust.h"
#include "conf/value.h"
#include "server/base/fd.h"

/* A name or number of an account that one of our processes becomes. (uid_t)-1: there is none. */
static uid_t
check_account(struct check *c, char *const *field, const char *what)
{
	const struct passwd *pw = getpwnam(*field);
	uint64_t number;
	uid_t uid = (uid_t)-1;
	gid_t gid = 1;

	if (pw) {
		uid = pw->pw_uid;
		gid = pw->pw_gid;
	} else if (num_u64(*field, UINT32_MAX - 1, &number) == 0) {
		uid = (uid_t)number;
	} else {
		COMPLAIN(c, field, "%s: there is no account \"%s\" (packaging/sysusers makes ours)",
			 what, *field);
	}
	if (uid == 0)
		COMPLAIN(c, field, "%s: root is what it must not be", what);
	else if (gid == 0)
		COMPLAIN(c, field, "%s: its group is root's, which it must not be in", what);
	return uid;
}

/* Each process that is apart has an account that is. */
static void
check_accounts(struct check *c)
{
	const struct conf *conf = c->conf;
	const struct {
		const char *what;
		char *const *field;
		bool wanted;
	} all[] = {
		{ "wire-user", &conf->wire_user, true },
		{ "keys-user", &conf->keys_user, true },
		{ "hooks.user", &conf->hooks.user, conf->hooks.spool != NULL },
		{ "cluster.user", &conf->cluster.user, conf->cluster.redis != NULL },
		{ "auth.anonymous-user", &conf->auth.anonymous_user,
		  conf->auth.anonymous_user != NULL },
	};
	uid_t uids[COUNT_OF(all)];

	if (conf->mode != CONF_SYSTEM)
		return;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		uids[i] = all[i].wanted ? check_account(c, all[i].field, all[i].what) : (uid_t)-1;
		for (size_t k = 0; k < i; k++)
			if (uids[i] != (uid_t)-1 && uids[i] == uids[k])
				COMPLAIN(
				    c, all[i].field,
				    "%s: %s is the same account, so the two would not be apart",
				    all[i].what, all[k].what);
	}
}

static void
check_factors(struct check *c, const struct conf_list *factors, const char *what)
{
	const struct conf *conf = c->conf;
	bool asks = false;

	for (size_t i = 0; i < conf->auth.methods.count; i++)
		asks |= strcmp(conf->auth.methods.at[i], "keyboard-interactive") == 0;
	for (size_t i = 0; i < factors->count; i++) {
		char *const *word = &factors->at[i];

		if (!strstr(*word, "totp"))
			continue;
		if (!conf->auth.users_file)
			COMPLAIN(c, word,
				 "%s: %s: the secrets for totp are beside auth.users-file, "
				 "which is missing",
				 what, *word);
		else if (!asks)
			WARN(c, word,
			     "%s: %s: SFTP clients are asked for the code over "
			     "keyboard-interactive, which is not in auth.methods",
			     what, *word);
	}
}

static void
check_auth_rules(struct check *c)
{
	const struct conf *conf = c->conf;

	check_factors(c, &conf->auth.factors, "auth.factors");
	for (size_t i = 0; i < conf->auth.rule_count; i++) {
		const struct conf_auth_rule *rule = &conf->auth.rules[i];

		check_factors(c, &rule->factors, "auth.rules");
		for (size_t k = 0; k < rule->listeners.count; k++) {
			char *const *name = &rule->listeners.at[k];
			bool found = false;

			for (size_t j = 0; j < conf->listener_count; j++)
				found |= strcmp(conf->listeners[j].name, *name) == 0;
			if (!found)
				COMPLAIN(c, name, "auth.rules: there is no listener \"%s\"", *name);
		}
		if (!rule->allow && (rule->factors.count || rule->sessions))
			report_warning(
			    &c->report, &rule->place,
			    "auth.rules: factors and sessions mean nothing beside allow: no");
	}
}

/* A file of lines that names are looked up in. */
static void
check_lines(struct check *c, char *const *field, const char *what, const char *maker)
{
	char storage[4400];
	struct text why;
	struct stat st;

	if (!*field)
		return;
	text_init(&why, storage, sizeof(storage));
	/*
	 * A file that is gone keeps nobody out: its names may be those of accounts of the system.
	 */
	if (trust_above(*field, &why) == -EPERM)
		WARN(c, field, "%s: %s %s", what, *field, why.at);
	text_reset(&why);
	if (stat(*field, &st) < 0)
		WARN(c, field, "%s: %s: %s (%s makes it)", what, *field, strerror(errno), maker);
	else if (!S_ISREG(st.st_mode))
		COMPLAIN(c, field, "%s: %s is not a regular file", what, *field);
	else if (trust_check(&st, TRUST_OTHERS_WRITE, &why) < 0)
		COMPLAIN(c, field, "%s: %s %s", what, *field, why.at);
	else if ((st.st_mode & S_IROTH) && field == &c->conf->auth.users_file)
		WARN(c, field,
		     "%s: everybody on this machine can read the hashes in %s (chmod 0600)", what,
		     *field);
}

/* What root runs, or reads a secret from, must be root's. */
static void
check_trusted(struct check *c, char *const *field, const char *what, mode_t forbidden)
{
	char storage[4400];
	FD_OWN int fd = -1;
	struct text why;

	text_init(&why, storage, sizeof(storage));
	if (*field &&
	    (trust_open(*field, forbidden, &why, &fd) < 0 || trust_above(*field, &why) < 0))
		COMPLAIN(c, field, "%s: %s %s", what, *field, why.at);
}

static void
check_sources(struct check *c)
{
	const struct conf *conf = c->conf;

	if (!conf->auth.pam_service && !conf->auth.users_file)
		COMPLAIN(c, &conf->auth.users_file, "nobody could log in: write auth.users-file%s",
			 conf->mode == CONF_SYSTEM ? " or auth.pam-service" : "");
	check_lines(c, &conf->auth.users_file, "auth.users-file", "cofferctl user add");
	check_lines(c, &conf->auth.groups_file, "auth.groups-file", "cofferctl group add");
	check_lines(c, &conf->auth.certificate_file, "auth.certificate-file", "an editor");
	check_trusted(c, &conf->auth.password_check, "auth.password-check", TRUST_OTHERS_WRITE);
	check_trusted(c, &conf->cluster.password_file, "cluster.password-file", TRUST_OTHERS_ANY);
}

static bool
is_for_anybody(uint32_t rights)
{
	uint32_t read_only = RIGHTS_READ_ONLY, drop_box = RIGHTS_DROP_BOX;

	return (rights & ~read_only) == 0 || (rights & ~drop_box) == 0;
}

/* Anybody may come, so nobody may change what others brought. */
static void
check_anonymous(struct check *c, const struct conf_share *s)
{
	static const char *const words =
	    "shares.%s: anonymous gets it, so its rights are read-only or "
	    "drop-box";
	bool named = false;

	for (size_t i = 0; i < s->users.count; i++)
		named |= strcmp(s->users.at[i], "anonymous") == 0;
	if (!named || !c->conf->auth.anonymous_user)
		return;
	if (!is_for_anybody(s->rights))
		COMPLAIN(c, &s->rights, words, s->name);
	for (size_t i = 0; i < s->rule_count; i++)
		if (!is_for_anybody(s->rules[i].rights))
			report_error(&c->report, &s->rules[i].place, words, s->name);
}

void
check_logins(struct check *c)
{
	check_accounts(c);
	check_sources(c);
	check_auth_rules(c);
	for (size_t i = 0; i < c->conf->share_count; i++)
		check_anonymous(c, &c->conf->shares[i]);
}
